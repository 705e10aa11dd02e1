"""Whole recordings aligned with the miniature Whisper, which hears little: python -m tools.align."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from bench.sessions import Session, make_session, speech_borders, write_session
from stages.common import params as parameters
from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.cutting import audio, pcm
from stages.decoding import transcription, voice
from stages.records.units import SAMPLE_RATE
from tests.support.checkpoints import SAMPLE
from tests.support.corpora import PARAMS, options
from tools import sources
from tools.align import __main__ as command
from tools.align import recordings, session

HAS_DETECTOR = all(importlib.util.find_spec(name) for name in ("silero_vad", "onnxruntime"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_DETECTOR, reason="needs Silero VAD: pip install -r requirements-extra.txt"),
]

CLIPS = Path(__file__).parent.parent / "data" / "test"


def clips(speaker: str, count: int) -> list[tuple[SimpleNamespace, np.ndarray]]:
    """The first clips of one of the sample's children: text and speaker, and samples."""
    chosen = []
    for row in map(json.loads, (CLIPS / "metadata.jsonl").read_text().splitlines()):
        if row["file_name"].startswith(f"clips/{speaker}-"):
            samples = audio.decode(CLIPS / row["file_name"]).samples.astype(np.float32) / pcm.FULL_SCALE
            chosen.append((SimpleNamespace(speaker=speaker, text=row["text"]), samples))
    return chosen[:count]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the recording of a session, its transcript without times, and where each line is spoken."""
    folder = tmp_path_factory.mktemp("session")
    random = np.random.default_rng(1)
    children = clips("c24", 3) + clips("c25", 2)
    made_session = make_session(children, [], (0.8, 2.0), random)
    write_session(folder / "a", made_session, -25, random)
    return folder


@pytest.fixture
def workspace(made, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, "sessions")
    settings = PARAMS.read_text()
    Path("params.yaml").write_text(settings)
    return tmp_path


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["align", *arguments, "--checkpoint", str(SAMPLE)])
    command.main()


def test_session(workspace, monkeypatch, capsys):
    run(monkeypatch, "sessions/a.wav", "--format", "json")
    summary = capsys.readouterr().out
    seconds = soundfile.info("sessions/a.wav").duration
    content = json.loads(Path("sessions/a.align.json").read_text())
    truth = json.loads(Path("sessions/a.json").read_text())
    assert [(row["line"], row["speaker"], row["text"]) for row in content["lines"]] == [
        (number, place["speaker"], place["text"]) for number, place in enumerate(truth, start=1)
    ]
    placed = [row for row in content["lines"] if row["start"] is not None]
    assert f"{len(placed)} of {len(truth)} lines found" in summary
    assert 2 * len(placed) > len(truth)
    end = 0.0
    for row in placed:
        assert end <= row["start"] < row["end"] <= seconds
        assert 0 <= row["confidence"] <= 1
        end = row["end"]
        place = truth[row["line"] - 1]
        assert row["start"] == pytest.approx(place["start"], abs=0.5)
        assert row["end"] == pytest.approx(place["end"], abs=0.5)
    assert sorted(path.name for path in Path("sessions").iterdir()) == ["a.align.json", "a.json", "a.txt", "a.wav"]


def test_second_run_writes_the_same_bytes_and_preprocess_reads_them(workspace, monkeypatch):
    run(monkeypatch, "sessions")
    run(monkeypatch, "sessions/a.wav", "sessions/a.txt", "--output", "again/here")
    written = Path("sessions/a.TextGrid").read_bytes()
    assert written == Path("again/here/a.TextGrid").read_bytes()
    train = Path("data/train")
    train.mkdir(parents=True)
    shutil.move("sessions/a.wav", train)
    shutil.move("sessions/a.TextGrid", train)
    reading = registry.read_split(Path("data"), "train", options())
    assert {row.speaker for row in reading.utterances} == {"c24", "c25"}
    lines = Path("sessions/a.txt").read_text().splitlines()
    assert {f"{row.speaker}: {row.text_raw}" for row in reading.utterances} <= set(lines)
    assert not reading.refusals


def test_transcript_of_another_recording_writes_nothing(workspace, monkeypatch):
    shutil.copy("sessions/a.wav", "sessions/b.wav")
    rows = map(json.loads, (CLIPS / "metadata.jsonl").read_text().splitlines())
    texts = [row["text"] for row in rows if row["file_name"].startswith(("clips/c26-", "clips/c27-"))]
    Path("sessions/b.txt").write_text("\n".join(texts))
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "sessions", "--output", "out")
    message = str(exit.value)
    assert "1 of 2 recordings could not be aligned" in message
    assert re.search(r"sessions/b.wav: only [0-7] of 36 lines of sessions/b.txt were found; is it the transc", message)
    assert [path.name for path in Path("out").iterdir()] == ["a.TextGrid"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.txt", b"\0\1\2", "sessions/c.wav: sessions/c.txt: it holds binary data"),
        ("c.txt", b"", "sessions/c.wav: sessions/c.txt holds no lines of c.wav"),
        ("c.csv", b"x,y\n1,2\n", "sessions/c.wav: sessions/c.csv: no column holds the text"),
        ("c.txt", b"hello\n", "sessions/c.wav: nobody speaks in it"),
    ],
)
def test_what_cannot_be_aligned_is_named(workspace, monkeypatch, name, content, message):
    noise = np.random.default_rng(0).normal(0, 1e-3, 3 * SAMPLE_RATE)
    soundfile.write("sessions/c.wav", noise, SAMPLE_RATE)
    Path("sessions", name).write_bytes(content)
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "sessions/c.wav")
    assert message in str(exit.value)
    assert sorted(Path("sessions").glob("*TextGrid*")) == []


def test_recording_that_memory_does_not_suffice_for_is_named(workspace, monkeypatch):
    def fail(*arguments):
        raise MemoryError("Unable to allocate 1.3 GiB")

    monkeypatch.setattr(recordings, "align", fail)
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, "sessions/a.wav")
    assert "sessions/a.wav: out of memory (Unable to allocate 1.3 GiB). Lower transcribe." in str(exit.value)


@pytest.fixture(scope="module")
def decoder() -> transcription.Decoder:
    return transcription.prepare(sources.load_checkpoint(str(SAMPLE)), parameters.load(PARAMS))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5])
def test_nobody_speaks_in_a_very_short_recording(seconds):
    assert voice.speech(np.zeros(round(seconds * SAMPLE_RATE), np.float32), longest=14.0) == []


def test_speech_without_pauses_is_divided_for_the_model(decoder):
    """Children who speak one after the other, for longer than the model's window of 10 s."""
    assert decoder.window == 10.0
    without_gaps = Session()
    texts = []
    for clip, samples in clips("c22", 9):
        first, last = speech_borders(samples)
        without_gaps.speak(clip, samples[first:last], transcribed=True)
        texts.append(clip.text)
    samples = np.concatenate(without_gaps.parts)
    assert len(samples) > 2 * decoder.window * SAMPLE_RATE
    aligner = session.Aligner(decoder, samples)
    assert all(aligner.fits(start, end, tokens=0) for start, end in aligner.spans)
    lines = [session.Line(number, "", text, text) for number, text in enumerate(texts, start=1)]
    result = session.align(decoder, samples, lines, str.lower)
    assert len(result.placed) == len(texts)


def test_text_that_is_longer_than_the_decoder_is_not_found(decoder):
    ((_, samples),) = clips("c22", 1)
    line = session.Line(1, "", "word " * 500, "word " * 500)
    result = session.align(decoder, samples, [line], str.lower)
    assert result.placed[0].start is None
    assert len(result.without_text) > 0


def test_speech_detector_is_looked_for_before_the_model_is_loaded(workspace, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(recordings.sources, "load_checkpoint", None)
    with pytest.raises(UserError, match="pip install"):
        recordings.align_all([], [], "textgrid", str(SAMPLE), None, parameters.load(PARAMS))
