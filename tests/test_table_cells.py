"""Cells of tables as people and programs write them: times, headers, quotation marks, empty columns."""

from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from stages.corpus.rows.written_times import clock_seconds, number_of
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    for name in ("anna/u1.wav", "ben/u2.wav"):
        write_audio(tmp_path / "data/train" / name)
    return tmp_path / "data"


def read(data: Path, name: str, content: str, **changes) -> SplitContents:
    write(data / "train" / name, content)
    return registry.read_split(data, "train", options(**changes))


def texts(reading: SplitContents) -> list[tuple[str, str]]:
    return [(row.source, row.text_raw) for row in reading.utterances]


def refusals(reading: SplitContents) -> list[tuple]:
    return [(refusal.reason, refusal.file, refusal.line) for refusal in reading.refusals]


# --- times


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("62", 62.0),
        ("62.5", 62.5),
        (".5", 0.5),
        ("1,5", 1.5),
        ("62,25", 62.25),
        ("0,500", 0.5),
        ("1234,567", 1234.567),
        ("-0,25", -0.25),
        ("1e3", 1000.0),
        ("1,500", None),  # one and a half, or fifteen hundred
        ("12,500", None),
        ("1,234.5", None),
        ("1.234,5", None),
        ("1_000", None),
        ("\u0661", None),
        ("1 000", None),
        ("5s", None),
        ("0x10", None),
    ],
)
def test_numbers(text, number):
    if number is None:
        with pytest.raises(ValueError, match=r"no number|decimal comma"):
            number_of(text)
    else:
        assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:02", 62.0),
        ("1:02.5", 62.5),
        ("01:02,25", 62.25),
        ("75:00", 4500.0),
        ("0:01:02", 62.0),
        ("00:01:02.500", 62.5),
        ("00:01:02,500000", 62.5),
        ("1:00:00", 3600.0),
        ("1:75", "minutes and seconds"),
        ("0:61:00", "minutes and seconds"),
        ("00:00:01:12", None),  # the last are frames, and their rate is not known
        ("1:2:", None),
        ("-1:02", None),
        ("1.5", None),
        ("a:b", None),
    ],
)
def test_clock_times(text, seconds):
    if isinstance(seconds, str):
        with pytest.raises(ValueError, match=seconds):
            clock_seconds(text)
    else:
        assert clock_seconds(text) == seconds


@pytest.mark.parametrize(
    ("header", "times", "expected"),
    [
        ("start;end", "1,5;2,75", (1.5, 2.75)),
        ("start;end", "0:01.5;0:00:02.75", (1.5, 2.75)),
        ("start_sec;end_sec", "0:01,5;2,75", (1.5, 2.75)),
        ("start_ms;end_ms", "1500;2750,0", (1.5, 2.75)),
        ("start;duration", "1,5;1,25", (1.5, 2.75)),
    ],
)
def test_times_of_rows(data, header, times, expected):
    reading = read(data, "x.csv", f"file;text;{header}\nanna/u1.wav;hi;{times}\n")
    assert [(row.start, row.end) for row in reading.utterances] == [expected]
    assert not reading.refusals


@pytest.mark.parametrize(
    ("header", "times", "detail"),
    [
        ("start;end", "0;1,500", "end is '1,500'"),
        ("start;end", "00:00:01:12;3", "start is '00:00:01:12'"),
        ("start;end", "0:00;0:75", "end is '0:75'"),
        ("start_ms;end_ms", "0:01;0:02", "start_ms is '0:01', and the column's name says milliseconds"),
        ("start;end", "1_0;12", "start is '1_0'"),
    ],
)
def test_times_that_may_be_several_are_refused(data, header, times, detail):
    reading = read(data, "x.csv", f"file;text;{header}\nanna/u1.wav;hi;{times}\n")
    assert not reading.utterances
    assert refusals(reading) == [("bad-time", "train/x.csv", 2)]
    assert detail in reading.refusals[0].detail


# --- names of columns


@pytest.mark.parametrize(
    "name",
    "file_path filepath wav wav_filename wav_path audio_filepath audio_file_name recording_filename recording".split(),
)
def test_names_of_the_file_column(data, name):
    assert texts(read(data, "x.csv", f"{name},text\nanna/u1.wav,hi\n")) == [("train/anna/u1.wav", "hi")]


@pytest.mark.parametrize(
    "name", "text sentence transcription transcript normalized_text Normalised-Text raw_text transcribed_text".split()
)
def test_names_of_the_text_column(data, name):
    assert texts(read(data, "x.csv", f"file,{name}\nanna/u1.wav,hi\n")) == [("train/anna/u1.wav", "hi")]


def test_raw_text_goes_before_normalised_text(data):
    reading = read(data, "x.csv", "file,normalized_text,text\nanna/u1.wav,five dogs,5 dogs\n")
    assert texts(reading) == [("train/anna/u1.wav", "5 dogs")]


@pytest.mark.parametrize("header", ["file,text,text", "file,Text,text"])
def test_columns_of_one_name_that_differ(data, header):
    reading = read(data, "x.csv", f"{header}\nanna/u1.wav,hi,ho\nben/u2.wav,yes,yes\nben/u2.wav,yes,\n")
    assert refusals(reading)[0] == ("broken-row", "train/x.csv", 2)
    assert "several columns are called text" in reading.refusals[0].detail
    assert texts(reading)[0] == ("train/ben/u2.wav", "yes")


# --- headers


@pytest.mark.parametrize("word", ["child", "text", "path", "speaker", "age", "split"])
@pytest.mark.parametrize(
    ("name", "cut"), [("x.tsv", "\t"), ("x.csv", ","), ("x.csv", "|"), ("x.txt", "\t"), ("x.txt", "|")]
)
@pytest.mark.parametrize("suffix", [".wav", ""])
def test_a_first_row_is_no_header_though_its_text_is_the_name_of_a_column(data, name, cut, word, suffix):
    reading = read(data, name, f"anna/u1{suffix}{cut}{word}\nben/u2{suffix}{cut}a dog\n")
    assert texts(reading) == [("train/anna/u1.wav", word), ("train/ben/u2.wav", "a dog")]
    assert not reading.refusals


def test_a_first_row_whose_recording_is_missing_is_no_header(data):
    reading = read(data, "x.tsv", "anna/u9.wav\thello\nben/u2.wav\ta dog\n")
    assert refusals(reading) == [("missing-audio", "train/x.tsv", 1)]
    assert texts(reading) == [("train/ben/u2.wav", "a dog")]


def test_commas_in_the_text_of_a_list_with_tabs(data):
    reading = read(data, "x.tsv", "anna/u1.wav\tkid, child, user\nben/u2.wav\ttext, path\n")
    assert texts(reading) == [("train/anna/u1.wav", "kid, child, user"), ("train/ben/u2.wav", "text, path")]


def test_a_recording_called_like_a_column_does_not_make_a_row_of_the_header(data):
    write_audio(data / "train/cleo/file.wav")
    reading = read(data, "x.csv", "file,text,speaker\nanna/u1.wav,hi,anna\n")
    assert texts(reading) == [("train/anna/u1.wav", "hi")]


@pytest.mark.parametrize("content", ["hello there,anna/u1.wav\nyou there,ben/u2.wav\n", "anna,anna/u1.wav,hi you\n"])
def test_a_table_without_header_whose_first_cell_is_no_recording(data, content):
    reading = read(data, "x.csv", content)
    assert refusals(reading) == [("no-header", "train/x.csv", 1)]


def test_folders_are_the_speakers_of_a_table_without_header(data):
    reading = read(data, "x.tsv", "anna/u1.wav\ta cat\nben/u2.wav\ta dog\n")
    assert [(row.speaker, row.speaker_known) for row in reading.utterances] == [("anna", True), ("ben", True)]


@pytest.mark.parametrize("header", ["file_name\ttext\tspeaker", "path|sentence|speaker", "File, Transcript, Speaker"])
def test_a_table_in_a_text_file(data, header):
    cut = next(mark for mark in "\t|," if mark in header)
    reading = read(data, "list.txt", f"{header}\nanna/u1.wav{cut}a cat{cut}Anna\n")
    assert texts(reading) == [("train/anna/u1.wav", "a cat")]
    assert reading.utterances[0].speaker == "Anna"


# --- empty cells and quotation marks


@pytest.mark.parametrize(
    "content",
    [
        "file,text,\nanna/u1.wav,hi,\nben/u2.wav,ho,\n",
        "file,text\nanna/u1.wav,hi,\nben/u2.wav,ho,,\n",
        "file,text,,\nanna/u1.wav,hi\nben/u2.wav,ho\n",
        "anna/u1.wav,hi,\nben/u2.wav,ho,\n",
    ],
)
def test_empty_cells_at_the_end(data, content):
    reading = read(data, "x.csv", content)
    assert texts(reading) == [("train/anna/u1.wav", "hi"), ("train/ben/u2.wav", "ho")]
    assert not reading.refusals


@pytest.mark.parametrize("cut", ["\t", "|"])
@pytest.mark.parametrize("header", ['"file"{0}"text"\n', ""])
def test_tables_with_tabs_whose_cells_are_all_quoted(data, header, cut):
    rows = '"anna/u1.wav"{0}"she said ""hi"""\n"ben/u2.wav"{0}"so"\n'
    reading = read(data, "x.tsv", (header + rows).format(cut))
    assert texts(reading) == [("train/anna/u1.wav", 'she said "hi"'), ("train/ben/u2.wav", "so")]


def test_quotes_are_characters_in_other_tables_with_tabs(data):
    reading = read(data, "x.tsv", 'file\ttext\nanna/u1.wav\t"hi" she said\nben/u2.wav\t"so\n')
    assert texts(reading) == [("train/anna/u1.wav", '"hi" she said'), ("train/ben/u2.wav", '"so')]
