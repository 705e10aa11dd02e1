"""Reading files of a corpus, and the errors for those that cannot be opened, are not there as a whole, or are damaged.

In all functions, `place` is the file's path as messages show it, inside data/.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from stages.common.errors import UserError, first_lines
from stages.corpus.rows.files import LFS_POINTER

Row = TypeVar("Row")


def read_bytes(path: Path, place: str, size: int = -1) -> bytes:
    """The content of a file, or its first `size` bytes.

    Raises
    ------
    UserError
        The file is a Git LFS pointer or cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(size)
    except OSError as error:
        raise UserError(f"data/{place} cannot be opened: {error.strerror}") from None
    if content.startswith(LFS_POINTER):
        raise UserError(f"data/{place} is only a Git LFS pointer; fetch the corpus itself: git lfs pull")
    return content


def check_is_whole(path: Path, place: str) -> None:
    """Raises UserError where a file is empty, is a Git LFS pointer or cannot be opened."""
    if not read_bytes(path, place, len(LFS_POINTER)):
        raise UserError(f"data/{place} is empty; copy it again, or remove it")


def checked(rows: Iterator[Row], place: str) -> Iterator[Row]:
    """What `rows` reads of a file. Raises UserError where it comes to a damaged part."""
    try:
        yield from rows
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise damaged(place, error) from None


def damaged(place: str, error: Exception) -> UserError:
    """The error for a container of which not all can be read."""
    reason = first_lines(error).rstrip(".")
    return UserError(f"data/{place} is damaged or incomplete ({reason}); copy or download it again, or remove it")
