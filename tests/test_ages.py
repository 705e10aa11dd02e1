"""Ages as corpora write them."""

from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows.ages import age_in_months, may_be_months
from stages.corpus.rows.speakers import age_of
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, reading, write, write_audio


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("6", 72),
        ("6.5", 78),
        ("6 years", 72),
        ("6yrs", 72),
        ("75 months", 75),
        ("75.4 mo", 75),
        ("4;07.07", 55),
        ("4;7", 55),
        ("2;11.29", 36),
        ("4;", 48),
        ("4;07.", 55),
        ("5y6m", 66),
        ("5 y 6 m", 66),
        ("5 years 6 months", 66),
        ("5 years, 6 months old", 66),
        ("5 yrs and 6 mos", 66),
        ("4.5 yo", 54),
        ("4 y.o.", 48),
        ("6 years old", 72),
        ("7,5", 90),
        ("7,5 Y", 90),
        ("5;06.15", 66),
        ("66mo", 66),
        ("66 months old", 66),
        ("5-year-old", 60),
        ("66-month-old", 66),
        ("5 y/o", 60),
        ("4-5 yo", 60),
        ("4-5 years old", 60),
        ("24-36 months", 30),
        ("2;6-3;0", 33),
        ("2;6 to 3;6", 36),
        ("P5Y6M", 66),
        ("P66M", 66),
        ("P5Y", 60),
        ("5 1/2", 66),
        ("5\u00bd", 66),
        ("5 \u00bd years", 66),
        ("3-4", 48),
        ("5-7", 78),
        ("8\u201311", 120),
        ("20-29", 300),
        ("teens", 198),
        ("grade 3", 108),
        ("3rd grade", 108),
        ("K", 72),
        ("kindergarten", 72),
        ("Grade K", 72),
        ("pre-K", 60),
    ],
)
def test_age(text, months):
    found = reading()
    assert age_in_months(text, "here", found) == months
    assert not found.warnings


@pytest.mark.parametrize("text", ["", "NA", "unknown", "?", "None"])
def test_unknown_age(text):
    found = reading()
    assert age_in_months(text, "here", found) is None
    assert not found.warnings


@pytest.mark.parametrize(
    "text",
    [
        "-3",
        "1997",
        "inf",
        "old",
        "7-5",
        "4;15.01",
        "9" * 40,
        "P",
        "5y13m",
        "3;0-2;0",
        "1,2,3",
        "grade x",
        "1e3",
        "\u0668",
    ],
)
def test_unreadable_age_is_reported(text):
    found = reading()
    assert age_in_months(text, "file:3", found) is None
    assert dict(found.warnings) == {"an age that could not be read, left unknown": ["file:3"]}


@pytest.mark.parametrize(
    ("row", "age"),
    [
        ({"age": 6.5}, "6.5"),
        ({"age": 66}, "66"),
        ({"age_years": 6}, "6"),
        ({"Age (years)": 66}, "66 years"),
        ({"age": "6", "age_months": "75"}, "75 months"),
        ({"age_bucket": "5-7"}, "5-7"),
        ({"age_bucket": "unknown", "grade": "2"}, "grade 2"),
        ({"grade": "3rd grade"}, "3rd grade"),
        ({"age": "NA"}, ""),
        ({}, ""),
    ],
)
def test_columns(row, age):
    assert age_of(row) == age


@pytest.mark.parametrize("text", ["25", "66", "66.0", "66,5", "216", " 66 ", "60-72", "36 to 48"])
def test_ages_that_may_be_months(text):
    assert may_be_months(text)


@pytest.mark.parametrize(
    "text", ["", "6", "24", "217", "1998", "66 months", "30 years", "5;06", "30;00", "20-29", "30-39", "5-7", "teens"]
)
def test_ages_that_are_clear(text):
    assert not may_be_months(text)


@pytest.mark.parametrize(
    ("text", "months"), [("66", 66), ("60-72", 66), ("18", 18), ("5;06", 66), ("5 years", 60), ("66 months", 66)]
)
def test_unit_of_bare_ages(text, months):
    assert age_in_months(text, "here", reading(age_unit="months")) == months


TABLE = "file_name,text,speaker,age\n"


@pytest.mark.parametrize(
    "rows",
    [
        ["anna,66", "ben,72", "cleo,14"],
        ["anna,6", "ben,7", "cleo,66"],  # one of them is in months
        ["anna,150"],  # no age in years
        ["anna,6", "ben,30-42"],
    ],
)
def test_the_unit_is_asked_for(tmp_path, rows):
    with pytest.raises(UserError, match=r"ages without a unit .* \(first: data/train/list.csv, line [234]\)") as error:
        read_table(tmp_path, rows)
    assert "Set preprocess.age_unit to years or months, or write the unit: " in str(error.value)


@pytest.mark.parametrize(
    ("rows", "age_unit", "ages"),
    [
        (["anna,66", "ben,14"], "months", {"anna": 66, "ben": 14}),
        (["anna,6", "ben,35"], "years", {"anna": 72}),
        (["anna,6", "ben,66 months"], "auto", {"anna": 72, "ben": 66}),
        (["anna,6", "ben,35 years"], "auto", {"anna": 72}),
        (["anna,6", "teacher,35"], "auto", {"anna": 72}),  # left out by its name
        (["anna,6", "ben,24"], "auto", {"anna": 72}),
        (["anna,6", "ben,30-39"], "auto", {"anna": 72}),
    ],
)
def test_who_is_a_child(tmp_path, rows, age_unit, ages):
    found = read_table(tmp_path, rows, age_unit=age_unit)
    assert {row.speaker: row.age_months for row in found.utterances} == ages
    assert found.left_out.total() == len(rows) - len(ages)


def test_ages_of_adults_are_not_asked_for(tmp_path):
    assert len(read_table(tmp_path, ["anna,6", "ben,35"], everyone_in=["train"]).utterances) == 2
    assert len(read_table(tmp_path, ["anna,6", "ben,35"], child_max_age=None).utterances) == 2


def read_table(folder: Path, rows: list[str], **changes) -> SplitContents:
    for row in rows:
        write_audio(folder / f"data/train/{row.partition(',')[0]}.wav", seed=len(row))
    lines = [f"{row.partition(',')[0]}.wav,hello,{row}\n" for row in rows]
    write(folder / "data/train/list.csv", TABLE + "".join(lines))
    return registry.read_split(folder / "data", "train", options(**changes))
