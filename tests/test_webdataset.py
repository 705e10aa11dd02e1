"""WebDataset tars: recordings with texts and JSON of the same stem, read where they are in the tar."""

import io
import json
import tarfile
from pathlib import Path

import pytest
import soundfile

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from stages.cutting import leaks
from stages.records.shards import ShardWriter
from tests.support.containers import cut_embedded, encoded, write_tar
from tests.support.corpora import noise, options, write, write_audio, write_clip


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, split: str = "train", **changes) -> SplitContents:
    return registry.read_split(data, split, options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


def test_samples(data):
    ben = {"text": "two", "speaker": "ben", "age": 7, "gender": "male", "id": "b-2"}
    members = {"anna/0001.wav": encoded(0.7), "anna/0001.txt": "one\n", "0002.json": json.dumps(ben)}
    members |= {"0002.flac": encoded(1.3, seed=1, format="FLAC"), "x.mp3": encoded(2.0, seed=2, format="MP3")}
    members |= {"x.cls": "three", "y.OGG": encoded(0.9, seed=3, format="OGG"), "y.json": '{"Transcript": "four"}'}
    write_tar(data / "train/shard-000000.tar", members)
    reading = read(data)
    rows = reading.utterances
    assert [(row.source, row.text_raw, row.id) for row in rows] == [
        ("train/shard-000000.tar::0002.flac", "two", "b-2"),
        ("train/shard-000000.tar::anna/0001.wav", "one", "shard-000000-anna-0001"),
        ("train/shard-000000.tar::x.mp3", "three", "shard-000000-x"),
        ("train/shard-000000.tar::y.OGG", "four", "shard-000000-y"),
    ]
    assert [(row.speaker, row.speaker_known) for row in rows[:2]] == [("ben", True), ("anna", True)]
    assert [row.speaker_known for row in rows[2:]] == [False, False]
    assert (rows[0].age_months, rows[0].gender) == (84, "m")
    durations = [result.duration for result in cut_embedded(reading)]
    assert durations[:2] == [1.3, 0.7]
    assert durations[2:] == [pytest.approx(2.0, abs=0.1), pytest.approx(0.9, abs=1e-3)]
    assert not reading.refusals


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"a.1.wav": b"", "a.1.txt": "one", "a.2.wav": b"", "a.2.txt": "two"}, {"a.1.wav": "one", "a.2.wav": "two"}),
        ({"a.mono.wav": b"", "a.txt": "one", "b.wav": b"", "b.norm.txt": "two"}, {"a.mono.wav": "one", "b.wav": "two"}),
        ({"./a.wav": b"", "./a.txt": "one", "._a.wav": b"", "README.txt": "corpus"}, {"a.wav": "one"}),
        ({"a.wav": b"", "a.txt": "one  word", "a.json": '{"text": "one word"}'}, {"a.wav": "one  word"}),
    ],
)
def test_stems(data, members, expected):
    write_tar(data / "train/0.tar", members)
    reading = read(data)
    assert {row.source.partition("::")[2]: row.text_raw for row in reading.utterances} == expected
    assert not reading.refusals


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"a.pyd": b"\x80\x04", "a.txt": "hi"}, "pickle"),
        ({"a.wav": b"", "a.pickle": b"\x80\x04"}, "pickle"),
        ({"a.pth": b"", "a.txt": "hi"}, "pickle"),
        ({"a.wav": b"", "a.flac": b"", "a.txt": "hi"}, "ambiguous-audio"),
        ({"a.txt": "hi"}, "missing-audio"),
        ({"a.wav": b""}, "untranscribed"),
        ({"a.wav": b"", "a.cls": "3"}, "no-text"),
        ({"a.wav": b"", "a.json": '{"words": 1}'}, "no-text"),
        ({"a.wav": b"", "a.json": "{broken"}, "broken-row"),
        ({"a.wav": b"", "a.json": "[1]"}, "broken-row"),
        ({"a.wav": b"", "a.json": '{"text": "\\ud83d"}'}, "broken-row"),
        ({"a.wav": b"", "a.txt": "x" * 2_000_000}, "broken-row"),
        ({"a.wav": b"", "a.txt": b"\0\1"}, "not-text"),
        ({"a.wav": b"", "a.txt": "one", "a.json": '{"text": "two"}'}, "contradicting-texts"),
    ],
)
def test_samples_that_are_refused(data, members, reason):
    write_tar(data / "train/0.tar", {"good.wav": encoded(), "good.txt": "good", **members})
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["good"]
    (refusal,) = reading.refusals
    assert (refusal.reason, refusal.file) == (reason, "train/0.tar")
    assert refusal.detail.startswith("a: ")


def test_members_cannot_leave_the_tar(data, tmp_path):
    names = ("../../out", str(tmp_path / "out"), "..\\..\\other")
    members = {}
    for name in names:
        members |= {f"{name}.wav": encoded(0.5), f"{name}.txt": "hi"}
    path = write_tar(data / "train/0.tar", members)
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    reading = read(data)
    assert [result.duration for result in cut_embedded(reading)] == [0.5, 0.5, 0.5]
    assert sorted(tmp_path.rglob("*")) == before
    assert reading.warnings["a link or another special member of a tar, passed over"] == ["train/0.tar::link.wav"]


def test_truncated_tar(data):
    members = {"a.wav": encoded(0.5), "a.txt": "one", "b.wav": encoded(0.6), "b.txt": "two"}
    content = write_tar(data / "whole.tar", members).read_bytes()
    first_end = 512 + len(members["a.wav"])
    for end in (1, 700, first_end - 100, first_end + 700 - first_end % 512, len(content) // 2):
        write(data / "train/0.tar", content[:end])
        with pytest.raises(UserError, match=r"data/train/0\.tar is damaged or incomplete .*copy or download it again"):
            read(data)
    last = content.rstrip(b"\0")
    write(data / "train/0.tar", last + bytes(-len(last) % 512))
    reading = read(data)
    assert len(reading.utterances) == 2
    assert "a tar without the mark at its end; was it copied completely?" in reading.warnings
    damaged = bytearray(content)
    place = content.find(b"b.wav\0")
    damaged[place : place + 512] = b"x" * 512
    write(data / "train/0.tar", bytes(damaged))
    with pytest.raises(UserError, match="there is no member at byte"):
        read(data)


def test_compressed_tar(data):
    write(data / "train/0.tar", b"\x1f\x8b\x08\x00" + bytes(600))
    with pytest.raises(UserError, match=r"data/train/0\.tar is compressed"):
        read(data)


def test_archive_beside_its_files(data):
    write_audio(data / "train/anna/1.wav")
    write(data / "train/anna/1.txt", "hi")
    members = {f"anna/1.{suffix}": (data / f"train/anna/1.{suffix}").read_bytes() for suffix in ("wav", "txt")}
    write_tar(data / "train/corpus.tar", members)
    reading = read(data)
    assert [row.source for row in reading.utterances] == ["train/anna/1.wav"]
    assert "a tar whose recordings are also unpacked beside it, passed over" in reading.warnings


def test_member_twice(data):
    path = write_tar(data / "train/0.tar", {"a.wav": encoded(0.5), "a.txt": "one"})
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"two"))
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["one"]
    assert reasons(reading) == ["duplicate"]


def test_shards_of_this_project(data):
    (data / "train").mkdir(parents=True)
    row = {"id": "c-1", "text": "we call it", "text_raw": "we &=laughs call it", "start": 100.0, "end": 101.0}
    with ShardWriter(data / "train/old", megabytes=1) as writer:
        write_clip(writer, noise(1.1), **row)
    reading = read(data)
    (utterance,) = reading.utterances
    assert (utterance.id, utterance.text_raw, utterance.speaker, utterance.age_months) == (
        "c-1",
        "we call it",
        "anna",
        72,
    )
    assert [result.duration for result in cut_embedded(reading)] == [1.1]
    assert reading.warnings["shards of this project: the texts are taken as they were cleaned"] == [
        "train/old/shard-00000.tar"
    ]


def test_shards_of_other_splits(data):
    for split in ("train", "test"):
        write_tar(data / f"train/{split}-000000.tar", {"a.wav": encoded(), "a.txt": split})
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["train"]
    assert reading.warnings["a file of another split, passed over"] == ["train/test-000000.tar"]


def test_sound_of_a_tar_that_is_also_a_file(data):
    """Recordings are compared by their samples, wherever they are."""
    flac = encoded(0.8, format="FLAC")
    write_tar(data / "train/0.tar", {"anna/1.flac": flac, "anna/1.txt": "one"})
    write(data / "test/ben/2.txt", "one")
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="int16")
    soundfile.write(data / "test/ben/2.wav", samples, rate)
    contents = leaks.Contents()
    for split in ("train", "test"):
        for result in cut_embedded(read(data, split)):
            contents.add(split, result)
    with pytest.raises(UserError, match=r"train/0\.tar::anna/1\.flac .* = test/ben/2\.wav"):
        contents.check_apart(False)
