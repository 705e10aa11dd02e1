"""A made-up annotation format, as a module of stages/corpus/formats would be: lines of start;end;speaker;text."""

from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".lines")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a file."""
    turns = []
    for number, line in enumerate(read_text(path, place, reading).splitlines(), start=1):
        cells = line.split(";")
        if len(cells) != 4:
            reading.refuse("", place, number, "broken-row", "expected: start;end;speaker;text")
            continue
        turns.append(Turn(cells[2], cells[3], float(cells[0]), float(cells[1]), number))
    if not turns:
        raise Refused("broken-lines", "it has no turns")
    return [Session((), turns, "lines")]
