"""Align recordings with their transcripts, one after the other."""

import statistics
from functools import partial
from pathlib import Path

from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import Params
from stages.cutting import audio
from stages.decoding import evaluation_sets, transcription, voice
from stages.records.units import SAMPLE_RATE
from stages.runtime import failures
from stages.wer import normalisers
from tools import recording_files, sources
from tools.align import transcript, writers
from tools.align.alignment import Alignment
from tools.align.session import align
from tools.align.writers import Aligned

FEWEST_FOUND = 0.2  # if a smaller share of the lines is found, the transcript is probably another recording's


def align_all(
    files: list[tuple[Path, Path]], paths: list[Path], form: str, checkpoint: str, base: str | None, settings: Params
) -> None:
    """Align each recording with its transcript and write the result.

    Parameters
    ----------
    files : recordings, each with its transcript
    paths : the file to write for each
    form : one of writers.FORMATS
    checkpoint, base : see sources.load_checkpoint

    Raises
    ------
    UserError
        Some recordings could not be aligned; the others were aligned and written before.
    """
    voice.check_installed()
    decoder = transcription.prepare(sources.load_checkpoint(checkpoint, base), settings)
    normalise = normalisers.load(sources.find(checkpoint), settings.language)["whisper"]
    _, write = writers.FORMATS[form]
    failed = []
    for (recording, text), path in zip(tqdm(files, unit="recording", disable=len(files) == 1), paths, strict=True):
        try:
            lines = transcript.read(text, recording, settings)
            samples = recording_files.read(recording, settings.preprocess.channel)
            with failures.explain_out_of_memory(evaluation_sets.memory_advice(settings)):
                alignment = align(decoder, samples, lines, normalise)
            _check_found(alignment, recording, text)
            aligned = Aligned(alignment, recording, len(samples) / SAMPLE_RATE, text)
            recording_files.write_whole(path, partial(write, aligned=aligned))
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


def summary(alignment: Alignment, path: Path) -> str:
    """What was found, and what a person should look at."""
    confidences: list[float] = []
    missing: list[str] = []
    doubtful: list[str] = []
    for placed in alignment.placed:
        line = f"line {placed.line.number}: {placed.line.text}"
        if placed.start is None:
            missing.append(f"  not found: {line}")
            continue
        confidences.append(placed.confidence)
        if placed.confidence < writers.DOUBTFUL:
            doubtful.append(f"  doubtful ({placed.confidence:.2f}): {line}")
    without_text = sum(end - start for start, end in alignment.without_text)
    first_row = (
        f"{path}: {len(confidences)} of {len(alignment.placed)} lines found, "
        f"median confidence {statistics.median(confidences):.2f}, {len(doubtful)} doubtful; "
        f"{without_text:.0f} s of speech without text"
    )
    return "\n".join([first_row, *missing, *doubtful])
