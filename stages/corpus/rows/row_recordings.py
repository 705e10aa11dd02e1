"""The recording that a row of a table names."""

from pathlib import Path

from stages.corpus.rows.columns import cell
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused


def named_recording(row: dict, columns: tuple[str, ...]) -> tuple[str, bool]:
    """The recording's name in a row, and whether it may be a path of another machine.

    NeMo writes absolute paths, and so do the objects {"path": ...} of Hugging Face's datasets.
    """
    for column in columns:
        value = row.get(column)
        if isinstance(value, dict):
            name = cell(value, ["path"])
            if name:
                return name, True
    return cell(row, columns), "audio_filepath" in row


def is_recording(name: str, folder: Path, files: Files) -> bool:
    """Whether a table in `folder` may mean a recording by this name."""
    try:
        files.resolve(name, folder, foreign=True)
    except Refused as refused:
        return refused.reason == "ambiguous-audio"
    return True


def find_recording(name: str, folder: Path, files: Files, is_foreign: bool) -> Path:
    """The recording that a row of a table in `folder` names."""
    try:
        return files.resolve(name, folder, foreign=is_foreign)
    except Refused as refused:
        if refused.reason != "ambiguous-audio":
            raise
    # Two releases of Common Voice have the same names, each in the folder clips beside its tables.
    return files.resolve(f"clips/{name}", folder, foreign=is_foreign)
