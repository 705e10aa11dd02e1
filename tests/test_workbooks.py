"""Tables in .xlsx workbooks."""

import datetime
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from stages.corpus.rows.workbooks import text_of
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    for name in ("u1.wav", "u2.wav"):
        write_audio(tmp_path / "data/train" / name)
    return tmp_path / "data"


def workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def read(data: Path) -> SplitContents:
    return registry.read_split(data, "train", options())


def refusals(reading: SplitContents) -> list[tuple]:
    return [(refusal.reason, refusal.file, refusal.line) for refusal in reading.refusals]


def test_a_workbook(data):
    header = ["File Name", "Transcript", "Speaker", "Age", "Sex", "start", "end", None]
    rows = [
        header,
        ["u1.wav", "we call it bear", 12, 6.5, "f", 0, 1.25, None],
        [None] * 8,
        ["u1.wav", 5, 12, "6;3", "f", datetime.time(0, 0, 1, 500000), datetime.timedelta(seconds=2.5), ""],
        ["u2.wav", True, 13.0, 7, "m"],
    ]
    workbook(data / "train/list.xlsx", {"Sheet1": rows})
    reading = read(data)
    assert not reading.refusals
    found = [(row.text_raw, row.speaker, row.age_months, row.gender) for row in reading.utterances]
    assert found == [("we call it bear", "12", 78, "f"), ("5", "12", 75, "f"), ("TRUE", "13", 84, "m")]
    assert [(row.start, row.end) for row in reading.utterances] == [(0.0, 1.25), (1.5, 2.5), (None, None)]
    assert [(row.file, row.line) for row in reading.utterances] == [("train/list.xlsx", line) for line in (2, 4, 5)]


def test_rows_of_a_workbook_are_refused_by_file_and_line(data):
    rows = [["file", "text", "start", "end"], ["u9.wav", "hi", 0, 1], ["u1.wav", "ho", "1,500", 2], ["u2.wav", "so"]]
    workbook(data / "train/list.xlsx", {"Sheet1": rows})
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["so"]
    assert refusals(reading) == [("missing-audio", "train/list.xlsx", 2), ("bad-time", "train/list.xlsx", 3)]


def test_a_formula_is_never_computed(data):
    rows = [["file", "text"], ["u1.wav", '=CONCAT("a", "b")'], ["u2.wav", "so"]]
    workbook(data / "train/list.xlsx", {"Sheet1": rows})
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["so"]
    assert refusals(reading) == [("broken-row", "train/list.xlsx", 2)]
    assert "cell B2 holds a formula without a stored result" in reading.refusals[0].detail


def test_the_stored_result_of_a_formula_is_read(data, tmp_path):
    plain = workbook(tmp_path / "x.xlsx", {"Sheet1": [["file", "text"], ["u1.wav", 7]]})
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(data / "train/list.xlsx", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert b"<v>7</v>" in content
                content = content.replace(b"<v>7</v>", b"<f>3+4</f><v>7</v>")
            target.writestr(name, content)
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["7"]


def test_a_cell_with_an_error_is_refused(data):
    workbook(data / "train/list.xlsx", {"Sheet1": [["file", "text"], ["u1.wav", "#REF!"], ["u2.wav", "so"]]})
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["so"]
    assert "cell B2 holds the error #REF!" in reading.refusals[0].detail


def test_several_sheets(data):
    sheets = {
        "first": [["file", "text", "speaker"], ["u1.wav", "one", "anna"]],
        "notes": [["day", "who"], ["Monday", "we"]],
        "second": [["file", "text", "speaker"], ["u2.wav", "two", "ben"], ["u9.wav", "nine", "ben"]],
        "empty": [],
    }
    workbook(data / "train/metadata.xlsx", sheets)
    reading = read(data)
    assert [(row.text_raw, row.file, row.line) for row in reading.utterances] == [
        ("one", "train/metadata.xlsx (first)", 2),
        ("two", "train/metadata.xlsx (second)", 2),
    ]
    assert refusals(reading) == [("missing-audio", "train/metadata.xlsx (second)", 3)]
    assert dict(reading.warnings) == {
        "a table that names no recordings, passed over": ["train/metadata.xlsx (notes)"],
        "a table without rows": ["train/metadata.xlsx (empty)"],
    }


def test_a_hidden_sheet_is_passed_over(data):
    path = workbook(data / "train/list.xlsx", {"new": [["file", "text"], ["u1.wav", "one"]], "old": [["file", "text"]]})
    book = openpyxl.load_workbook(path)
    book["old"].append(["u1.wav", "won"])
    book["old"].sheet_state = "hidden"
    book.save(path)
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["one"]
    assert reading.warnings["a hidden sheet, passed over"] == ["train/list.xlsx (old)"]


def test_merged_cells_are_reported(data):
    rows = [["file", "text", "speaker"], ["u1.wav", "one", "anna"], ["u2.wav", "two", None]]
    path = workbook(data / "train/list.xlsx", {"Sheet1": rows})
    assert not [message for message in read(data).warnings if "merged" in message]
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("C2:C3")
    book.save(path)
    (message,) = [message for message in read(data).warnings if "merged" in message]
    assert read(data).warnings[message] == ["train/list.xlsx"]


def test_a_workbook_without_header(data):
    workbook(data / "train/list.xlsx", {"Sheet1": [["u1.wav", "child"], ["u2.wav", "a dog"]]})
    assert [row.text_raw for row in read(data).utterances] == ["child", "a dog"]


def test_speakers_in_a_workbook(data):
    write(data / "train/x.csv", "file,text,speaker\nu1.wav,one,anna\nu2.wav,two,Mara\n")
    workbook(
        data / "train/speakers.xlsx", {"Sheet1": [["speaker", "age", "gender"], ["Anna", 6, "f"], ["mara", "30 years"]]}
    )
    reading = read(data)
    assert [(row.speaker, row.age_months, row.gender) for row in reading.utterances] == [("anna", 72, "f")]
    assert reading.left_out == {"speakers of 18 years or more": 1}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a workbook", b"file,text\nu1.wav,hi\n"])
def test_what_is_no_workbook(data, content):
    write(data / "train/list.xlsx", content)
    assert refusals(read(data)) == [("broken-workbook", "train/list.xlsx", None)]


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
@pytest.mark.parametrize("damage", ["cut", "entity"])
def test_damaged_workbooks(data, tmp_path, part, damage):
    whole = workbook(tmp_path / "x.xlsx", {"Sheet1": [["file", "text"], ["u1.wav", "hi"], ["u2.wav", "so"]]})
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(data / "train/list.xlsx", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == part and damage == "cut":
                content = content[: len(content) // 2]
            elif name == part:
                content = b'<!DOCTYPE x [<!ENTITY a "b">]>' + content.partition(b"?>")[2]
            target.writestr(name, content)
    reading = read(data)
    assert {refusal.reason for refusal in reading.refusals} == {"broken-workbook"}


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.floats(0, 1), st.binary(min_size=1, max_size=20))
def test_damaged_bytes_of_a_workbook(place, damage):
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write(data / "train/u1.wav", "")  # never opened
        path = workbook(data / "train/list.xlsx", {"Sheet1": [["file", "text"], ["u1.wav", "hi"]]})
        content = path.read_bytes()
        begin = int(place * len(content))
        path.write_bytes(content[:begin] + damage + content[begin + len(damage) :])
        for row in read(data).utterances:
            assert (row.source, row.text_raw) == ("train/u1.wav", "hi")


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (3.0, "General", "3"),
        (0.1, "General", "0.1"),
        (12, "0000", "12"),
        (datetime.datetime(2014, 2, 28), "yyyy-mm-dd", "2014-02-28"),
        (datetime.time(1, 2), "h:mm", "1:02"),  # who typed 1:02 sees 1:02
        (datetime.time(0, 1, 2), "h:mm:ss", "00:01:02"),
        (datetime.time(0, 1, 2, 500000), "mm:ss.0", "00:01:02.500000"),
        (datetime.timedelta(hours=25, seconds=2.5), "[h]:mm:ss", "25:00:02.500000"),
        (True, "General", "TRUE"),
        ("a\xa0b", "General", "a b"),
    ],
)
def test_texts_of_cells(value, number_format, text):
    assert text_of(value, number_format) == text
