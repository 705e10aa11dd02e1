"""Manifests of lhotse: supervisions with recordings, and cuts."""

import gzip
import json
from pathlib import Path

import pytest
import soundfile

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents, Word
from stages.cutting import cutting
from tests.support.containers import cut_embedded
from tests.support.corpora import noise, options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/wav/r1.wav", 9.5)
    return tmp_path / "data"


def read(data: Path, split: str = "train", **changes) -> SplitContents:
    return registry.read_split(data, split, options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


def recording(**changes) -> dict:
    source = {"type": "file", "channels": [0], "source": "/home/x/corpus/wav/r1.wav"}
    return {
        "id": "r1",
        "sources": [source],
        "sampling_rate": 16_000,
        "num_samples": 152_000,
        "duration": 9.5,
        **changes,
    }


def supervision(**changes) -> dict:
    row = {"id": "s1", "recording_id": "r1", "start": 1.5, "duration": 2.0, "channel": 0, "text": "yes it is"}
    return {**row, "language": "English", "speaker": "anna", "gender": "female", "custom": {"age": 6}, **changes}


def cut(*supervisions: dict, **changes) -> dict:
    row = {"id": "c1", "start": 1.0, "duration": 8.0, "channel": 0, "supervisions": list(supervisions)}
    return {**row, "recording": recording(), "type": "MonoCut", **changes}


def write_manifest(path: Path, *rows: dict) -> Path:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return write(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_supervisions(data, suffix):
    write_manifest(data / f"train/corpus_recordings_all.{suffix}", recording())
    later = supervision(id="s2", start=4.25, duration=1.5, text="no", speaker="ben", gender="M", custom=None)
    write_manifest(data / f"train/corpus_supervisions_all.{suffix}", supervision(), later)
    reading = read(data)
    first, second = reading.utterances
    assert (first.id, first.text_raw, first.speaker, first.age_months, first.gender) == (
        "s1",
        "yes it is",
        "anna",
        72,
        "f",
    )
    assert (first.start, first.end, first.channel, first.stated_seconds) == (1.5, 3.5, 1, 9.5)
    assert (first.file, first.line, first.source) == (f"train/corpus_supervisions_all.{suffix}", 1, "train/wav/r1.wav")
    assert (second.speaker, second.age_months, second.gender) == ("ben", None, "m")
    assert (second.start, second.end, second.line) == (4.25, 5.75, 2)
    assert not reading.refusals
    assert not reading.warnings
    assert reading.untranscribed == 0


def test_lengths_of_clips(data):
    write_manifest(data / "train/recordings.jsonl.gz", recording())
    write_manifest(data / "train/supervisions.jsonl.gz", supervision(), supervision(id="s2", start=4.25, duration=1.5))
    lengths = [result.duration for result in cut_embedded(read(data, context_seconds=0.0))]
    assert lengths == [2.0, 1.5]


def test_cuts(data):
    """The start of a supervision is counted from the cut's, that of its words too."""
    alignment = {"word": [["yes", 0.5, 0.25, None], {"symbol": "it", "start": 0.75, "duration": 0.5}]}
    first = supervision(start=0.5, alignment=alignment)
    before = supervision(id="s0", start=-0.5, duration=1.0, text="before the cut")
    write_manifest(data / "train/cuts.jsonl.gz", cut(first, before), cut(first, id="c2"))
    reading = read(data)
    assert [(row.id, row.start, row.end) for row in reading.utterances] == [("s0", 0.5, 1.5), ("s1", 1.5, 3.5)]
    assert reading.utterances[1].words == (Word(1.5, 1.75, "yes"), Word(1.75, 2.25, "it"))
    assert reading.left_out == {"supervisions that several cuts have": 1}
    assert not reading.refusals


def test_cuts_and_supervisions_of_one_recording(data):
    write_manifest(data / "train/cuts.jsonl", cut(supervision(start=0.5)))
    write_manifest(data / "train/recordings.jsonl", recording())
    write_manifest(data / "train/supervisions.jsonl", supervision())
    reading = read(data)
    assert [(row.id, row.file) for row in reading.utterances] == [("s1", "train/cuts.jsonl")]
    assert list(reading.warnings) == ["a second transcript of a recording, passed over"]


def test_channels(data):
    left, right = noise(3.0, 1), noise(3.0, 2)
    soundfile.write(data / "train/wav/two.wav", list(zip(left, right, strict=True)), 16_000, subtype="PCM_16")
    two = {"type": "file", "channels": [0, 1], "source": "wav/two.wav"}
    split = [
        {"type": "file", "channels": [0], "source": "wav/l.wav"},
        {"type": "file", "channels": [1], "source": "wav/r.wav"},
    ]
    write_audio(data / "train/wav/l.wav", 3.0, seed=1)
    write_audio(data / "train/wav/r.wav", 3.0, seed=2)
    write_manifest(
        data / "train/recordings.jsonl",
        recording(id="two", sources=[two], duration=3.0),
        recording(id="split", sources=split, duration=3.0),
    )
    rows = []
    for name in ("two", "split"):
        rows.append(supervision(id=f"{name}0", recording_id=name, channel=0, start=0.5))
        rows.append(supervision(id=f"{name}1", recording_id=name, channel=1, start=0.5))
    rows.append(supervision(id="both", recording_id="two", channel=[0, 1], start=0.5))
    rows.append(supervision(id="none", recording_id="two", channel=2))
    write_manifest(data / "train/supervisions.jsonl", *rows)
    reading = read(data)
    assert {row.id: (row.source.rpartition("/")[2], row.channel) for row in reading.utterances} == {
        "two0": ("two.wav", 1),
        "two1": ("two.wav", 2),
        "split0": ("l.wav", 1),
        "split1": ("r.wav", 1),
        "both": ("two.wav", None),
    }
    assert reasons(reading) == ["no-such-channel"]
    contents = {result.row.id: result.content for result in cut_embedded(reading)}
    assert contents["two0"] == contents["split0"] != contents["two1"] == contents["split1"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sources": [{"type": "command", "channels": [0], "source": "touch ran; cat wav/r1.wav"}]}, "no-file"),
        ({"sources": [{"type": "url", "channels": [0], "source": "http://127.0.0.1:1/r1.wav"}]}, "no-file"),
        ({"sources": [{"type": "memory", "channels": [0], "source": "UklGRg=="}]}, "no-file"),
        ({"sources": [{"type": "file", "channels": [0], "source": "wav/gone.wav"}]}, "missing-audio"),
        ({"sources": "wav/r1.wav"}, "broken-row"),
        ({"sources": []}, "no-such-channel"),
        ({"transforms": [{"name": "Speed", "kwargs": {"factor": 0.9}}]}, "changed-audio"),
        ({"id": "r2"}, "missing-audio"),
        ({"duration": "long"}, "bad-time"),
    ],
)
def test_recordings_that_are_refused(data, changes, reason, monkeypatch):
    monkeypatch.chdir(data)
    write_manifest(data / "train/recordings.jsonl", recording(**changes))
    write_manifest(data / "train/supervisions.jsonl", supervision())
    reading = read(data)
    assert (reasons(reading), reading.utterances) == ([reason], [])
    assert (reading.refusals[0].file, reading.refusals[0].line) == ("train/supervisions.jsonl", 1)
    assert not (data / "ran").exists()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (cut(supervision(), type="MixedCut", tracks=[]), "mixed-cut"),
        (cut(type="PaddingCut"), "mixed-cut"),
        ({**cut(supervision(), features={"storage_path": "x"}), "recording": None}, "no-recording"),
        (cut(supervision(), start="soon"), "bad-time"),
        (cut(supervision(duration=None)), "bad-time"),
        (cut(supervision(duration=-1)), "end-before-start"),
        (cut(supervision(start=-3.0)), "start-before-zero"),
        (cut(supervisions="x"), "broken-row"),
    ],
)
def test_cuts_that_are_refused(data, row, reason):
    write_manifest(data / "train/cuts.jsonl", row)
    reading = read(data)
    assert (reasons(reading), reading.utterances) == ([reason], [])


def test_speech_without_text(data):
    write_manifest(data / "train/recordings.jsonl", recording())
    write_manifest(data / "train/supervisions.jsonl", supervision(), supervision(id="s2", start=3.5, text=None))
    reading = read(data)
    assert len(reading.utterances) == 1
    assert reading.left_out == {"supervisions without text": 1}
    assert sorted(reading.spans[data / "train/wav/r1.wav"]) == [(1.5, 3.5), (3.5, 5.5)]


def test_manifests_of_other_splits_and_features(data):
    for split in ("train", "test-clean"):
        write_manifest(data / f"train/corpus_cuts_{split}.jsonl.gz", cut(supervision(start=0.5, text=split)))
    write_manifest(
        data / "train/feats.jsonl",
        {"type": "fbank", "num_frames": 1, "num_features": 80, "storage_type": "lilcom_chunky", "storage_path": "x"},
    )
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["train"]
    assert reading.warnings == {
        "a file of another split, passed over": ["train/corpus_cuts_test-clean.jsonl.gz"],
        "features of lhotse, passed over: clips are made from recordings": ["train/feats.jsonl"],
    }


def test_damaged_manifests(data):
    write_manifest(data / "train/recordings.jsonl", recording())
    path = write_manifest(data / "train/supervisions.jsonl.gz", *(supervision(id=f"s{i}") for i in range(50)))
    content = path.read_bytes()
    for end in (5, len(content) // 2, len(content) - 4):
        path.write_bytes(content[:end])
        with pytest.raises(UserError, match=r"data/train/supervisions\.jsonl\.gz is damaged or incomplete"):
            read(data)
    path.write_bytes(gzip.compress(json.dumps(supervision()).encode() + b"\n{broken\n[1]\n"))
    reading = read(data)
    assert len(reading.utterances) == 1
    assert [(row.line, row.reason) for row in reading.refusals] == [(2, "broken-row"), (3, "broken-row")]


def test_a_table_is_no_manifest(data):
    write(data / "train/metadata.jsonl", '{"file_name": "wav/r1.wav", "text": "hi", "start": 1, "duration": 2}\n')
    (row,) = read(data).utterances
    assert row.format == "table"


def test_length_of_a_recording_is_compared(data):
    write_manifest(data / "train/cuts.jsonl", cut(supervision(), recording=recording(duration=99.0)))
    (result,) = cut_embedded(read(data))
    assert isinstance(result, cutting.Refusal)
    assert result.reason == "truncated-audio"


@pytest.mark.parametrize("column", ["audio_filepath", "file_name", "path", "audio"])
def test_table_with_ids_of_recordings_is_no_manifest(data, column):
    row = {"id": "u1", "recording_id": "r1", "start": 1.0, "duration": 0.5, "text": "yes", "speaker": "anna"}
    write(data / "train/rows.jsonl", json.dumps({**row, column: "wav/r1.wav"}) + "\n")
    reading = read(data)
    assert [(row.id, row.start, row.end, row.format) for row in reading.utterances] == [("u1", 1.0, 1.5, "table")]
    assert not reading.refusals


@pytest.mark.parametrize("kind", ["supervisions", "cuts"])
def test_own_ids_are_no_speakers(data, kind):
    """As Kaldi directories write it where speakers are not known, and manifests made from them."""
    write_manifest(data / "train/recordings.jsonl", recording())
    first, second = supervision(speaker="s1"), supervision(id="s2", start=4.0, speaker="s2")
    rows = [first, second] if kind == "supervisions" else [cut(first, second)]
    write_manifest(data / f"train/{kind}.jsonl", *rows)
    reading = read(data)
    assert [(row.speaker, row.speaker_known) for row in reading.utterances] == [("wav-r1", False)] * 2
    message = "each supervision has its own id as its speaker, so speakers count as not known"
    assert reading.warnings[message] == [f"train/{kind}.jsonl"]
    assert "unknown speakers are one per recording" in reading.warnings


@pytest.mark.parametrize("others", [[], [{"id": "s2", "start": 4.0, "speaker": "anna"}]])
def test_a_supervision_may_be_called_like_its_speaker(data, others):
    write_manifest(data / "train/recordings.jsonl", recording())
    rows = [supervision(speaker="s1"), *(supervision(**other) for other in others)]
    write_manifest(data / "train/supervisions.jsonl", *rows)
    reading = read(data)
    assert all(row.speaker_known for row in reading.utterances)
    assert not reading.warnings
