"""Transcripts without times: the lines of a recording, in the order in which they are spoken.

.txt     one utterance a line, with or without a speaker ("Anna: one two")
.cha     CHAT; times that some lines have are not used
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

TABLES = (".csv", ".tsv", ".xlsx", ".jsonl", ".json")
SUFFIXES = (".txt", ".cha", *TABLES)


@dataclass(frozen=True)
class Line:
    """An utterance of a transcript."""

    number: int  # its line in the file, counted from 1
    speaker: str  # "" where the transcript names nobody
    text: str  # as written
    spoken: str  # without markup; "": nothing that can be found


def read(path: Path, recording: Path, settings: Params) -> list[Line]:
    """The lines of a transcript; what is odd about the file goes to stderr as a warning.

    Parameters
    ----------
    recording : of a table with several recordings, only the rows of this one are taken

    Raises
    ------
    UserError
        The file cannot be read, or has no lines.
    """
    reading = SplitContents("transcript", settings.preprocess)
    readers = {".txt": _text_lines, ".cha": _chat_lines}
    read_lines = readers.get(path.suffix.lower(), _table_lines)
    place = os.path.relpath(path, "data")  # messages of stages/corpus name files so
    try:
        rows = list(read_lines(path, place, recording, reading))
    except Refused as refused:
        raise UserError(f"{path}: {refused.detail}") from None
    if reading.refusals:
        first = reading.refusals[0]
        raise UserError(f"{path}, line {first.line}: {first.detail}")
    for message in reading.warnings:
        if message != "utterances without times":  # which are what this is for
            print(f"warning: {path}: {message}", file=sys.stderr)
    if not rows:
        raise UserError(f"{path} holds no lines of {recording.name}")
    convention = "chat" if path.suffix.lower() == ".cha" else "plain"
    options = settings.preprocess
    cleaned = cleaning.clean_all(
        [(text, convention) for _, _, text in rows], "verbatim", "keep", options.markup, settings.language
    )
    lines = []
    for (number, speaker, text), result in zip(rows, cleaned, strict=True):
        lines.append(Line(number, speaker, text, result.text))
    return lines


Row = tuple[int, str, str]  # line, speaker, text


def _text_lines(path: Path, place: str, recording: Path, reading: SplitContents) -> Iterator[Row]:
    text = read_text(path, place, reading)
    if "\0" in text:
        raise Refused("not-text", "it holds binary data")
    rows = [(number, row.strip()) for number, row in enumerate(text.split("\n"), start=1) if row.strip()]
    parts_of_rows = caption_speakers.parts_of([row for _, row in rows])
    for (number, _), parts in zip(rows, parts_of_rows, strict=True):
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
    present = dict.fromkeys(name for _, row in rows for name in row)
    layout = layout_of(present, columns)
    if not layout.fields["text"]:
        raise Refused("no-text", f"no column holds the text; it has {', '.join(present)} (see preprocess.columns)")
    names = set()
    for number, row in rows:
        name = cell(row, layout.fields["file_name"])
        if not name or PureWindowsPath(name).stem == recording.stem:
            names.add(name)
            yield number, cell(row, layout.fields["speaker"]), cell(row, layout.fields["text"])
    if len(names) > 1:
        some = ", ".join(sorted(name or "no recording" for name in names))
        raise Refused("several-recordings", f"its lines of {recording.name} name {some}; make a table for each")
