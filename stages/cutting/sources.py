"""A recording as something that can be opened: a file on disk, or the bytes of one that is inside another file."""

import io
import os
from pathlib import Path
from typing import BinaryIO


def opened(source: Path | bytes) -> BinaryIO:
    """A recording as a file that can be read: from disk, or from the bytes of one that is no file of its own."""
    return open(source, "rb") if isinstance(source, Path) else io.BytesIO(source)


def openable(path: Path) -> Path | bytes:
    """The path as libsndfile's wrapper takes it: as bytes where the name is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path
