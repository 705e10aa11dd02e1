"""Transcribe recordings.

The audio is decoded as in preprocess, and transcribed like an evaluation set.
"""

import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import Params
from stages.cutting import audio
from stages.decoding import transcription
from tools import sources
from tools.transcribe import captions


def transcribe(
    files: list[Path], checkpoint: str, settings: Params, form: str, output: Path | None, base: str | None = None
) -> None:
    """Transcribe recordings one after the other; those that cannot be read are reported at the end.

    Parameters
    ----------
    checkpoint, base : see sources.load_checkpoint
    form : one of captions.FORMATS
    output : folder for one file per recording, with its name; None: print

    Raises
    ------
    UserError
        Before anything is decoded: a file is missing, or two would be written to the same place. At the end: names
        the recordings that could not be read.
    """
    suffix, write = captions.FORMATS[form]
    targets = target_files(files, suffix, output)
    if output is None and len(files) > 1 and form in ("srt", "vtt"):
        raise UserError(
            "subtitles of several recordings cannot be printed; name a folder for the files: --output FOLDER"
        )
    decoder = transcription.prepare(sources.load_checkpoint(checkpoint, base), settings)
    failed = []
    for file, target in zip(tqdm(files, unit="file", disable=len(files) == 1), targets, strict=True):
        try:
            recording = audio.decode(file, settings.preprocess.channel)
        except audio.AudioError as error:
            failed.append(f"{file}: {error.detail}")
            continue
        samples = recording.samples.astype(np.float32) / audio.FULL_SCALE
        content = write(file.name, transcription.transcribe_recording(decoder, samples))
        if target:
            _write(target, content)
        else:
            if len(files) > 1 and form == "text":
                sys.stdout.write(f"{file}\n")
            sys.stdout.write(content)
    if failed:
        raise UserError("\n".join([f"{len(failed)} of {len(files)} recordings could not be read:", *failed]))


def target_files(files: list[Path], suffix: str, output: Path | None) -> list[Path | None]:
    """Return the file to write for each recording; None: its transcript is printed."""
    for file in files:
        if not file.is_file():
            raise UserError(f"{file} is not a file")
    if output is None:
        return [None] * len(files)
    written_from: dict[Path, Path] = {}
    for file in files:
        target = output / (file.stem + suffix)
        if target in written_from:
            raise UserError(
                f"{written_from[target]} and {file} would both be written to {target}; use two commands and folders"
            )
        written_from[target] = file
    return list(written_from)


def _write(path: Path, content: str) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(content, encoding="utf-8")
    os.replace(partial, path)
