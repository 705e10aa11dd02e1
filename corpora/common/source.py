"""Read a corpus as it is distributed: an unpacked folder, or a tar archive.

An archive is read from start to end and never unpacked. The names of its members are compared with the names that a
recipe asks for, and are never used as paths, so an archive cannot write outside the recipe's output.
"""

import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from stages.common.errors import UserError, first_lines

BROKEN_ARCHIVE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)
BLOCK_BYTES = 1 << 20


def read_files(
    source: Path, top_folders: Collection[str], wanted: Callable[[str], bool], label: str
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the wanted files of a corpus.

    Parameters
    ----------
    source
        The corpus: a folder, or a tar archive, compressed or not.
    top_folders
        The folders that the corpus consists of, such as WAVE. They may be in `source` or one folder deeper, since
        most archives hold a single folder.
    wanted
        Called with the name of a file relative to the corpus, such as train/text; returns whether to read the file.
    label
        The text before the progress bar.

    Raises
    ------
    UserError
        There is no such file or folder, it does not hold the corpus or cannot be read, or the archive is corrupt or
        unsafe.
    """
    if source.is_dir():
        yield from _read_folder(source, top_folders, wanted, label)
    elif source.exists():
        yield from _read_archive(source, top_folders, wanted, label)
    else:
        raise UserError(f"{source} does not exist")


def _read_folder(
    source: Path, top_folders: Collection[str], wanted: Callable[[str], bool], label: str
) -> Iterator[tuple[str, bytes]]:
    try:
        root = _root_of(source, top_folders)
        names = []
        for top in top_folders:
            for path in (root / top).rglob("*"):
                name = path.relative_to(root).as_posix()
                if path.is_file() and wanted(name):
                    names.append(name)
        for name in tqdm(sorted(names), desc=label, unit="file", disable=None):
            yield name, (root / name).read_bytes()
    except OSError as error:
        raise UserError(f"{error.filename or source} cannot be read: {error.strerror or error}") from None


def _root_of(source: Path, top_folders: Collection[str]) -> Path:
    """Return the folder that holds the corpus: `source`, or the only folder in it that has one of the top folders."""
    if _holds_any(source, top_folders):
        return source
    roots = [path for path in sorted(source.iterdir()) if _holds_any(path, top_folders)]
    if not roots:
        raise _no_corpus(source, top_folders)
    _check_one_root(source, [path.name for path in roots])
    return roots[0]


def _holds_any(folder: Path, top_folders: Collection[str]) -> bool:
    return any((folder / top).is_dir() for top in top_folders)


def _read_archive(
    source: Path, top_folders: Collection[str], wanted: Callable[[str], bool], label: str
) -> Iterator[tuple[str, bytes]]:
    roots: dict[str, None] = {}  # in order of appearance
    try:
        with _open_archive(source, label) as archive:
            for member in archive:
                root, name = _place_in_corpus(member, source, top_folders)
                if not name:
                    continue
                roots[root] = None
                _check_one_root(source, list(roots))
                if wanted(name):
                    yield name, _content(archive, member, source)
            _read_to_end(archive)
    except BROKEN_ARCHIVE as error:
        raise UserError(
            f"{source} is no tar archive, or truncated or corrupt ({first_lines(error)}); download it again"
        ) from None
    if not roots:
        raise _no_corpus(source, top_folders)


@contextmanager
def _open_archive(source: Path, label: str) -> Iterator[tarfile.TarFile]:
    """Open an archive. A progress bar counts the bytes read from the file, before decompression."""
    with source.open("rb") as file:
        bar = {"total": source.stat().st_size, "desc": label, "unit": "B", "unit_scale": True, "disable": None}
        with tqdm.wrapattr(file, "read", **bar) as counted, tarfile.open(fileobj=counted, mode="r:*") as archive:
            yield archive


def _place_in_corpus(member: tarfile.TarInfo, source: Path, top_folders: Collection[str]) -> tuple[str, str]:
    """Return the archive's folder that holds the corpus, and the member's name in it; ("", "") for other members.

    Raises
    ------
    UserError
        The name is absolute or contains "..": such an archive may be an attack.
    """
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{source} is unsafe: its member {member.name} leads out of the archive; nothing was written")
    for depth in (0, 1):
        if path.parts[depth : depth + 1] and path.parts[depth] in top_folders:
            return "/".join(path.parts[:depth]), "/".join(path.parts[depth:])
    return "", ""


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> bytes:
    if not member.isfile():
        raise UserError(f"{source} is unsafe: its member {member.name} is a link, not a file; nothing was written")
    with archive.extractfile(member) as file:
        return file.read()


def _read_to_end(archive: tarfile.TarFile) -> None:
    """Read the rest of the file after the last member, so that the checksum of the compression is checked."""
    while archive.fileobj.read(BLOCK_BYTES):
        pass


def _check_one_root(source: Path, roots: list[str]) -> None:
    if len(roots) > 1:
        first, second = roots[0] or ".", roots[1] or "."
        raise UserError(f"{source} holds the corpus more than once: in {first} and in {second}; name one of them")


def _no_corpus(source: Path, top_folders: Collection[str]) -> UserError:
    return UserError(f"{source} does not hold this corpus: it has none of the folders {', '.join(top_folders)}")
