"""The stage that labels recordings without a transcript, on a small corpus of the sample's voices."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stages import label, preprocess
from stages.common import params
from stages.common.errors import UserError
from stages.decoding import transcription
from stages.labelling import labelling, outputs
from stages.records import paths, shards
from stages.whisper import model
from tests.support import warm_python
from tests.support.checkpoints import SAMPLE
from tests.support.corpora import write, write_table
from tests.support.failing_decoder import failing_after

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
RATE = 16_000
GAP = np.zeros(RATE, np.float32)  # the pause between two utterances of a session


def sample_rows(split: str, speakers: int, utterances: int) -> list[dict]:
    """The rows of the first speakers of the sample's table of clips."""
    rows, counts = [], {}
    for line in (ROOT / "data" / split / "metadata.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "start" in row or (row["speaker"] not in counts and len(counts) == speakers):
            continue
        counts[row["speaker"]] = counts.get(row["speaker"], 0) + 1
        if counts[row["speaker"]] <= utterances:
            rows.append(row)
    return rows


def sound_of(split: str, row: dict) -> np.ndarray:
    samples, rate = soundfile.read(ROOT / "data" / split / row["file_name"], dtype="float32")
    assert rate == RATE
    return samples


def write_sound(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def write_corpus() -> None:
    """Transcribed clips of three speakers, and recordings without transcripts of all kinds."""
    train, test = sample_rows("train", 4, 5), sample_rows("test", 2, 3)
    others = train[15:]  # of the fourth speaker
    for split, rows in (("train", train[:15]), ("test", test)):
        for row in rows:
            write_sound(Path("data", split, row["file_name"]).with_suffix(".wav"), sound_of(split, row))
        named = [row | {"file_name": str(Path(row["file_name"]).with_suffix(".wav"))} for row in rows]
        write_table(Path("data", split), named)
    session = [GAP]
    for row in others:
        session += [sound_of("train", row), GAP]
    write_sound(Path("data/train/zoe/session.wav"), np.concatenate(session))
    write_sound(Path("data/train/zoe/telephone.wav"), sound_of("train", others[0])[::2], RATE // 2)
    write_sound(Path("data/train/zoe/silence.wav"), np.zeros(20 * RATE, np.float32))
    write_sound(Path("data/train/zoe/hum.wav"), 0.1 * np.sin(np.arange(10 * RATE) / 50).astype(np.float32))
    write(Path("data/train/zoe/empty.wav"), b"")
    write(Path("data/train/zoe/broken.flac"), b"fLaC and no more")
    write_sound(Path("data/train/zoe/copy of a test clip.flac"), sound_of("test", test[0]))
    write_sound(Path("data/train", test[0]["speaker"], "more.wav"), sound_of("train", others[1]))
    write_sound(Path("data/train/nobodys.wav"), sound_of("train", others[2]))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("label")
    values = params.load(ROOT / "params.yaml").model_dump()
    values["runtime"] |= {"device": "cpu", "preprocess_workers": 1}
    values["transcribe"]["batch_seconds"] = 10.0
    values["pseudo_labels"] |= {"share": 0.3, "min_log_probability": -9.0, "max_disagreement": 9.0}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    shutil.copy(ROOT / "dvc.yaml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_corpus()
        preprocess.main()
        shutil.copytree(SAMPLE, paths.BASE_FOLDER)
    return root


@pytest.fixture
def workspace(prepared, monkeypatch) -> Path:
    monkeypatch.chdir(prepared)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.rmtree("checkpoints", ignore_errors=True)
    return prepared


def set_limits(monkeypatch, **changes) -> None:
    """Run the stage with other values of pseudo_labels."""
    loaded = params.load()
    changed = loaded.model_copy(update={"pseudo_labels": loaded.pseudo_labels.model_copy(update=changes)})
    monkeypatch.setattr(params, "load", lambda: changed)


def written() -> dict[str, bytes]:
    files = [*sorted(path for path in paths.LABELLING.rglob("*") if path.is_file()), paths.LABELS_FILE]
    return {path.as_posix(): path.read_bytes() for path in files}


def reasons() -> dict[str, str]:
    """Why whole recordings are left out."""
    rows = [json.loads(line) for line in outputs.REJECTED_FILE.read_text().splitlines()]
    return {row["source"].partition("/")[2]: row["reason"] for row in rows if row["start"] is None}


def test_session_is_cut_and_labelled(workspace, capsys):
    label.main()
    clips = shards.read_manifest(paths.LABELLED)
    session = [clip for clip in clips if clip.source == "train/zoe/session.wav"]
    assert len(session) >= 4
    assert {clip.speaker for clip in clips} == {"zoe"}
    assert all("pseudo-label" in clip.flags and clip.format == "pseudo-label" for clip in clips)
    recording, _ = soundfile.read("data/train/zoe/session.wav", dtype="float32")
    for clip in session:
        assert 0.3 <= clip.duration <= 10.0
        assert clip.text == clip.text.lower().strip(".") != ""
        start = round(clip.start * RATE)
        samples = shards.read_audio(paths.LABELLED, clip)
        assert np.allclose(samples, recording[start : start + len(samples)], atol=1e-4)
    (telephone,) = [clip for clip in clips if clip.source == "train/zoe/telephone.wav"]
    assert ("narrowband" in telephone.flags, telephone.source_rate) == (True, 8000)
    confidences = [json.loads(line) for line in outputs.CONFIDENCES_FILE.read_text().splitlines()]
    assert [row["id"] for row in confidences] == [clip.id for clip in clips]
    assert all(row["log_probability"] < 0 and row["disagreement"] >= 0 for row in confidences)
    assert "label: 9 recordings without a transcript" in capsys.readouterr().out


def test_every_recording_that_is_left_out_has_a_reason(workspace):
    label.main()
    left_out = reasons()
    (of_test_set,) = [name for name in left_out if name.endswith("more.wav")]
    assert left_out == {
        "zoe/silence.wav": "silence",
        "zoe/hum.wav": "no-speech",
        "zoe/empty.wav": "no-samples",
        "zoe/broken.flac": "unreadable-audio",
        "zoe/copy of a test clip.flac": "same-sound",
        of_test_set: "speaker-of-other-split",
        "nobodys.wav": "unknown-speaker",
    }
    figures = json.loads(paths.LABELS_FILE.read_text())
    assert figures["recordings"] == 9
    assert figures["stretches"] == figures["kept_stretches"] + sum(figures["rejected"].values()) - len(left_out)


def test_interrupted_it_goes_on_and_ends_the_same(workspace):
    label.main()
    expected = written()
    shutil.rmtree("checkpoints")
    with failing_after(2, KeyboardInterrupt()), pytest.raises(SystemExit, match="interrupted"):
        label.main()
    assert not (paths.LABELLED / shards.MANIFEST).exists()
    (journal,) = Path("checkpoints/label").glob("*/journal.jsonl")
    journaled = journal.read_text().splitlines()
    assert journaled
    label.main()
    assert written() == expected
    assert journal.read_text().splitlines()[: len(journaled)] == journaled


def test_other_limits_decode_nothing_again(workspace, monkeypatch):
    label.main()
    before = shards.read_manifest(paths.LABELLED)
    monkeypatch.setattr(transcription, "decode_batch", None)
    rows = [json.loads(line) for line in outputs.CONFIDENCES_FILE.read_text().splitlines()]
    limit = sorted(row["log_probability"] for row in rows)[len(rows) // 2]
    set_limits(monkeypatch, min_log_probability=limit)
    label.main()
    expected = {row["id"] for row in rows if row["log_probability"] >= limit}
    assert {clip.id for clip in shards.read_manifest(paths.LABELLED)} == expected
    assert 0 < len(expected) < len(before)
    set_limits(monkeypatch, min_log_probability=0.0)
    with pytest.raises(SystemExit, match="no hypothesis passed the limits"):
        label.main()


def test_options_that_do_not_count_for_a_teacher_change_nothing(workspace, monkeypatch):
    label.main()
    expected = written()
    monkeypatch.setattr(transcription, "decode_batch", None)
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["transcribe"] |= {"temperature": 0.7, "speech_only": True, "retry_doubtful": True}
    Path("params.yaml").write_text(yaml.safe_dump(values))
    label.main()
    assert written() == expected


def test_off_writes_no_clips_and_starts_without_torch(workspace):
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["pseudo_labels"]["share"] = 0.0
    folder = workspace / "off"
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    shutil.copytree("processed_data", folder / "processed_data")
    command = (
        "import sys; from stages import label; label.main(); assert not {'torch', 'transformers'} & {*sys.modules}"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [warm_python.folder() / "python", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "label: pseudo_labels.share is 0; 9 recordings without a transcript are not used\n"
    assert (folder / "labelled_data" / "labelled" / "manifest.jsonl").read_text() == ""
    assert sorted(path.name for path in (folder / "labelled_data").iterdir()) == [
        "labelled",
        "labels.jsonl",
        "rejected.jsonl",
    ]


def teacher_of(workspace: Path, name: str) -> Path:
    """A copy of the miniature in a folder that DVC watches."""
    folder = workspace / "data" / "train" / ".teachers" / name
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"model_type": "wav2vec2"}, "model_type is not 'whisper'"),
        ("generation_config.json", {"is_multilingual": False}, "knows English only, and language is 'de'"),
        ("generation_config.json", {"lang_to_id": {"<|en|>": 1}}, "language 'de' is unknown"),
    ],
)
def test_teacher_that_cannot_label_is_an_error_before_any_decoding(workspace, monkeypatch, file, changes, message):
    folder = teacher_of(workspace, message[:5].strip())
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | changes))
    settings = params.load().model_copy(update={"language": "de"})
    limits = settings.pseudo_labels.model_copy(update={"teacher": str(folder)})
    monkeypatch.setattr(transcription, "decode_batch", None)
    rows = [json.loads(line) for line in paths.UNTRANSCRIBED_FILE.read_text().splitlines()]
    with pytest.raises(UserError, match=f"pseudo_labels.teacher .*{message}"):
        labelling.label(rows, settings.model_copy(update={"pseudo_labels": limits}))


def test_adapter_on_another_base(workspace, monkeypatch):
    folder = workspace / "data" / "train" / ".teachers" / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    adapter = {"base_model_name_or_path": "openai/whisper-small", "revision": "0" * 40}
    (folder / model.ADAPTER_FILE).write_text(json.dumps(adapter))
    (paths.BASE_FOLDER / "base_model.json").write_text(json.dumps({"name": "whisper-mini", "revision": None}))
    set_limits(monkeypatch, teacher=str(folder))
    with pytest.raises(SystemExit, match=r"trained on openai/whisper-small@0+, and base_model is whisper-mini"):
        label.main()
