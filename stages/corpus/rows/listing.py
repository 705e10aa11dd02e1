"""Listing the files of a folder in data/: no hidden ones, no pipes or devices, no links that lead out of data/."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import UserError

# What DVC links to, in whatever folder its cache is: files/md5/<2>/<30 hexadecimal digits>.
DVC_CACHE = re.compile(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


def is_inside(path: str | Path, data: Path) -> bool:
    """Whether a path, with its symbolic links followed, is in data/ or in DVC's cache."""
    real = os.path.realpath(path)
    return real.startswith(os.path.realpath(data) + os.sep) or bool(DVC_CACHE.fullmatch(Path(real).as_posix()))


def walk(folder: Path, data: Path, outside: list[Path], special: list[Path]) -> Iterator[Path]:
    """All files but hidden ones.

    Links that lead out of data/ are not followed, and added to `outside`. Named pipes, sockets and devices are added to
    `special`: opening a pipe would wait forever.
    """
    seen = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=_cannot_list):
        real = os.path.realpath(here)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [path.name for path in _allowed(here, sorted(folders), data, outside)]  # os.walk enters these
        for path in _allowed(here, names, data, outside):
            if _is_special(path):
                special.append(path)
            else:
                yield path


def _allowed(here: str, names: list[str], data: Path, outside: list[Path]) -> list[Path]:
    """The paths of the files or folders in `here` that are not hidden and do not lead out of data/."""
    paths = []
    for name in names:
        if name.startswith("."):
            continue
        path = Path(here, name)
        if path.is_symlink() and not is_inside(path, data):
            outside.append(path)
        else:
            paths.append(path)
    return paths


def _is_special(path: Path) -> bool:
    """Whether it is there and is no file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # reading the file reports the error


def _cannot_list(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be listed: {error.strerror}")
