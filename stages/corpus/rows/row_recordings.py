"""The recording that a row of a table names."""

import contextlib
from pathlib import Path

from stages.corpus.rows.columns import cell
from stages.corpus.rows.files import Files, is_absolute
from stages.corpus.rows.media import OTHER_NAME, SCHEME, other_name
from stages.corpus.rows.utterance import Refused, SplitContents


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
    """The recording that a row of a table in `folder` names.

    A path of another machine (absolute, or a URL) is looked for by its end.

    Raises
    ------
    Refused
        missing-audio, ambiguous-audio or outside-data
    """
    scheme = SCHEME.match(name)
    if scheme:
        name, is_foreign = "/" + name[scheme.end() :].lstrip("/"), True
    try:
        return files.resolve(name, folder, foreign=is_foreign)
    except Refused as refused:
        if refused.reason == "ambiguous-audio":
            # Two releases of Common Voice have the same names, each in the folder clips beside its tables.
            with contextlib.suppress(Refused):
                return files.resolve(f"clips/{name}", folder, foreign=is_foreign)
        elif refused.reason == "outside-data" and is_absolute(name):
            try:
                return files.resolve(name, folder, foreign=True)
            except Refused as by_end:
                if by_end.reason == "ambiguous-audio":
                    raise
        raise


def warn_of_other_name(name: str, audio: Path, place: str, files: Files, reading: SplitContents) -> None:
    """Say where a recording is taken that has another extension than the annotation says, or an absolute path."""
    if name == audio.name:  # most are, and tables are long
        return
    if is_absolute(name) or SCHEME.match(name):
        reading.warn("absolute paths, looked for by their ends", f"{place}: {name}, read from {files.shown(audio)}")
    if other_name(audio, [name]):
        reading.warn(OTHER_NAME, f"{place}: {name}, read from {files.shown(audio)}")
