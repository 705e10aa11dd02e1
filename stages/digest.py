"""SHA-256 of files."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Hex digest of a file's contents, read in blocks (hashlib.file_digest needs Python 3.11)."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def folder_sha256(folder: Path) -> str:
    """Hex digest of the names and contents of all files under a folder, or of one file; compiled Python is left out.

    Takes about a second a gigabyte.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(sha256(path).encode())
    return digest.hexdigest()
