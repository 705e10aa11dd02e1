"""The rows of tables as people save them: delimiters, tables without a header, JSON lines and arrays, broken rows."""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice, zip_longest
from pathlib import Path

from stages.corpus.rows.columns import columns_named
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import nfc
from stages.corpus.rows.utterance import Refused, SplitContents

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
JSON_SUFFIXES = (".jsonl", ".json")
COMPARED = 20  # rows of a table without header, in which the third column has to repeat the second

IsRecording = Callable[[str], bool]  # whether a cell names a recording


def read_rows(
    path: Path, place: str, reading: SplitContents, known: Collection[str], is_recording: IsRecording | None = None
) -> Iterator[tuple[int, dict]]:
    """Rows of a .jsonl, .json, .csv or .tsv file as (line number, {column in lower case: value}).

    A row that cannot be read is refused, and reading goes on.

    Parameters
    ----------
    known : names of columns, by which the delimiter and the header are recognised
    is_recording : a table whose first cell names a recording has no header; its columns are file_name and text
    """
    text = read_text(path, place, reading)
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        rows = _json_rows(text) if suffix == ".jsonl" else _json_file(text)
    else:
        rows = _cell_rows(text, suffix, place, reading, known, is_recording)
    for line, row in rows:
        if isinstance(row, Refused):
            reading.refuse("", place, line, row.reason, row.detail)
        else:
            yield line, {nfc(str(name)).strip().lower(): value for name, value in row.items()}


def _json_rows(text: str) -> Iterator[tuple[int, dict | Refused]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            _check_characters(row)
        except (ValueError, RecursionError) as error:
            yield number, Refused("broken-row", f"not JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else Refused("broken-row", "not a JSON object")


def _check_characters(row: object) -> None:
    """Raises UnicodeEncodeError, a ValueError, for half of a surrogate pair, which is no text."""
    json.dumps(row, ensure_ascii=False).encode()


def _json_file(text: str) -> Iterator[tuple[int, dict | Refused]]:
    """Rows of a .json file: an array of objects, one object, or one object a line, as NeMo writes it."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] != "[":
        try:
            row = json.loads(text)
            _check_characters(row)
        except (ValueError, RecursionError):
            yield from _json_rows(text)
            return
        if isinstance(row, dict):
            yield text.count("\n", 0, start) + 1, row
        return
    decoder, line, position = json.JSONDecoder(), 1, 0
    begin = _next_element(text, start + 1)
    while begin < len(text) and text[begin] != "]":
        line += text.count("\n", position, begin)
        position = begin
        try:
            row, end = decoder.raw_decode(text, begin)
            _check_characters(row)
        except (ValueError, RecursionError) as error:
            yield line, Refused("broken-row", f"not JSON, so the rest of the file is not read: {error}")
            return
        yield line, row if isinstance(row, dict) else Refused("broken-row", "not a JSON object")
        begin = _next_element(text, end)


def _next_element(text: str, begin: int) -> int:
    """Where the next element of a JSON array begins, or its closing bracket."""
    return re.compile(r"[\s,]*").match(text, begin).end()


def _cell_rows(
    text: str, suffix: str, place: str, reading: SplitContents, known: Collection[str], is_recording: IsRecording | None
) -> Iterator[tuple[int, dict | Refused]]:
    lines = text.split("\n")
    delimiter = _delimiter(lines, suffix, known, is_recording)
    if delimiter != _usual_delimiter(suffix):
        reading.warn(f"cells separated by {DELIMITERS[delimiter]}, unlike the file's extension says", place)
    rows = _filled_rows(lines, delimiter)
    header: list[str] | None = None
    for line, cells in rows:
        if isinstance(cells, Refused):
            yield line, cells
        elif header is None and _is_utterance(cells, known, is_recording):
            first = [(line, cells), *islice(rows, COMPARED)]
            header = _columns_without_header(first)
            if not header:
                yield line, Refused("no-header", f"the table has no line with names of columns; add one: {cells}")
                return
            reading.warn(f"a table without header, read as {', '.join(header)}", place)
            for row in first:
                yield _row(row, header)
        elif header is None:
            header = cells
        else:
            yield _row((line, cells), header)


def _filled_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | Refused]]:
    for line, cells in _cells(lines, delimiter):
        if isinstance(cells, Refused) or "".join(cells).strip():
            yield line, cells


def _row(row: tuple[int, list[str] | Refused], header: list[str]) -> tuple[int, dict | Refused]:
    line, cells = row
    if isinstance(cells, Refused):
        return line, cells
    if len(cells) > len(header):  # most often a comma in an unquoted transcript
        return line, Refused("broken-row", f"{len(cells)} cells where the header has {len(header)}")
    return line, dict(zip_longest(header, cells, fillvalue=""))


def _usual_delimiter(suffix: str) -> str:
    return "\t" if suffix == ".tsv" else ","


def _delimiter(lines: list[str], suffix: str, known: Collection[str], is_recording: IsRecording | None) -> str:
    """The delimiter with which the first line has known columns or names a recording; else that of the extension."""
    usual = _usual_delimiter(suffix)
    first = next((line for line in lines if line.strip()), "")
    best, best_number = usual, 0
    for delimiter in (usual, *DELIMITERS):
        cells = first.split(delimiter)
        if len(cells) < 2:
            continue
        number = len(columns_named([cell.strip("\" '") for cell in cells], known))
        if not number and _is_utterance(cells, known, is_recording):
            number = 1
        if number > best_number:
            best, best_number = delimiter, number
    return best


def _is_utterance(cells: list[str], known: Collection[str], is_recording: IsRecording | None) -> bool:
    """Whether a first row is no header: it has a recording and a text."""
    if is_recording is None or len(cells) < 2 or columns_named(cells, known):
        return False
    return is_recording(cells[0].strip())


def _columns_without_header(rows: list[tuple[int, list[str] | Refused]]) -> list[str]:
    """The names of the columns: file and text, and in LJSpeech's tables the text once more, normalised.

    Other tables without header have their text in any column, so nothing is guessed: [].
    """
    cells = [row for _, row in rows if not isinstance(row, Refused)]
    width = max(map(len, cells))
    if not _are_texts([row[1] for row in cells if len(row) > 1]):
        return []
    if width == 2:
        return ["file_name", "text"]
    repeated = sum(len(row) == 3 and _share_words(row[1], row[2]) for row in cells)
    return ["file_name", "text", "normalised"] if width == 3 and repeated > len(cells) / 2 else []


def _are_texts(texts: list[str]) -> bool:
    """Whether cells are transcripts, and not numbers, codes or the names of speakers, of whom each has many rows."""
    with_digits = [any(map(str.isdigit, text)) and not text.strip().count(" ") for text in texts]
    if sum(with_digits) > len(texts) / 2:
        return False
    has_words = any(" " in text.strip() for text in texts)
    return has_words or len(set(texts)) > len(texts) / 2


def _share_words(text: str, other: str) -> bool:
    return not set(re.findall(r"\w+", text.casefold())).isdisjoint(re.findall(r"\w+", other.casefold()))


def _cells(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | Refused]]:
    """(line number, cells) of each row. After a row that cannot be read, reading goes on in the next line.

    Lenient reading would make one row of all that follows a quotation mark that is never closed.
    """
    style = {"delimiter": delimiter, "strict": True}
    if delimiter in "\t|":  # as Common Voice and LJSpeech write it: quotes are ordinary characters
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
