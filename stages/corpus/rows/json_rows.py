"""Rows of tables in JSON: lines, arrays, one object."""

import json
import re
from collections.abc import Iterator

from stages.corpus.rows.utterance import Refused


def json_rows(text: str) -> Iterator[tuple[int, dict | Refused]]:
    """Rows of a .jsonl file: one object a line."""
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


def json_file(text: str) -> Iterator[tuple[int, dict | Refused]]:
    """Rows of a .json file: an array of objects, one object, or one object a line, as NeMo writes it.

    Several arrays one after the other, as `cat` makes of files, are read like one.
    """
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        yield from _elements(text, start)
        return
    try:
        row = json.loads(text)
        _check_characters(row)
    except (ValueError, RecursionError):
        yield from json_rows(text)
        return
    if isinstance(row, dict):
        yield text.count("\n", 0, start) + 1, row


def _elements(text: str, start: int) -> Iterator[tuple[int, dict | Refused]]:
    """The elements of the arrays in a text, of which the first begins at `start`, with their lines."""
    decoder, line, position = json.JSONDecoder(), 1, 0
    is_inside = False  # of an array
    begin = start
    while begin < len(text):
        line += text.count("\n", position, begin)
        position = begin
        if text[begin] == ("]" if is_inside else "["):
            is_inside = not is_inside
            begin = _next_element(text, begin + 1)
            continue
        if not is_inside:
            yield line, Refused("broken-row", f"after the end of the array, and not read: {text[begin:][:40]!r}")
            return
        try:
            row, end = decoder.raw_decode(text, begin)
            _check_characters(row)
        except (ValueError, RecursionError) as error:
            yield line, Refused("broken-row", f"not JSON, so the rest of the file is not read: {error}")
            return
        yield line, row if isinstance(row, dict) else Refused("broken-row", "not a JSON object")
        begin = _next_element(text, end)
    if is_inside:
        yield line, Refused("broken-row", "the array does not end: copy the file again, some of it may be missing")


def _next_element(text: str, begin: int) -> int:
    """Where the next element of a JSON array begins, or a bracket."""
    return re.compile(r"[\s,]*").match(text, begin).end()
