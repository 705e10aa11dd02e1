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
    """Rows of a .json file: an array of objects, one object, or one object a line, as NeMo writes it."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] != "[":
        try:
            row = json.loads(text)
            _check_characters(row)
        except (ValueError, RecursionError):
            yield from json_rows(text)
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
