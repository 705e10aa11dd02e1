"""Files: their digests, and JSON."""

import hashlib
import json
from pathlib import Path

from stages.common.errors import UserError


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


def read_json(
    path: Path,
    if_missing: str = "make it with dvc repro, or fetch it with dvc pull",
    if_damaged: str = "restore it with git, or run dvc repro",
) -> dict:
    """The contents of a JSON file; UserError where it is missing or damaged.

    Parameters
    ----------
    if_missing, if_damaged : end of the error message: what to do; the defaults are for a metrics file
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {if_missing}") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); {if_damaged}") from None
