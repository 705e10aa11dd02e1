"""Lists of transcripts in text files, and those of LibriSpeech and MLS."""

from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows import speaker_names
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path) -> SplitContents:
    return registry.read_split(data, "train", options())


def rows(reading: SplitContents) -> list[tuple]:
    return [(row.source, row.text_raw, row.speaker, row.speaker_known) for row in reading.utterances]


def refusals(reading: SplitContents) -> list[tuple]:
    return [(refusal.reason, refusal.file, refusal.line) for refusal in reading.refusals]


def librispeech(folder: Path, speaker: str = "84", chapter: str = "121123") -> None:
    lines = []
    for number, text in enumerate(("GO DO YOU HEAR", "BUT")):
        write_audio(folder / f"{speaker}-{chapter}-{number:04}.flac")
        lines.append(f"{speaker}-{chapter}-{number:04} {text}\n")
    write(folder / f"{speaker}-{chapter}.trans.txt", "".join(lines))


@pytest.mark.parametrize("top", ["", "LibriSpeech/dev-clean/"])
def test_librispeech(data, top):
    librispeech(data / f"train/{top}84/121123")
    librispeech(data / f"train/{top}84/121550", chapter="121550")
    librispeech(data / f"train/{top}174/50561", "174", "50561")
    write(
        data / f"train/{top}SPEAKERS.TXT", "; a comment\n;ID |SEX| SUBSET\n84  | F | dev-clean | 8 | X\n174 | M | x\n"
    )
    write(data / f"train/{top}CHAPTERS.TXT", ";ID    |READER\n121123 | 84 | 17.39 | dev-clean\n")
    write(data / f"train/{top}README.TXT", "LibriSpeech is a corpus of read speech")
    reading = read(data)
    assert not reading.refusals
    assert [(row.id, row.text_raw, row.speaker, row.gender) for row in reading.utterances] == [
        ("174-50561-0000", "GO DO YOU HEAR", "174", "m"),
        ("174-50561-0001", "BUT", "174", "m"),
        ("84-121123-0000", "GO DO YOU HEAR", "84", "f"),
        ("84-121123-0001", "BUT", "84", "f"),
        ("84-121550-0000", "GO DO YOU HEAR", "84", "f"),
        ("84-121550-0001", "BUT", "84", "f"),
    ]
    assert dict(reading.warnings) == {"a list of chapters or books, passed over": [f"train/{top}CHAPTERS.TXT"]}


def test_librispeech_in_one_folder(data):
    librispeech(data / "train/all")
    reading = read(data)
    assert {row.speaker for row in reading.utterances} == {"84"}
    assert list(reading.warnings) == ["the speaker is the first part of the id, which the folders do not repeat"]


def test_ids_that_are_not_librispeechs_leave_the_speaker_to_the_folder(data):
    write_audio(data / "train/anna/x-1.wav")
    write(data / "train/anna/session.trans.txt", "x-1 we call it bear\n")
    assert rows(read(data)) == [("train/anna/x-1.wav", "we call it bear", "anna", True)]


def test_mls(data):
    for name in ("10/20/10_20_000001", "10/30/10_30_000001", "40/20/40_20_000001"):
        write_audio(data / f"train/audio/{name}.flac")
    write(data / "train/transcripts.txt", "10_20_000001\teins\n10_30_000001\tzwei drei\n40_20_000001\tvier\n")
    write(data / "train/metainfo.txt", " SPEAKER   |   GENDER   | PARTITION\n 10        |      M     |   train\n")
    reading = read(data)
    assert [(row.text_raw, row.speaker, row.speaker_known, row.gender) for row in reading.utterances] == [
        ("eins", "10", True, "m"),
        ("zwei drei", "10", True, "m"),
        ("vier", "40", True, None),
    ]
    assert not reading.refusals


@pytest.mark.parametrize("name", ["list.txt", "transcripts.TXT", "list.trans.txt"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_list_with_spaces(data, name, newline):
    for recording in ("anna/u1.wav", "ben/u2.wav"):
        write_audio(data / "train" / recording)
    write(data / "train" / name, newline.join(["u1.wav we call it bear", "", "ben/u2.wav  yes, please", ""]))
    reading = read(data)
    assert rows(reading) == [
        ("train/anna/u1.wav", "we call it bear", "anna", True),
        ("train/ben/u2.wav", "yes, please", "ben", True),
    ]
    assert [row.line for row in reading.utterances] == [1, 3]
    assert not reading.refusals


@pytest.mark.parametrize(
    "content",
    ["u1 | a cat\nu2 | a dog\n", "u1.wav\ta cat\nu2.wav\ta dog\n", "u1 | a cat | a cat\nu2 | a dog | a dog\n"],
)
def test_list_with_pipes_or_tabs(data, content):
    for recording in ("anna/u1.wav", "ben/u2.wav"):
        write_audio(data / "train" / recording)
    write(data / "train/list.txt", content)
    reading = read(data)
    assert rows(reading) == [
        ("train/anna/u1.wav", "a cat", "anna", True),
        ("train/ben/u2.wav", "a dog", "ben", True),
    ]
    assert not reading.refusals


def test_the_transcript_of_a_recording_called_speakers(data):
    write_audio(data / "train/anna/speakers.wav")
    write(data / "train/anna/speakers.txt", "these are the speakers")
    assert [row.text_raw for row in read(data).utterances] == ["these are the speakers"]


@pytest.mark.parametrize("names", [("u1", "u2"), ("u1.wav", "u2.wav"), ("u1.mp3", "u2.mp3")])
def test_each_child_has_a_list_and_recordings_of_the_same_names(data, names):
    for child in ("anna", "ben"):
        for name in ("u1", "u2"):
            write_audio(
                data / f"train/{child}/{name}.flac" if "." not in names[0] else data / f"train/{child}/{name}.wav"
            )
        write(data / f"train/{child}/list.txt", f"{names[0]} one of {child}\n{names[1]} two of {child}\n")
    reading = read(data)
    assert [(row.text_raw, row.speaker) for row in reading.utterances] == [
        ("one of anna", "anna"),
        ("two of anna", "anna"),
        ("one of ben", "ben"),
        ("two of ben", "ben"),
    ]


def test_broken_lines_of_a_list(data):
    for name in ("anna/u1.wav", "anna/u2.wav", "anna/u3.wav", "ben/u3.wav"):
        write_audio(data / "train" / name)
    write(
        data / "train/list.txt", "u1.wav one\nu9.wav nine\nu3.wav three\nu2.wav two\nu2.wav something else\n/etc/x z\n"
    )
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["one"]
    assert refusals(reading) == [
        ("missing-audio", "train/list.txt", 2),
        ("ambiguous-audio", "train/list.txt", 3),
        ("outside-data", "train/list.txt", 6),
        ("unclear-times", "train/list.txt", 4),
        ("unclear-times", "train/list.txt", 5),
    ]


def test_a_list_beside_other_transcripts(data):
    for name in ("anna/u1.wav", "anna/u2.wav"):
        write_audio(data / "train" / name)
    write(data / "train/x.csv", "file,text,speaker\nanna/u1.wav,one,anna\n")
    write(data / "train/anna/list.txt", "u1.wav one again\nu2.wav two\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["one", "two"]
    assert reading.warnings["a second transcript of a recording, passed over"] == ["train/anna/list.txt:1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "one day we recorded\nanother day we did not\n"),
        ("notes.txt", "one two three\n"),  # a single line may begin with any word
        ("one.txt", "two three\n"),  # the transcript of one.wav
        ("README.txt", "one.wav is the first\ntwo.wav is the second\n"),
        ("notes.txt", "one\ntwo\n"),
    ],
)
def test_texts_that_are_no_lists(data, name, content):
    for recording in ("one", "two"):
        write_audio(data / f"train/anna/{recording}.wav")
    write(data / "train/anna" / name, content)
    reading = read(data)
    assert {row.format for row in reading.utterances} <= {"text"}
    assert [row.text_raw for row in reading.utterances] == (["two three"] if name == "one.txt" else [])


def test_a_list_whose_recordings_are_in_no_folder_names_no_speaker(data):
    for name in ("u1.wav", "u2.wav"):
        write_audio(data / "train/wav" / name)
    write(data / "train/list.txt", "u1.wav one\nu2.wav two\n")
    reading = read(data)
    assert [row.speaker_known for row in reading.utterances] == [False, False]
    with pytest.raises(UserError, match="Folders are speakers"):
        speaker_names.check_known({"train": reading}, False)


@pytest.mark.parametrize("separator", [" ", "\t", "|"])
@pytest.mark.parametrize("name", ["0001", "0001.wav"])
@pytest.mark.parametrize(
    ("own", "content", "text"),
    [
        ("0001.txt", "we calls it bear", "we calls it bear"),
        ("0001.TRN", "we calls it bear", "we calls it bear"),
        ("0001.srt", "1\n00:00:00,100 --> 00:00:00,900\nwe calls it bear\n", "we calls it bear"),
    ],
)
def test_prompts_do_not_replace_what_was_said(data, separator, name, own, content, text):
    """A list of what was to be read, beside recordings that have transcripts of their own."""
    write_audio(data / "train/anna/0001.wav")
    write_audio(data / "train/anna/0002.wav")
    write(data / "train/anna" / own, content)
    second = name.replace("1", "2")
    write(data / "train/anna/prompts.txt", f"{name}{separator}we call it bear\n{second}{separator}and you too\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == [text, "and you too"]
    own_text = "a list's text of a recording that has a transcript of its own name, passed over"
    second_text = "a second transcript of a recording, passed over"
    assert reading.warnings[own_text] + reading.warnings[second_text] == ["train/anna/prompts.txt:1"]
    assert not reading.refusals
