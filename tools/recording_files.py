"""What the tools that take recordings share: finding and reading them, and writing a file for each."""

import os
import sys
from collections.abc import Callable, Container
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.corpus.rows.files import RECORDING_SUFFIXES, nfc
from stages.cutting import audio, pcm


def recordings_in(folder: Path) -> list[Path]:
    """The recordings of a folder and of those in it, but no hidden ones."""
    recordings = []
    for file in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in RECORDING_SUFFIXES and not is_hidden and file.is_file():
            recordings.append(file)
    return recordings


def beside(recording: Path, suffixes: Container[str]) -> list[Path]:
    """The files with a recording's name in its folder that have one of some extensions, upper or lower case.

    Parameters
    ----------
    suffixes : in lower case
    """
    paths = []
    for path in sorted(recording.parent.iterdir()):
        has_name = nfc(path.stem) == nfc(recording.stem)  # macOS may write a letter and its accent apart
        if has_name and path.suffix.lower() in suffixes and path.is_file():
            paths.append(path)
    return paths


def read(path: Path, channel: str) -> np.ndarray:
    """Decode a recording; a warning is printed if its end is missing.

    Parameters
    ----------
    channel : preprocess.channel

    Returns
    -------
    float32, shape (samples,), 16 kHz

    Raises
    ------
    AudioError
        See audio.decode.
    """
    recording = audio.decode(path, channel)
    if recording.truncated:
        tqdm.write(f"warning: {path} is incomplete: {recording.truncated}", file=sys.stderr)
    samples = recording.samples.astype(np.float32)
    samples /= pcm.FULL_SCALE  # in place: a copy would take 230 MB more for an hour
    return samples


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file, which appears at `path` when it is complete, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    write(partial)
    os.replace(partial, path)
