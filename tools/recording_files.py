"""What the tools that take recordings share: finding and reading them, and writing a file for each."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.corpus.rows.files import RECORDING_SUFFIXES
from stages.cutting import audio, pcm


def recordings_in(folder: Path) -> list[Path]:
    """The recordings of a folder and of those in it, but no hidden ones."""
    recordings = []
    for file in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in RECORDING_SUFFIXES and not is_hidden and file.is_file():
            recordings.append(file)
    return recordings


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
