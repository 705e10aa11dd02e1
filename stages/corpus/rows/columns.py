"""Columns of tables: finding them by their names, and the text of a row's cells."""

import datetime
import decimal
import math
import re
from collections.abc import Iterable
from functools import lru_cache

from stages.corpus.rows.files import nfc

EXACT = 2**53  # whole numbers below it are exact as floats


@lru_cache(maxsize=4096)  # asked for at every row
def squashed(name: str) -> str:
    """A column's name as names are compared: in lower case, without spaces, underscores, hyphens and brackets."""
    return re.sub(r"[\W_]+", "", name.lower())


def is_column(column: str, names: Iterable[str]) -> bool:
    """Whether a column has one of these names."""
    return squashed(column) in map(squashed, names)


def columns_named(present: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Those of the columns that have one of these names, in the order of the names."""
    by_name: dict[str, list[str]] = {}
    for column in present:
        by_name.setdefault(squashed(column), []).append(column)
    columns: list[str] = []
    for name in names:
        columns += by_name.pop(squashed(name), [])
    return tuple(columns)


def cell(row: dict, columns: Iterable[str]) -> str:
    """The first of the columns that holds something, as stripped text; "" where none does.

    JSON's true and false are no text.
    """
    for column in columns:
        text = "" if isinstance(row.get(column), bool) else _text(row.get(column))
        if text:
            return text
    return ""


def yes_or_no(row: dict, names: Iterable[str]) -> str:
    """The first column with one of these names that holds something, in lower case; JSON's true is "true"."""
    for column in columns_named(row, names):
        text = _text(row[column])
        if text:
            return text.lower()
    return ""


def clock_time(value: datetime.timedelta) -> str:
    """A duration as h:mm:ss.ffffff; those below zero are no times, and are left as Python writes them."""
    if value < datetime.timedelta():
        return str(value)
    hours, rest = divmod(value, datetime.timedelta(hours=1))
    minutes, seconds = divmod(rest, datetime.timedelta(minutes=1))
    return f"{hours}:{minutes:02}:{seconds.seconds:02}.{seconds.microseconds:06}"


def _text(value: object) -> str:
    """What a cell holds, as text; "" for lists and other things that are no text, number or time of a clock.

    pandas writes NaN for an empty cell, and a column of whole numbers as 12.0. Parquet files have decimals and times.
    """
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        value = int(value) if value.is_integer() and abs(value) < EXACT else value
    elif isinstance(value, datetime.timedelta):
        value = clock_time(value)
    elif isinstance(value, decimal.Decimal | datetime.time):
        value = str(value)
    return nfc(str(value)).strip() if isinstance(value, str | int | float) else ""
