"""Recordings that are no files of their own: where their bytes are in a tar, a parquet or an arrow file.

They are read when the recording is cut, and nothing is written to disk. Messages and the manifest call such a recording
`archive.tar::name`; as a path, that names it and cannot be opened.
"""

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from stages.common.errors import first_lines
from stages.corpus.rows import arrow_tables
from stages.corpus.rows.utterance import Refused

_opened = threading.local()  # the table that this thread has read from last: workers read row after row


def path_of(container: Path, name: str) -> Path:
    """What a recording inside a file is called where recordings are told apart by their paths."""
    return Path(f"{container}::{name}")


@dataclass(frozen=True)
class ByteRange:
    """A recording whose bytes are one stretch of a file, as in a tar."""

    file: Path
    offset: int  # bytes
    size: int  # bytes

    def absolute(self) -> "ByteRange":
        return replace(self, file=self.file.absolute())

    def read(self) -> bytes:
        """The bytes. Raises Refused (unreadable-audio) where they are not all there."""
        try:
            with open(self.file, "rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except OSError as error:
            raise Refused("unreadable-audio", f"{self.file.name} cannot be opened ({error.strerror})") from None
        if len(content) < self.size:
            raise Refused("unreadable-audio", f"{self.file.name} ends within it; copy it again")
        return content


@dataclass(frozen=True)
class Cell:
    """A recording whose bytes are a cell of a parquet or arrow file."""

    file: Path
    column: str
    row: int  # counted from 0

    def absolute(self) -> "Cell":
        return replace(self, file=self.file.absolute())

    def read(self) -> bytes:
        """The bytes. Raises Refused (unreadable-audio) where that part of the file is damaged."""
        key = (self.file, self.column)
        try:
            if getattr(_opened, "key", None) != key:
                _opened.key = None
                _opened.column = arrow_tables.BinaryColumn(arrow_tables.open_table(self.file), self.column)
                _opened.key = key
            return _opened.column.read(self.row)
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            _opened.key = None  # its next rows would come from where reading broke off
            detail = f"{self.file.name} cannot be read at row {self.row + 1} ({first_lines(error)})"
            raise Refused("unreadable-audio", f"{detail}; copy it again") from None
