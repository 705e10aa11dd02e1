"""What the first lines of a table say: how cells are separated, and whether they are a header or the first row."""

import re
from collections.abc import Callable, Collection
from itertools import zip_longest
from pathlib import PurePosixPath

from stages.corpus.rows.columns import columns_named
from stages.corpus.rows.files import RECORDING_SUFFIXES
from stages.corpus.rows.utterance import Refused

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
QUOTES = "\" '"

IsRecording = Callable[[str], bool]  # whether a cell names a recording


def usual_delimiter(suffix: str) -> str:
    return "," if suffix == ".csv" else "\t"


def delimiter_of(lines: list[str], suffix: str, known: Collection[str], is_recording: IsRecording | None) -> str:
    """The delimiter with which the first line names a recording or has known columns; else that of the extension."""
    usual = usual_delimiter(suffix)
    first = first_line(lines)
    best, best_number = usual, 0
    for delimiter in (usual, *DELIMITERS):
        cells = [cell.strip(QUOTES) for cell in first.split(delimiter)]
        if len(cells) < 2:
            continue
        if _is_name(cells[0], known, is_recording):
            return delimiter
        number = len(columns_named(cells, known))
        if number > best_number:
            best, best_number = delimiter, number
    return best


def first_line(lines: list[str]) -> str:
    """The first line that is not blank; "" without one."""
    return next((line for line in lines if line.strip()), "")


def are_quoted(line: str, delimiter: str) -> bool:
    """Whether every cell of a line stands in quotation marks, as some programs write all cells of a table."""
    cells = [cell.strip() for cell in line.split(delimiter) if cell.strip()]
    return bool(cells) and all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)


def is_first_row(cells: list[str], known: Collection[str], is_recording: IsRecording | None) -> bool:
    """Whether the first line of a table is no header: it names a recording.

    A transcript of one word, such as "child", may be the name of a column.
    """
    cells = [cell.strip() for cell in cells]
    if is_recording is None or len(cells) < 2 or columns_named(cells[:1], known):
        return False
    return is_recording(cells[0]) or any(map(_has_recording_suffix, cells))


def _is_name(cell: str, known: Collection[str], is_recording: IsRecording | None) -> bool:
    if is_recording is None or columns_named([cell], known):
        return False
    return _has_recording_suffix(cell) or is_recording(cell)


def _has_recording_suffix(cell: str) -> bool:
    return PurePosixPath(cell.replace("\\", "/")).suffix.lower() in RECORDING_SUFFIXES


def columns_without_header(
    rows: list[tuple[int, list[str] | Refused]], known: Collection[str], is_recording: IsRecording
) -> list[str]:
    """The names of the columns: file and text, and in LJSpeech's tables the text once more, normalised.

    Other tables without header have their text in any column, so nothing is guessed: [].
    """
    table = [row for _, row in rows if not isinstance(row, Refused)]
    table = [without_empty_end(row, 2) for row in table]
    width = max(map(len, table))
    if not _is_name(table[0][0].strip(), known, is_recording) or not _are_texts([row[1] for row in table if row[1:]]):
        return []
    if width == 2:
        return ["file_name", "text"]
    repeated = sum(len(row) == 3 and _share_words(row[1], row[2]) for row in table)
    return ["file_name", "text", "normalised"] if width == 3 and repeated > len(table) / 2 else []


def without_empty_end(cells: list[str], width: int) -> list[str]:
    """The cells without empty ones at the end, but at least `width`: some programs end every line with a delimiter."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def repeated_columns(header: list[str]) -> list[str]:
    """The names that several columns have, without case."""
    names = [name.strip().lower() for name in header]
    return sorted({name for name in names if name and names.count(name) > 1})


def contradicting_column(header: list[str], cells: list[str], repeated: list[str]) -> str | None:
    """One of the `repeated` names whose columns hold different texts in a row; None without one."""
    texts: dict[str, set[str]] = {}
    for name, cell in zip_longest(header, cells, fillvalue=""):
        texts.setdefault(name.strip().lower(), set()).add(cell.strip())
    return next((name for name in repeated if len(texts[name] - {""}) > 1), None)


def _are_texts(texts: list[str]) -> bool:
    """Whether cells are transcripts, and not numbers, codes or the names of speakers, of whom each has many rows."""
    with_digits = [any(map(str.isdigit, text)) and not text.strip().count(" ") for text in texts]
    if sum(with_digits) > len(texts) / 2:
        return False
    has_words = any(" " in text.strip() for text in texts)
    return has_words or len(set(texts)) > len(texts) / 2


def _share_words(text: str, other: str) -> bool:
    return not set(re.findall(r"\w+", text.casefold())).isdisjoint(re.findall(r"\w+", other.casefold()))
