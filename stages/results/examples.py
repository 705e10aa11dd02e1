"""Single utterances for the report: where a model fails most, and where fine-tuning helped most."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile

from stages.records import paths, shards
from stages.records.shards import Clip
from stages.records.units import SAMPLE_RATE, Seconds
from stages.scores import slicing
from stages.scores.scoreboard import HEADLINE_SET, Results, SetResults
from stages.wer import alignment
from stages.wer.alignment import WordPair
from stages.wer.normalisers import Normaliser

LONGEST: Seconds = 60.0  # of each recording, this much is put into the page


@dataclass(frozen=True)
class ModelOutput:
    """One model's transcript of an utterance, and its errors."""

    model: str
    errors: int
    words: list[WordPair]  # the alignment with the reference, as scored
    transcript: str  # as the model wrote it


@dataclass(frozen=True)
class Example:
    """An utterance of the headline set, and every model's transcript of it."""

    clip: Clip
    age: str
    reference: str  # as scored: normalised
    reference_as_written: str
    reference_words: int
    outputs: list[ModelOutput]
    sound: str | None  # data: URL of an MP3; None: not wanted
    cut: bool  # only the beginning of the sound is there


def worst(errors: np.ndarray, count: int) -> list[int]:
    """Choose the utterances with the most errors; shape of errors: (utterances,)."""
    order = sorted(np.flatnonzero(errors).tolist(), key=lambda index: (-errors[index], index))
    return order[:count]


def most_improved(before: np.ndarray, after: np.ndarray, count: int) -> list[int]:
    """Choose the utterances in which the number of errors fell most."""
    return worst(np.maximum(before - after, 0), count)


def examples(board: Results, chosen: list[int], normalise: Normaliser, sound: bool) -> Iterator[Example]:
    """Utterances of the headline set by their places in it.

    Parameters
    ----------
    normalise : the normaliser that `board` was scored with
    sound : put the recordings in, too
    """
    results = {name: sets[HEADLINE_SET] for name, sets in board.items()}
    first = next(iter(results.values()))
    for index in chosen:
        clip = first.clips[index]
        written = first.transcripts[index].reference
        samples = shards.read_audio(paths.split_folder(HEADLINE_SET), clip) if sound else None
        yield Example(
            clip=clip,
            age=slicing.age_group(clip),
            reference=normalise(written).strip(),
            reference_as_written=written,
            reference_words=int(first.errors.words[index]),
            outputs=[_output(name, of_set, index, normalise) for name, of_set in results.items()],
            sound=None if samples is None else _mp3(samples[: round(LONGEST * SAMPLE_RATE)]),
            cut=clip.duration > LONGEST,
        )


def _output(name: str, results: SetResults, index: int, normalise: Normaliser) -> ModelOutput:
    row = results.transcripts[index]
    words = alignment.align_words(row.reference, row.hypothesis, normalise)
    return ModelOutput(name, int(results.errors.errors[index]), words, row.hypothesis)


def _mp3(samples: np.ndarray) -> str:
    """The sound as a data: URL of an MP3: a tenth of the FLAC's size, and every browser plays it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
