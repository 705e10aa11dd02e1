"""Any file in, text and subtitles out: python -m tools.transcribe FILE... --checkpoint X."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from huggingface_hub import constants

from stages.common import params as parameters
from stages.common.errors import UserError
from stages.decoding import spoken_segments, transcription
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Hypothesis
from stages.records.units import SAMPLE_RATE
from stages.training import strategies
from stages.whisper import base_model, model
from tests.support.checkpoints import tiny_checkpoint
from tests.support.corpora import write, write_audio
from tests.support.hub_server import COMMIT, serving
from tools import sources
from tools.transcribe import __main__ as transcribe
from tools.transcribe import captions, recordings, targets
from tools.transcribe.captions import Caption
from tools.transcribe.options import Options

ROOT = Path(__file__).parent.parent

SEGMENTS = [
    Caption(SpokenSegment(0.0, 2.5, Hypothesis("The <b>dog</b> & I", -0.1), False)),
    Caption(SpokenSegment(2.5, 4.0, Hypothesis("", None), False)),
    Caption(SpokenSegment(3599.9996, 3661.25, Hypothesis("d\u00e9j\u00e0 vu", -0.2), False)),
]


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny_checkpoint(Path("tiny"))
    write_audio(Path("a/one.wav"), 1.0)
    write_audio(Path("a/long.flac"), 23.0, seed=1, rate=44_100)
    return tmp_path


@pytest.fixture(scope="module")
def settings() -> parameters.Params:
    settings = parameters.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"]["tokens_per_second"] = 0.1
    return parameters.Params.model_validate(settings)


def run(monkeypatch, *arguments: str) -> None:
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.setattr(sys, "argv", ["transcribe", *arguments])
    transcribe.main()


def test_subtitles():
    assert captions.srt("x", SEGMENTS) == (
        "1\n00:00:00,000 --> 00:00:02,500\nThe <b>dog</b> & I\n\n"
        "2\n01:00:00,000 --> 01:01:01,250\nd\u00e9j\u00e0 vu\n\n"
    )
    assert captions.vtt("x", SEGMENTS) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nThe &lt;b&gt;dog&lt;/b&gt; &amp; I\n\n"
        "01:00:00.000 --> 01:01:01.250\nd\u00e9j\u00e0 vu\n\n"
    )
    assert captions.text("x", SEGMENTS) == "The <b>dog</b> & I\nd\u00e9j\u00e0 vu\n"


def test_json_has_what_tells_doubtful_stretches():
    found = json.loads(captions.as_json("x.wav", SEGMENTS))
    assert (found["file"], found["text"]) == ("x.wav", "The <b>dog</b> & I d\u00e9j\u00e0 vu")
    assert found["segments"][1] == {
        "start": 2.5,
        "end": 4.0,
        "text": "",
        "log_probability": None,
        "compression_ratio": 0.0,
        "doubtful": False,
    }


def test_recordings_of_any_length_and_rate(workspace, monkeypatch, capsys):
    write_audio(Path("a/telephone.wav"), 2.0, rate=8_000)
    files = ("a/one.wav", "a/long.flac", "a/telephone.wav")
    run(monkeypatch, *files, "--checkpoint", "tiny", "--everything", "--format", "json", "--words")
    one, long, telephone = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["file"], len(one["segments"])) == ("one.wav", 1)
    assert telephone["segments"][-1]["end"] == pytest.approx(2.0, abs=0.01)
    for segment in long["segments"]:
        assert [word["word"] for word in segment["words"]] == segment["text"].split()
        assert all(segment["start"] <= word["start"] < word["end"] <= segment["end"] for word in segment["words"])
    assert long["segments"][-1]["end"] == pytest.approx(23.0, abs=0.01)
    assert len(long["segments"]) > 4


def test_each_recording_has_a_file_in_the_output_folder(workspace, monkeypatch):
    shutil.copy("a/one.wav", "a/two.wav")
    files = ("a/one.wav", "a/two.wav")
    run(monkeypatch, *files, "--checkpoint", "tiny", "--everything", "--format", "vtt", "--output", "out")
    assert Path("out/one.vtt").read_text().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n")
    assert sorted(path.name for path in Path("out").iterdir()) == ["one.vtt", "two.vtt"]


def test_segments_that_may_lack_their_end_are_counted(workspace, settings, monkeypatch, capsys):
    texts = [("I like the dog", True), ("no no no no no no", True), ("I like it", False), ("", False)]
    segments = [SpokenSegment(0, 1, Hypothesis(text, -0.1, is_cut), False) for text, is_cut in texts]
    monkeypatch.setattr(spoken_segments, "transcribe", lambda *_: segments)
    chosen = targets.targets([Path("a/one.wav"), Path("a/long.flac")], "text", Path("out"))
    recordings.transcribe(chosen, "tiny", settings, Options())
    assert "warning: 2 segment(s) were cut off at the limit of new tokens" in capsys.readouterr().err
    monkeypatch.setattr(spoken_segments, "transcribe", lambda *_: segments[1:])
    recordings.transcribe(chosen, "tiny", settings, Options())
    assert "warning" not in capsys.readouterr().err


def test_nothing_is_written_for_noise(workspace, monkeypatch, capsys):
    soundfile.write("a/silent.wav", np.zeros(40 * SAMPLE_RATE), SAMPLE_RATE)
    run(monkeypatch, "a/one.wav", "a/long.flac", "a/silent.wav", "--checkpoint", "tiny", "--format", "json", "--words")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert (json.loads(line)["text"], json.loads(line)["segments"]) == ("", [])


def test_one_bad_recording_does_not_keep_the_others_from_it(workspace, settings, capsys):
    Path("a/bad.wav").write_bytes(b"<html>")
    Path("a/empty.wav").write_bytes(b"")
    names = ("bad.wav", "empty.wav", "one.wav", "long.flac")
    chosen = targets.targets([Path(f"a/{name}") for name in names], "text", Path("out"))
    message = r"2 of 4 recordings could not be transcribed:\na/bad.wav: libsndfile.*\na/empty.wav: the file is empty"
    with pytest.raises(UserError, match=message):
        recordings.transcribe(chosen, "tiny", settings, Options())
    assert len(list(Path("out").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("a/none.wav", "a/none.wav is not a file"),
        ("empty", "empty holds no recordings; they end in one of"),
        ("a/one.wav a/long.flac --format srt", "--output"),
        ("a --format srt", "--output"),
        ("a/one.wav b/one.flac --output out", "would both be written to out/one.txt"),
        ("a b --output out", "would both be written to out/one.txt"),
        ("a/one.wav --words", "--words: plain text has no times; add --format json, vtt or srt"),
        ("a --speakers a/one.wav --format vtt --output out", "speakers are read from .cha, .eaf, .textgrid"),
        ("a/one.wav --speakers none.rttm", "--speakers none.rttm is not a file"),
        ("a/one.wav --output tiny/config.json", "tiny/config.json is a file; name a folder"),
        ("a/one.wav --output tiny/config.json/x/y", "tiny/config.json is a file; name a folder"),
        ("a/one.wav --checkpoint models/lora", "models/lora is missing; make it with: dvc repro train_lora"),
        ("a/one.wav --checkpoint models/lorra", "models/lorra is not a folder; there are models/other in models"),
        ("a/one.wav --checkpoint a/one.wav", "a/one.wav is not a folder"),
    ],
)
def test_mistakes_are_reported_before_anything_is_decoded(workspace, monkeypatch, capsys, arguments, message):
    write_audio(Path("b/one.flac"))
    Path("empty").mkdir()
    Path("models/other").mkdir(parents=True)
    monkeypatch.setattr(transcription, "prepare", None)
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "--checkpoint", "tiny", *arguments.split())
    assert message in str(exit.value)


def test_folder_of_recordings(workspace):
    write_audio(Path("a/kim/1.OGG"))
    for name in ("a/.hidden.wav", "a/.git/2.wav", "a/kim/1.txt"):
        write(Path(name), "x")
    assert targets.targets([Path("a"), Path("a/one.wav")], "json", Path("out")) == {
        Path("a/kim/1.OGG"): Path("out/kim/1.json"),
        Path("a/long.flac"): Path("out/long.json"),
        Path("a/one.wav"): Path("out/one.json"),
    }


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 1.3 GiB"),
        torch.OutOfMemoryError("CUDA is full"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_recording_that_memory_does_not_suffice_for_is_named(workspace, settings, monkeypatch, error):
    def segments(decoder, samples, *_):
        if len(samples) > 20 * SAMPLE_RATE:
            raise error
        return []

    monkeypatch.setattr(spoken_segments, "transcribe", segments)
    chosen = targets.targets([Path("a/long.flac"), Path("a/one.wav")], "text", Path("out"))
    message = rf"1 of 2 recordings .*:\na/long\.flac: out of memory \({error}\)\. Lower transcribe\.batch_seconds"
    with pytest.raises(UserError, match=message):
        recordings.transcribe(chosen, "tiny", settings, Options())
    assert [path.name for path in Path("out").iterdir()] == ["one.txt"]


@pytest.mark.parametrize(
    ("files", "output", "there"),
    [("a", "a", "a/one.srt"), ("a/one.wav", "a/k/..", "a/one.srt"), ("a", "a", "a/k/1.srt")],
)
def test_transcript_beside_a_recording_is_not_replaced(workspace, monkeypatch, files, output, there):
    """Subtitles with the recording's name beside it may be what a person has written."""
    write_audio(Path("a/k/1.wav"))
    write(Path(there), "1\n")
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, files, "--checkpoint", "tiny", "--format", "srt", "--output", output)
    assert "is there already, and beside its recording it may be somebody's transcript" in str(exit.value)
    assert Path(there).read_text() == "1\n"
    chosen = targets.targets([Path(files)], "srt", Path("out"))
    for target in chosen.values():
        write(target, "of an earlier run")
    assert targets.targets([Path(files)], "srt", Path("out")) == chosen  # a folder of its own is written again


def test_file_name_that_is_not_utf8(workspace, monkeypatch, capfd):
    Path("a/one.wav").rename(os.fsdecode(b"a/caf\xe9.wav"))
    run(monkeypatch, "a", "--checkpoint", "tiny", "--format", "json")
    names = [json.loads(line)["file"] for line in capfd.readouterr().out.splitlines()]
    assert sorted(names) == ["caf\\udce9.wav", "long.flac"]
    run(monkeypatch, "a", "--checkpoint", "tiny")
    assert "a/caf\\udce9.wav\n" in capfd.readouterr().out
    run(monkeypatch, "a", "--checkpoint", "tiny", "--output", "out")
    assert Path(os.fsdecode(b"out/caf\xe9.txt")).is_file()


def test_incomplete_recording_is_named(workspace, monkeypatch, capsys):
    whole = Path("a/one.wav").read_bytes()
    Path("a/cut.wav").write_bytes(whole[: len(whole) // 2])
    run(monkeypatch, "a/cut.wav", "a/one.wav", "--checkpoint", "tiny")
    errors = capsys.readouterr().err
    assert errors.count("warning: ") == 1
    assert "warning: a/cut.wav is incomplete: its header promises 1.000 s" in errors


def test_time_for_many_recordings_is_not_their_square(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    files = [Path(f"a/{number}.wav") for number in range(10_000)]
    before = time.process_time()
    assert targets.targets(files, "text", Path("out"))[files[9_999]] == Path("out/9999.txt")
    assert time.process_time() - before < 3  # each compared with those before: 15 s


def test_recordings_without_a_checkpoint(workspace, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "a/one.wav")
    assert "required: --checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no/such/folder", "../up", "nothing"])
def test_neither_folder_nor_hub_model(workspace, name):
    with pytest.raises(UserError, match="neither a folder nor a model of the hub"):
        sources.load_checkpoint(name)


def test_hub_model_is_downloaded_once_and_found_without_a_network(workspace):
    with serving(Path("tiny"), "kids/cached") as requested:
        sources.load_checkpoint(f"kids/cached@{COMMIT}")
        fetched = sum("/resolve/" in path for path in requested)
        sources.load_checkpoint(f"kids/cached@{COMMIT}")
        assert sum(path.endswith("model.safetensors") for path in requested) <= 2  # asked for and fetched
        assert fetched
    sources.load_checkpoint(f"kids/cached@{COMMIT}")
    with pytest.raises(UserError, match="cannot fetch 'kids/other'"):
        sources.load_checkpoint("kids/other")


@pytest.mark.parametrize("is_offline_mode", [True, False])
@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_hub_model_is_found_in_the_cache_however_it_was_named(workspace, monkeypatch, is_offline_mode, revision):
    """Machines of a cluster often have no network, and HF_HUB_OFFLINE=1 keeps the client from waiting for one."""
    name = f"kids/model{len(revision)}-{is_offline_mode}"
    with serving(Path("tiny"), name):
        sources.load_checkpoint(name + revision)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", is_offline_mode)
    assert sources.find(name + revision).name == COMMIT
    with pytest.raises(UserError, match=r"cannot fetch 'kids/other' .*check the network, or name a folder with"):
        sources.load_checkpoint("kids/other")


def adapter(folder: Path, base: str) -> Path:
    settings = parameters.load(ROOT / "params.yaml")
    tuned = strategies.add_lora(model.load_whisper(Path("tiny")), settings.train_lora)
    model.save_tuned(tuned, folder, "utterance", 0.5, Path("tiny"))
    config = json.loads((folder / model.ADAPTER_FILE).read_text())
    (folder / model.ADAPTER_FILE).write_text(json.dumps(config | {"base_model_name_or_path": base}))
    return folder


def test_adapter_brings_the_base_it_names(workspace):
    adapter(Path("local"), "tiny")
    assert sources.load_checkpoint("local").audio_context == "utterance"
    adapter(Path("of-hub"), "kids/base")
    with serving(Path("tiny"), "kids/base"):
        assert sources.load_checkpoint("of-hub").spare_seconds == 0.5
    shutil.copytree("tiny", "models/base")
    base_model.write(Path("models/base"), base_model.BaseModel("kids/base", None))
    assert sources.load_checkpoint("of-hub").spare_seconds == 0.5  # now without the hub
    shutil.rmtree("models")
    adapter(Path("of-pipeline"), "models/base")
    with pytest.raises(UserError, match="needs its base model, models/base, which is not here"):
        sources.load_checkpoint("of-pipeline")
