"""Columns of tables: finding them by their names, and the text of a row's cells."""

import re
from collections.abc import Iterable

from stages.corpus.rows.files import nfc


def squashed(name: str) -> str:
    """A column's name as names are compared: in lower case, without spaces, underscores, hyphens and brackets."""
    return re.sub(r"[\W_]+", "", name.lower())


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
    """The first of the columns that holds something, as stripped text; "" where none does."""
    for column in columns:
        value = row.get(column)
        if isinstance(value, str | int | float) and str(value).strip():
            return nfc(str(value)).strip()
    return ""
