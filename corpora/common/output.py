"""Write a corpus folder: either all of it or nothing, and never over existing files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.common.errors import UserError


def check_vacant(output: Path) -> None:
    """Raise UserError if the output exists and is not an empty folder."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    message = f"{output} exists and is not empty; nothing was changed. Move it, or name another folder: --output FOLDER"
    if output.name == "data":
        message += "; if it is this project's sample: git rm -rq --cached data && rm -rf data"
    raise UserError(message)


@contextmanager
def complete_folder(output: Path, needed_bytes: int) -> Iterator[Path]:
    """Make a new folder to write to. It is renamed to `output` at the end of the block, or removed after an exception.

    The folder is beside the output and is called .<name>.incomplete. If a killed run left one, it is removed first.

    Raises
    ------
    UserError
        The disk has less than `needed_bytes` free, or a file cannot be written.
    """
    output = output.resolve()  # so that a link to another disk stays a link
    incomplete = output.with_name(f".{output.name}.incomplete")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if incomplete.exists():
            shutil.rmtree(incomplete)
        free_bytes = shutil.disk_usage(output.parent).free
        if free_bytes < needed_bytes:
            raise UserError(
                f"{output.parent} has {free_bytes / 1e6:.0f} MB free, and {needed_bytes / 1e6:.0f} MB are needed"
            )
        incomplete.mkdir()
        try:
            yield incomplete
            if output.exists():
                output.rmdir()  # fails if it is not empty
            incomplete.rename(output)
        finally:
            shutil.rmtree(incomplete, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{error.filename or output} cannot be written: {error.strerror or error}") from None


def write_table(path: Path, rows: dict[str, str]) -> None:
    """Write a Kaldi table, sorted by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{id} {value}\n" for id, value in sorted(rows.items())]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and its folder if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
