"""Align recordings with their transcripts, one after the other."""

import os
import statistics
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.rows.files import AUDIO_SUFFIXES
from stages.cutting import audio
from stages.decoding.transcription import Decoder
from stages.records.units import SAMPLE_RATE
from stages.wer import normalisers
from tools.align import transcript, writers
from tools.align.session import Alignment, align
from tools.align.writers import Aligned

FEWEST_FOUND = 0.2  # of a transcript's lines; if fewer are found, it is another recording's


def pairs(recording: Path, given: Path | None) -> list[tuple[Path, Path]]:
    """The recordings to align, each with its transcript: the one given, or the file of the same name beside it.

    Parameters
    ----------
    recording : a file, or a folder of recordings

    Raises
    ------
    UserError
        A file is missing, or a folder holds no recording with a transcript.
    """
    if recording.is_dir():
        if given:
            raise UserError(f"{recording} is a folder; its transcripts are found beside the recordings")
        files = sorted(path for path in recording.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        found = [(path, text) for path in files if (text := _beside(path))]
        for path in files:
            if _beside(path) is None:
                print(f"{path}: no transcript beside it ({', '.join(transcript.SUFFIXES)}), left out")
        if not found:
            raise UserError(f"{recording} holds no recording with a transcript of the same name beside it")
        return found
    if not recording.is_file():
        raise UserError(f"{recording} is not a file")
    text = given or _beside(recording)
    if text is None:
        names = ", ".join(recording.stem + suffix for suffix in transcript.SUFFIXES)
        raise UserError(f"{recording} has no transcript beside it (one of {names}); name it after the recording")
    if not text.is_file():
        raise UserError(f"{text} is not a file")
    if text.suffix.lower() not in transcript.SUFFIXES:
        raise UserError(f"{text}: transcripts are read from {', '.join(transcript.SUFFIXES)}")
    return [(recording, text)]


def _beside(recording: Path) -> Path | None:
    """The transcript of the same name."""
    for suffix in transcript.SUFFIXES:
        path = recording.with_suffix(suffix)
        if path.is_file():
            return path
    return None


def targets(files: list[tuple[Path, Path]], form: str, output: Path | None) -> list[Path]:
    """The file to write for each recording. UserError where one is there already: a person may have corrected it."""
    suffix, _ = writers.FORMATS[form]
    paths = [(output or recording.parent) / (recording.stem + suffix) for recording, _ in files]
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is there already; move it away, or name another folder: --output FOLDER")
        if paths.count(path) > 1:
            raise UserError(f"two recordings would be written to {path}; align them one by one")
    return paths


def align_all(
    decoder: Decoder, files: list[tuple[Path, Path]], form: str, paths: list[Path], settings: Params, checkpoint: Path
) -> None:
    """Align each recording and write it; those that cannot be aligned are reported at the end."""
    normalise = normalisers.load(checkpoint, settings.language)["whisper"]
    failed = []
    for (recording, text), path in zip(tqdm(files, unit="recording", disable=len(files) == 1), paths, strict=True):
        try:
            lines = transcript.read(text, recording, settings)
            samples = audio.decode(recording, settings.preprocess.channel).samples.astype(np.float32)
            samples /= audio.FULL_SCALE
            alignment = align(decoder, samples, lines, normalise)
            _check_found(alignment, recording, text)
            _write(path, form, Aligned(alignment, recording, len(samples) / SAMPLE_RATE, text))
        except audio.AudioError as error:
            failed.append(f"{recording}: {error.detail}")
            continue
        except UserError as error:
            failed.append(f"{recording}: {error}")
            continue
        print(summary(alignment, path))
    if failed:
        raise UserError("\n".join([f"{len(failed)} of {len(files)} recordings could not be aligned:", *failed]))


def _check_found(alignment: Alignment, recording: Path, text: Path) -> None:
    placed = sum(line.start is not None for line in alignment.placed)
    if placed < FEWEST_FOUND * len(alignment.placed):
        raise UserError(
            f"only {placed} of {len(alignment.placed)} lines of {text} were found; is it the transcript of this "
            "recording, in the language that params.yaml names?"
        )


def _write(path: Path, form: str, aligned: Aligned) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    _, write = writers.FORMATS[form]
    write(partial, aligned)
    os.replace(partial, path)


def summary(alignment: Alignment, path: Path) -> str:
    """What was found, and what a person should look at."""
    placed = [line for line in alignment.placed if line.start is not None]
    missing = [line.line for line in alignment.placed if line.start is None]
    doubtful = [line for line in placed if line.confidence < writers.DOUBTFUL]
    silent = sum(end - start for start, end in alignment.without_text)
    typical = statistics.median(line.confidence for line in placed)
    rows = [
        f"{path}: {len(placed)} of {len(alignment.placed)} lines found, median confidence {typical:.2f}, "
        f"{len(doubtful)} doubtful; {silent:.0f} s of speech without text"
    ]
    for line in missing:
        rows.append(f"  not found: line {line.number}: {line.text}")
    for line in doubtful:
        rows.append(f"  doubtful ({line.confidence:.2f}): line {line.line.number}: {line.line.text}")
    return "\n".join(rows)
