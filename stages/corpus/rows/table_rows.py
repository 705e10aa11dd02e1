"""The rows of tables as people save them: text files, JSON and workbooks; broken rows are refused one by one."""

import csv
from collections.abc import Collection, Iterator
from itertools import islice, zip_longest
from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import nfc
from stages.corpus.rows.headers import (
    DELIMITERS,
    IsRecording,
    are_quoted,
    columns_without_header,
    contradicting_column,
    delimiter_of,
    first_line,
    is_first_row,
    repeated_columns,
    usual_delimiter,
    without_empty_end,
)
from stages.corpus.rows.json_rows import json_file, json_rows
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.workbooks import WORKBOOK_SUFFIX, sheets

COMPARED = 20  # rows of a table without header, in which the third column has to repeat the second

Rows = Iterator[tuple[int, dict]]  # line number, {column in lower case: value}
Cells = Iterator[tuple[int, list[str] | Refused]]  # line number, cells


def read_tables(
    path: Path, place: str, reading: SplitContents, known: Collection[str], is_recording: IsRecording | None = None
) -> Iterator[tuple[str, Rows]]:
    """(place, rows) of each table of a .jsonl, .json, .csv, .tsv, .txt or .xlsx file.

    A workbook has a table on each sheet, other files have one. A row that cannot be read is refused, and reading goes
    on.

    Parameters
    ----------
    place : the file as messages show it
    known : names of columns, by which the delimiter and the header are recognised
    is_recording : a table whose first line names a recording has no header; its columns are file_name and text

    Raises
    ------
    Refused
        broken-workbook
    """
    suffix = path.suffix.lower()
    if suffix == WORKBOOK_SUFFIX:
        for sheet_place, cells in sheets(path, place, reading):
            yield (
                sheet_place,
                _readable(_named_rows(cells, sheet_place, reading, known, is_recording), sheet_place, reading),
            )
        return
    text = read_text(path, place, reading)
    if suffix == ".jsonl":
        rows = json_rows(text)
    elif suffix == ".json":
        rows = json_file(text)
    else:
        rows = _text_rows(text, suffix, place, reading, known, is_recording)
    yield place, _readable(rows, place, reading)


def _readable(rows: Iterator[tuple[int, dict | Refused]], place: str, reading: SplitContents) -> Rows:
    """The rows without those that cannot be read, which are refused."""
    for line, row in rows:
        if isinstance(row, Refused):
            reading.refuse("", place, line, row.reason, row.detail)
        else:
            yield line, {nfc(str(name)).strip().lower(): value for name, value in row.items()}


def _text_rows(
    text: str, suffix: str, place: str, reading: SplitContents, known: Collection[str], is_recording: IsRecording | None
) -> Iterator[tuple[int, dict | Refused]]:
    lines = text.split("\n")
    delimiter = delimiter_of(lines, suffix, known, is_recording)
    if delimiter != usual_delimiter(suffix) and suffix != ".txt":
        reading.warn(f"cells separated by {DELIMITERS[delimiter]}, unlike the file's extension says", place)
    return _named_rows(_cells(lines, delimiter), place, reading, known, is_recording)


def _named_rows(
    cells_of_lines: Cells,
    place: str,
    reading: SplitContents,
    known: Collection[str],
    is_recording: IsRecording | None,
) -> Iterator[tuple[int, dict | Refused]]:
    """The rows with the names of their columns, which the first line has, or which are guessed."""
    rows = _filled_rows(cells_of_lines)
    header: list[str] | None = None
    repeated: list[str] = []
    for line, cells in rows:
        if isinstance(cells, Refused):
            yield line, cells
        elif header is None and is_first_row(cells, known, is_recording):
            first = [(line, cells), *islice(rows, COMPARED)]
            header = columns_without_header(first, known, is_recording)
            if not header:
                yield line, Refused("no-header", f"the table has no line with names of columns; add one: {cells}")
                return
            reading.warn(f"a table without header, read as {', '.join(header)}", place)
            reading.without_header.add(place)
            for row in first:
                yield _row(row, header, repeated)
        elif header is None:
            header = cells
            repeated = repeated_columns(header)
        else:
            yield _row((line, cells), header, repeated)


def _filled_rows(rows: Cells) -> Cells:
    for line, cells in rows:
        if isinstance(cells, Refused) or "".join(cells).strip():
            yield line, cells


def _row(row: tuple[int, list[str] | Refused], header: list[str], repeated: list[str]) -> tuple[int, dict | Refused]:
    """The row with the names of its columns.

    Parameters
    ----------
    repeated : the names that several columns have: they may not hold different texts
    """
    line, cells = row
    if isinstance(cells, Refused):
        return line, cells
    cells = without_empty_end(cells, len(header))
    if len(cells) > len(header):  # most often a comma in an unquoted transcript
        return line, Refused("broken-row", f"{len(cells)} cells where the header has {len(header)}")
    named = list(zip_longest(header, cells, fillvalue=""))
    if repeated:
        column = contradicting_column(header, cells, repeated)
        if column:
            return line, Refused("broken-row", f"several columns are called {column} and differ; rename or remove one")
        named = [(name.strip().lower(), cell) for name, cell in named if cell.strip()]
    return line, dict(named)


def _cells(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | Refused]]:
    """(line number, cells) of each row. After a row that cannot be read, reading goes on in the next line.

    Lenient reading would make one row of all that follows a quotation mark that is never closed.
    """
    style = {"delimiter": delimiter, "strict": True}
    # As Common Voice and LJSpeech write it, quotes are ordinary characters; R and others quote every cell.
    if delimiter in "\t|" and not are_quoted(first_line(lines), delimiter):
        style = {"delimiter": delimiter, "quoting": csv.QUOTE_NONE}
    begin = 0  # the row's first line; a quoted cell may go over several
    while begin < len(lines):
        first = begin
        rows = csv.reader((lines[place] + "\n" for place in range(first, len(lines))), **style)
        try:
            for cells in rows:
                yield begin + 1, cells
                begin = first + rows.line_num
        except csv.Error as error:
            yield begin + 1, Refused("broken-row", f"{error}; in a quoted cell, quotation marks are doubled")
            begin += 1
