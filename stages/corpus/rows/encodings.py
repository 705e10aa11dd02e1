"""Reading annotation files as people save them: encodings, byte-order marks, line ends, broken rows."""

import csv
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows.files import LFS_POINTER, nfc
from stages.corpus.rows.utterance import Refused, SplitContents


def read_bytes(path: Path, place: str) -> bytes:
    """The content of a file; `place` is its path as messages show it.

    Raises
    ------
    UserError
        The file is a Git LFS pointer or cannot be opened.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"data/{place} cannot be opened: {error.strerror}") from None
    if data.startswith(LFS_POINTER):
        raise UserError(f"data/{place} is only a Git LFS pointer; fetch the corpus itself: git lfs pull")
    return data


def read_text(path: Path, place: str, reading: SplitContents) -> str:
    """The text of a UTF-8, UTF-16 or Windows-1252 file: NFC, newlines as \\n, without byte-order mark, plain spaces.

    `place` is the path as messages show it.

    Raises
    ------
    UserError
        The file is a Git LFS pointer or cannot be opened.
    """
    data = read_bytes(path, place)
    text = _decode(data)
    if text is None:
        reading.warn("text that is not UTF-8, read as Windows-1252", place)
        text = data.decode("cp1252", errors="replace")
    return nfc(text).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")


def _decode(data: bytes) -> str | None:
    """The text of UTF-16 or UTF-8, without byte-order mark; None where it is neither."""
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None


def read_rows(path: Path, place: str, reading: SplitContents) -> Iterator[tuple[int, dict]]:
    """Rows of a .jsonl, .csv or .tsv file as (line number, {column in lower case: value}).

    A row that cannot be read is refused, and reading goes on.
    """
    text = read_text(path, place, reading)
    suffix = path.suffix.lower()
    rows = _json_rows(text) if suffix == ".jsonl" else _cell_rows(text, suffix)
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
            json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            yield number, Refused("broken-row", f"not JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else Refused("broken-row", "not a JSON object")


def _cell_rows(text: str, suffix: str) -> Iterator[tuple[int, dict | Refused]]:
    header = None
    for line, cells in _cells(text.split("\n"), suffix):
        if isinstance(cells, Refused):
            yield line, cells
        elif not "".join(cells).strip():
            continue
        elif header is None:
            header = cells
        elif len(cells) > len(header):  # most often a comma in an unquoted transcript
            yield line, Refused("broken-row", f"{len(cells)} cells where the header has {len(header)}")
        else:
            yield line, dict(zip_longest(header, cells, fillvalue=""))


def _cells(lines: list[str], suffix: str) -> Iterator[tuple[int, list[str] | Refused]]:
    """(line number, cells) of each row. After a row that cannot be read, reading goes on in the next line.

    Lenient reading would make one row of all that follows a quotation mark that is never closed.
    """
    if suffix == ".tsv":  # as Common Voice writes it: quotes are ordinary characters
        style = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    else:
        style = {"strict": True}
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
