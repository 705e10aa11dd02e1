"""What recognisers write beside a recording: never a reference without a warning."""

import json
from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents, Word
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    for split in ("train", "test"):
        for name in ("anna/a.wav", "anna/b.wav"):
            write_audio(tmp_path / "data" / split / name)
    return tmp_path / "data"


def segment(start: object, end: object, text: object, **more) -> dict:
    return {"id": 0, "start": start, "end": end, "text": text, "avg_logprob": -0.2, **more}


def add(data: Path, name: str, *segments: dict, split: str = "train", **more) -> None:
    text = "".join(str(segment["text"]) for segment in segments)
    write(data / split / "anna" / name, json.dumps({"text": text, "segments": segments, "language": "en", **more}))


def read(data: Path, split: str = "train") -> SplitContents:
    return registry.read_split(data, split, options())


def rows(reading: SplitContents) -> list[tuple]:
    return [(row.source, row.start, row.end, row.text_raw, row.speaker) for row in reading.utterances]


def test_segments_of_whisper(data):
    words = [{"word": " Hi", "start": 0.5, "end": 1.0, "probability": 0.9}, {"word": " you.", "start": 1, "end": 1.5}]
    add(data, "a.json", segment(0.5, 1.5, " Hi you.", words=words), segment(2, 3.25, " So."), segment(4, 5, " "))
    reading = read(data)
    assert rows(reading) == [
        ("train/anna/a.wav", 0.5, 1.5, "Hi you.", "anna"),
        ("train/anna/a.wav", 2.0, 3.25, "So.", "anna"),
    ]
    assert reading.utterances[0].words == (Word(0.5, 1.0, "Hi"), Word(1.0, 1.5, "you."))
    assert [(row.format, row.speaker_known) for row in reading.utterances] == [("whisper", True)] * 2
    assert reading.left_out == {"segments without text": 1}
    assert not reading.refusals


@pytest.mark.parametrize(
    ("split", "warning"),
    [
        ("train", "unverified transcripts, in the format of"),
        ("test", "unverified references, in the format of"),
    ],
)
def test_a_warning_says_that_a_program_made_them(data, split, warning):
    add(data, "a.json", segment(0, 1, "hi"), split=split)
    reading = read(data, split)
    (message,) = [message for message in reading.warnings if "recogniser" in message]
    assert message.startswith(warning)
    assert reading.warnings[message] == [f"{split}/anna/a.json"]


def test_numbered_speakers_are_of_one_recording_only(data):
    for name in ("a.json", "b.json"):
        segments = [segment(0, 1, "one", speaker="SPEAKER_00"), segment(1, 2, "two", speaker="SPEAKER_01")]
        add(data, name, *segments, segment(2, 3, "three"), word_segments=[])
    reading = read(data)
    speakers = {(row.speaker, row.speaker_known) for row in reading.utterances}
    expected = set()
    for recording in "ab":
        for label in ("SPEAKER_00", "SPEAKER_01", "unknown"):
            expected.add((f"anna-{recording}-{label}", False))
    assert speakers == expected
    assert "speakers that a program numbered: each is of one recording only, and may be an adult" in reading.warnings


def test_the_only_numbered_speaker_is_the_folders_child(data):
    add(data, "a.json", segment(0, 1, "one", speaker="SPEAKER_00"), segment(1, 2, "two"))
    assert {row.speaker for row in read(data).utterances} == {"anna"}


def test_words_without_times_are_not_used(data):
    words = [{"word": "5"}, {"word": "dogs", "start": 0.5, "end": 1}]
    add(data, "a.json", segment(0, 1, "5 dogs", words=words))
    assert [row.words for row in read(data).utterances] == [()]


@pytest.mark.parametrize(
    ("start", "end", "text", "reason"),
    [
        (2, 1, "hi", "end-before-start"),
        (1, 1, "hi", "end-before-start"),
        (None, 1, "hi", "bad-time"),
        ("0", 1, "hi", "bad-time"),
        (float("nan"), 1, "hi", "bad-time"),
        (0, 10**400, "hi", "bad-time"),
        (0, 1, None, "bad-time"),
        (-1, 1, "hi", "start-before-zero"),
    ],
)
def test_broken_segments_spoil_no_other(data, start, end, text, reason):
    add(data, "a.json", segment(start, end, text), segment(3, 4, "good"))
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["good"]
    assert [(refusal.reason, refusal.file) for refusal in reading.refusals] == [(reason, "train/anna/a.json")]


def test_a_persons_transcript_goes_first(data):
    add(data, "a.json", segment(0, 1, "machine"))
    add(data, "b.json", segment(0, 1, "machine"))
    write(data / "train/anna/a.txt", "person")
    write(data / "train/x.csv", "file,text,speaker\nanna/b.wav,person,anna\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["person", "person"]
    second = ["train/anna/a.json", "train/anna/b.json"]
    assert reading.warnings["a second transcript of a recording, passed over"] == second


def test_output_without_its_recording(data):
    add(data, "c.json", segment(0, 1, "hi"))
    reading = read(data)
    assert [(refusal.reason, refusal.file) for refusal in reading.refusals] == [("missing-audio", "train/anna/c.json")]


@pytest.mark.parametrize(
    "content",
    ['{"segments": []}', '{"segments": [1]}', '{"segments": [{"text": "x"}]}', '["segments", "text"]', '{"segments":'],
)
def test_other_json_is_left_to_tables(data, content):
    write(data / "train/anna/a.json", content)
    assert not read(data).utterances
    assert not [message for message in read(data).warnings if "recogniser" in message]


def test_row_of_a_table_with_segments_is_not_of_a_recogniser(data):
    """It names its recording and speaker, and is no program's."""
    add(data, "row.json", segment(0, 1, "hi"), audio="a.wav", speaker="kim")
    reading = read(data)
    assert [(row.text_raw, row.speaker, row.format) for row in reading.utterances] == [("hi", "kim", "table")]
    assert not reading.warnings
