"""Read transcripts without times: the lines of a recording, in the order in which they are spoken.

.txt     one utterance a line, with or without a speaker ("Anna: one two")
.cha     CHAT; if some lines have times, these are not used
.csv, .tsv, .xlsx, .jsonl, .json    tables with a column for the text, read as preprocess reads them
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.formats import caption_speakers, chat
from stages.corpus.markup import cleaning
from stages.corpus.rows.columns import cell
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.layout import known_names, layout_of
from stages.corpus.rows.table_rows import read_tables
from stages.corpus.rows.utterance import Refused, SplitContents

TEXTS = (".txt", ".cha")
TABLES = (".csv", ".tsv", ".xlsx", ".jsonl", ".json")
SUFFIXES = (*TEXTS, *TABLES)


@dataclass(frozen=True)
class Line:
    """An utterance of a transcript."""

    number: int  # its line in the file, counted from 1
    speaker: str  # "" where the transcript names nobody
    text: str  # as written
    spoken: str  # without markup; "" where nothing is left that could be found in the recording


def read(path: Path, recording: Path, settings: Params) -> list[Line]:
    """The lines of a transcript; warnings about the file are printed to stderr.

    Parameters
    ----------
    recording : in a table of several recordings, only the rows of this one are read

    Raises
    ------
    UserError
        The file cannot be read, or has no lines of this recording.
    """
    reading = SplitContents("transcript", settings.preprocess, settings.language)
    readers = {".txt": _text_lines, ".cha": _chat_lines}
    read_lines = readers.get(path.suffix.lower(), _table_lines)
    place = os.path.relpath(path, "data")  # stages/corpus names files relative to data/ in its messages
    try:
        rows = list(read_lines(path, place, recording, reading))
    except Refused as refused:
        raise UserError(f"{path}: {refused.detail}") from None
    if reading.refusals:
        first = reading.refusals[0]
        raise UserError(f"{path}, line {first.line}: {first.detail}")
    for message in reading.warnings:
        if message != "utterances without times":  # they are expected here
            print(f"warning: {path}: {message}", file=sys.stderr)
    if not rows:
        raise UserError(f"{path} holds no lines of {recording.name}")
    convention = "chat" if path.suffix.lower() == ".cha" else "plain"
    texts = [(text, convention) for _, _, text in rows]
    cleaned = cleaning.clean_all(texts, "verbatim", "keep", settings.preprocess.markup, settings.language)
    lines = []
    for (number, speaker, text), result in zip(rows, cleaned, strict=True):
        lines.append(Line(number, speaker, text, result.text))
    return lines


Row = tuple[int, str, str]  # line, speaker, text


def _text_lines(path: Path, place: str, recording: Path, reading: SplitContents) -> Iterator[Row]:
    text = read_text(path, place, reading)
    if "\0" in text:
        raise Refused("not-text", "it holds binary data")
    numbers: list[int] = []
    rows: list[str] = []
    for number, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            numbers.append(number)
            rows.append(row.strip())
    for number, row, parts in zip(numbers, rows, caption_speakers.parts_of(rows), strict=True):
        doubt = caption_speakers.doubt_about(row, parts)
        if doubt:
            reading.warn(doubt, f"{place}:{number}")
        for part in parts:
            yield number, part.name, part.text


def _chat_lines(path: Path, place: str, recording: Path, reading: SplitContents) -> Iterator[Row]:
    (session,) = chat.sessions(path, place, reading)
    for turn in session.turns:
        if turn.refused and turn.refused.reason != "untimed":
            raise Refused(turn.refused.reason, f"line {turn.line}: {turn.refused.detail}")
        yield turn.line, turn.label, turn.text


def _table_lines(path: Path, place: str, recording: Path, reading: SplitContents) -> Iterator[Row]:
    columns = reading.options.columns
    rows: list[tuple[int, dict]] = []
    for _, sheet in read_tables(path, place, reading, known_names(columns)):
        rows += sheet
    if not rows:
        return
    present: dict[str, None] = {}  # the names of the columns, in order
    for _, row in rows:
        present |= dict.fromkeys(row)
    layout = layout_of(present, columns)
    if not layout.fields["text"]:
        detail = f"no column holds the text; its columns are {', '.join(present)} (see preprocess.columns)"
        raise Refused("no-text", detail)
    names = set()
    for number, row in rows:
        name = cell(row, layout.fields["file_name"])
        if not name or PureWindowsPath(name).stem == recording.stem:
            names.add(name)
            yield number, cell(row, layout.fields["speaker"]), cell(row, layout.fields["text"])
    if len(names) > 1:
        some = ", ".join(sorted(name or "no recording" for name in names))
        detail = f"its rows for {recording.name} are of several recordings: {some}; make a table for each"
        raise Refused("several-recordings", detail)
