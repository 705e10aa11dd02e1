"""Recordings that an annotation calls by another name than they have: which is taken, and what the run says."""

from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.media import OTHER_NAME, names_of, other_name
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_table

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT>
<HEADER TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="{media}"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1500"/></TIME_ORDER>
<TIER TIER_ID="anna"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>hello</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>
"""
CHAT = """@UTF8
@Begin
@Participants:\tCHI Target_Child
@Media:\t{media}
*CHI:\thello . \x15500_1500\x15
@End
"""


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, *recordings: str, **annotations: str) -> SplitContents:
    """Read a split of recordings, which are never opened, and annotations by their extension."""
    for name in recordings:
        write(data / "train" / name, b"never opened")
    for suffix, content in annotations.items():
        write(data / f"train/s.{suffix}", content)
    return registry.read_split(data, "train", options())


def sources(found: SplitContents) -> list[str]:
    return [row.source for row in found.utterances]


@pytest.mark.parametrize(
    ("media", "names"),
    [
        ("session7", ["session7"]),
        ("/home/me/session7.wav", ["session7.wav"]),
        (r"C:\kids\session 7.mp4", ["session 7.mp4"]),
        ("file:///C:/my%20kids/session%207.mp4", ["session%207.mp4", "session 7.mp4"]),
        ("https://media.example.org/eng/session7.mp3?f=save#t=3", ["session7.mp3"]),
        ('"session7"', ["session7"]),
        ("\u201csession7.mp3\u201d", ["session7.mp3"]),
        ("what?.wav", ["what?.wav"]),
    ],
)
def test_names(media, names):
    assert names_of(media) == names


@pytest.mark.parametrize(
    ("media", "recording", "is_other"),
    [
        ("file:///C:/kids/session7.mp4", "session7.wav", True),
        ("file:///C:/kids/Session7.MP4", "session7.wav", True),
        ("file:///C:/kids/session7.v2.mp4", "session7.v2.flac", True),
        (r"C:\kids\session7.wav", "session7.wav", False),
        ("./session7.WAV", "session7.wav", False),
        ("file:///C:/my%20kids/session%207.wav", "session 7.wav", False),
        ("https://example.org/session7.mp4?download=1", "wav/session7.wav", True),
        ("file:///C:/kids/tape.wav", "s.wav", True),  # by the annotation's own name
    ],
)
def test_elan(data, media, recording, is_other):
    found = read(data, recording, eaf=EAF.format(media=media))
    assert sources(found) == [f"train/{recording}"]
    name = names_of(media)[-1]
    said = [f"train/s.eaf: {name}, read from train/{recording}"] if is_other else []
    assert found.warnings.get(OTHER_NAME, []) == said


@pytest.mark.parametrize(
    ("media", "recording"),
    [
        ("session7, audio", "session7.wav"),
        ("session7.mp4, video", "session7.wav"),
        ('"session7", audio', "session7.wav"),
        ('"https://media.example.org/eng/session7.mp3", audio', "session7.wav"),
        ("https://media.example.org/eng/session7.mp3, audio, unlinked", "session7.wav"),
        ("session 7, audio", "session 7.wav"),
        ('"session 7.mp3", audio', "session 7.wav"),
        ('"session%207", audio', "session 7.wav"),
        ('"session, 7", audio', "session, 7.wav"),
        (r"C:\kids\session7.wav", "session7.wav"),
        ("../media/session7, audio", "session7.wav"),
    ],
)
def test_chat(data, media, recording):
    assert sources(read(data, recording, cha=CHAT.format(media=media))) == [f"train/{recording}"]


@pytest.mark.parametrize(
    "recordings",
    [
        ("session7.flac", "session7.wav"),  # two other extensions
        ("s.wav", "session7.wav"),  # the annotation's own name, and another extension
        ("a/session7.wav", "b/session7.wav"),
        ("a/session7.flac", "a/session7.wav"),
    ],
)
@pytest.mark.parametrize("suffix", ["eaf", "cha"])
def test_several_candidates(data, recordings, suffix):
    content = {"eaf": EAF, "cha": CHAT}[suffix].format(media="session7.mp4")
    found = read(data, *recordings, **{suffix: content})
    assert not found.utterances
    (refusal,) = found.refusals
    assert refusal.reason == "ambiguous-audio"
    assert all(f"train/{recording}" in refusal.detail for recording in recordings)


def test_the_named_recording_comes_first(data):
    found = read(data, "s.wav", "session7.mp4", "session7.wav", eaf=EAF.format(media="session7.mp4"))
    assert sources(found) == ["train/session7.mp4"]
    assert OTHER_NAME not in found.warnings


@pytest.mark.parametrize("name", ["u1.mp3", "u1.MP3", "wavs/u1.mp4", "u1.raw", "u1.wv1"])
def test_table_with_another_extension(data, name):
    write_table(data / "train", [{"file_name": name, "text": "hello", "speaker": "anna"}])
    found = read(data, "u1.wav")
    assert sources(found) == ["train/u1.wav"]
    assert found.warnings[OTHER_NAME] == [f"train/metadata.jsonl:1: {name}, read from train/u1.wav"]


@pytest.mark.parametrize("name", ["u1", "u1.wav", "U1.WAV", "wavs/u1"])
def test_table_with_the_same_name(data, name):
    write_table(data / "train", [{"file_name": name, "text": "hello", "speaker": "anna"}])
    found = read(data, "u1.wav")
    assert sources(found) == ["train/u1.wav"]
    assert not found.warnings


@pytest.mark.parametrize("name", ["u1.wav", "u1.WAV"])
def test_table_names_one_of_two_recordings_that_differ_in_capitals(data, name):
    write_table(data / "train", [{"file_name": name, "text": "hello", "speaker": "anna"}])
    assert sources(read(data, "u1.wav", "u1.WAV")) == [f"train/{name}"]


@pytest.mark.parametrize(
    "name",
    [r"C:\kids\u1.wav", "/home/me/kids/u1.wav", "file:///home/me/kids/u1.wav", "s3://bucket/kids/u1.wav", "C:/kids/u1"],
)
def test_table_with_absolute_paths(data, name):
    write_table(data / "train", [{"file_name": name, "text": "hello", "speaker": "anna"}])
    found = read(data, "u1.wav")
    assert sources(found) == ["train/u1.wav"]
    assert found.warnings["absolute paths, looked for by their ends"] == [
        f"train/metadata.jsonl:1: {name}, read from train/u1.wav"
    ]


@pytest.mark.parametrize(
    ("name", "recordings", "reason", "detail"),
    [
        ("/home/me/u1.wav", ("a/u1.wav", "b/u1.wav"), "ambiguous-audio", "did you mean train/a/u1.wav or train/b"),
        ("/home/me/ben/u1.wav", ("anna/u1.wav", "ben/u2.wav"), "outside-data", "write paths relative"),
        ("/home/me/u2.wav", ("u1.wav",), "outside-data", "write paths relative"),
        ("s3://bucket/u2.wav", ("u1.wav",), "missing-audio", "/bucket/u2.wav is not in data/"),
        ("../../u1.wav", ("u1.wav",), "outside-data", "write paths relative"),
        ("u1.mp3", ("u1.wav", "u1.flac"), "ambiguous-audio", "u1.mp3 fits 2 files"),
        ("u1.Wav", ("u1.wav", "u1.WAV"), "ambiguous-audio", "it fits train/u1.WAV and train/u1.wav; keep one"),
        ("u1.eaf", ("u1.wav",), "missing-audio", "did you mean train/u1.wav?"),
    ],
)
def test_table_that_names_no_recording(data, name, recordings, reason, detail):
    write_table(data / "train", [{"file_name": name, "text": "hello", "speaker": "anna"}])
    found = read(data, *recordings)
    assert not found.utterances
    assert [refusal.reason for refusal in found.refusals] == [reason]
    assert detail in found.refusals[0].detail


def test_kaldi_with_another_extension(data):
    for name, text in {"text": "u1 HELLO\n", "wav.scp": "u1 /kids/u1.sph\n", "utt2spk": "u1 anna\n"}.items():
        write(data / "train" / name, text)
    found = read(data, "u1.wav")
    assert sources(found) == ["train/u1.wav"]
    assert found.warnings[OTHER_NAME] == ["train/wav.scp (u1): /kids/u1.sph, read from train/u1.wav"]


def test_other_name_of_a_recording():
    assert other_name(Path("a/u1.wav"), ["u1.mp3"]) == "u1.mp3"
    assert other_name(Path("a/u1.wav"), ["u2.mp3", "u1"]) is None
    assert other_name(Path("a/u1.wav"), []) is None
