"""Which recordings are transcribed, and to which files."""

import os
from collections.abc import Sequence
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows.files import RECORDING_SUFFIXES
from tools.recording_files import recordings_in
from tools.transcribe import captions


def targets(files: Sequence[Path], form: str, output: Path | None) -> dict[Path, Path | None]:
    """Return the recordings, each with the file to write; None: its transcript is printed.

    Parameters
    ----------
    files : recordings, and folders of recordings
    form : one of captions.FORMATS
    output : folder for one file per recording, with its name; those of a folder are written to the same folders in it

    Raises
    ------
    UserError
        A file is missing, a folder holds no recording, two files would be written to the same place, a file is there
        already beside its recording, or `output` cannot be a folder.
    """
    relative: dict[Path, Path] = {}  # where in `output` the file of each recording is written, without extension
    for path in files:
        for recording in _recordings_of(path):
            inside = recording.relative_to(path) if path.is_dir() else Path(recording.name)
            relative[recording] = inside.with_suffix("")
    if output is None:
        if len(relative) > 1 and form in ("srt", "vtt"):
            raise UserError(
                "subtitles of several recordings cannot be printed; name a folder for the files: --output FOLDER"
            )
        return dict.fromkeys(relative)
    check_folder(output)
    suffix, _ = captions.FORMATS[form]
    written_from: dict[Path, Path] = {}
    for recording, inside in relative.items():
        target = output / f"{inside}{suffix}"
        if target in written_from:
            raise UserError(
                f"{written_from[target]} and {recording} would both be written to {target}; use two commands and "
                "folders"
            )
        if target.exists() and target.parent.samefile(recording.parent):
            raise UserError(
                f"--output {output}: {target} is there already, and beside its recording it may be somebody's "
                "transcript; name another folder, or move it away"
            )
        written_from[target] = recording
    return {recording: target for target, recording in written_from.items()}


def _recordings_of(path: Path) -> list[Path]:
    """Return a recording itself, or the recordings of a folder and of those in it, but no hidden ones."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"{path} is not a file" + (", nor a folder" if not path.exists() else ""))
    recordings = recordings_in(path)
    if not recordings:
        raise UserError(f"{path} holds no recordings; they end in one of {' '.join(sorted(RECORDING_SUFFIXES))}")
    return recordings


def check_folder(output: Path) -> None:
    """Raise UserError where no folder can be made or written to."""
    there = output
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UserError(f"--output {output}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise UserError(f"--output {output}: {there} cannot be written to; name another folder")
