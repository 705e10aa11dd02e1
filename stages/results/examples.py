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
from stages.scores import scoreboard
from stages.scores.scoreboard import HEADLINE_SET, Results, SetResults
from stages.wer import alignment
from stages.wer.alignment import Word
from stages.wer.normalisers import Normaliser

LONGEST: Seconds = 60.0  # of a recording that is put into the page


@dataclass(frozen=True)
class ModelOutput:
    """What one model made of an utterance."""

    model: str
    errors: int
    words: list[Word]
    transcript: str  # as the model wrote it
    log_probability: float | None


@dataclass(frozen=True)
class Example:
    """An utterance of the headline set, and what every model made of it."""

    clip: Clip
    age: str
    reference: str
    spoken: int  # words in the reference
    heard: list[ModelOutput]
    sound: str | None  # data: URL of an MP3; None: not wanted
    cut: bool  # only the beginning of the sound is there


def worst(errors: np.ndarray, count: int) -> list[int]:
    """The utterances that add most to the word error rate; shape of errors: (utterances,)."""
    order = sorted(np.flatnonzero(errors).tolist(), key=lambda index: (-errors[index], index))
    return order[:count]


def most_improved(before: np.ndarray, after: np.ndarray, count: int) -> list[int]:
    """The utterances with the most errors fewer."""
    return worst(np.maximum(before - after, 0), count)


def examples(board: Results, chosen: list[int], normalise: Normaliser, sound: bool) -> Iterator[Example]:
    """Utterances of the headline set by their places in it.

    Parameters
    ----------
    sound : put the recordings in, too
    """
    found = {name: sets[HEADLINE_SET] for name, sets in board.items()}
    first = next(iter(found.values()))
    for index in chosen:
        clip, row = first.clips[index], first.transcripts[index]
        samples = shards.read_audio(paths.split_folder(HEADLINE_SET), clip) if sound else None
        yield Example(
            clip=clip,
            age=scoreboard.age_group(clip),
            reference=row.reference,
            spoken=int(first.errors.words[index]),
            heard=[_heard(name, answers, index, normalise) for name, answers in found.items()],
            sound=None if samples is None else _mp3(samples[: round(LONGEST * SAMPLE_RATE)]),
            cut=clip.duration > LONGEST,
        )


def _heard(name: str, answers: SetResults, index: int, normalise: Normaliser) -> ModelOutput:
    row = answers.transcripts[index]
    words = alignment.words(row.reference, row.hypothesis, normalise)
    return ModelOutput(name, int(answers.errors.errors[index]), words, row.hypothesis, row.log_probability)


def _mp3(samples: np.ndarray) -> str:
    """A tenth of the FLAC's size, and every browser plays it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
