"""Ages as corpora write them."""

import pytest

from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.speakers import age_of
from tests.support.corpora import reading


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
def test_unreadable_age_is_told(text):
    found = reading()
    assert age_in_months(text, "file:3", found) is None
    assert dict(found.warnings) == {"an age that could not be read, left unknown": ["file:3"]}


@pytest.mark.parametrize(
    ("row", "age"),
    [
        ({"age": 6.5}, "6.5"),
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
