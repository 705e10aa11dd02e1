"""Write data/: all of it or nothing, and never over anything."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.common.errors import UserError


def check_vacant(output: Path) -> None:
    """Raises UserError where the output exists, unless it is an empty folder."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    sample = (
        "; if it is this project's sample: git rm -rq --cached data && rm -rf data" if output.name == "data" else ""
    )
    raise UserError(
        f"{output} exists and is not empty, and is left as it is. Move it away, or name another folder: --output FOLDER"
        f"{sample}"
    )


@contextmanager
def complete_folder(output: Path, needed_bytes: int) -> Iterator[Path]:
    """A new folder to write to, which becomes `output` at the end, and is removed if an exception ends the block.

    It lies beside the output, as .<name>.incomplete. What a killed run left there is removed first.

    Raises
    ------
    UserError
        The disk has less than `needed_bytes` free, or a file cannot be written.
    """
    output = output.resolve()  # a link to another disk stays a link
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
                output.rmdir()  # fails where it is not empty
            incomplete.rename(output)
        finally:
            shutil.rmtree(incomplete, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{error.filename or output} cannot be written: {error.strerror or error}") from None


def write_table(path: Path, rows: dict[str, str]) -> None:
    """Write a Kaldi table, sorted by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{id} {rows[id]}\n" for id in sorted(rows)), encoding="utf-8", newline="\n")


def write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
