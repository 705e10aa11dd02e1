"""Word errors utterance by utterance: what rates, intervals, comparisons and slices are made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import NamedTuple

import jiwer
import numpy as np

from stages.wer.normalisers import Normaliser

KINDS = {"substitute": "substitutions", "delete": "deletions", "insert": "insertions"}  # jiwer's names and ours


@dataclass(frozen=True)
class UtteranceErrors:
    """Counts of every utterance of a set; int64 arrays, shape (utterances,)."""

    words: np.ndarray  # in the reference
    answered: np.ndarray  # in the hypothesis
    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    inserted_at: np.ndarray  # of every inserted word, the share of the reference that comes before it; float64

    @cached_property
    def errors(self) -> np.ndarray:
        return self.substitutions + self.deletions + self.insertions


def align(references: Sequence[str], hypotheses: Sequence[str], normalise: Normaliser) -> UtteranceErrors:
    """Align each hypothesis with its reference (minimum edit distance, jiwer)."""
    references, hypotheses = ([normalise(text) for text in texts] for texts in (references, hypotheses))
    words, answered = (np.array([len(text.split()) for text in texts], np.int64) for texts in (references, hypotheses))
    counts = {kind: np.zeros(len(references), np.int64) for kind in KINDS.values()}
    inserted_at: list[float] = []
    for place, chunks in enumerate(jiwer.process_words(references, hypotheses).alignments):
        for chunk in chunks:
            if chunk.type in KINDS:
                counts[KINDS[chunk.type]][place] += _span(chunk)
        inserted_at += [before / words[place] if words[place] else 1.0 for before in _inserted(chunks)]
    return UtteranceErrors(words, answered, **counts, inserted_at=np.array(inserted_at))


def _span(chunk: jiwer.AlignmentChunk) -> int:
    """Words; an insertion spans no reference word and a deletion no hypothesis word."""
    return max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)


def _inserted(chunks: list[jiwer.AlignmentChunk]) -> Iterator[float]:
    """How many reference words come before each inserted word.

    Among other errors, which of the words are the inserted ones is arbitrary (jiwer takes the first); they are spread
    evenly over those errors.
    """
    for right, run in groupby(chunks, lambda chunk: chunk.type == "equal"):
        run = list(run)
        count = sum(_span(chunk) for chunk in run if chunk.type == "insert")
        if right or not count:
            continue
        first, width = run[0].ref_start_idx, run[-1].ref_end_idx - run[0].ref_start_idx
        yield from (first + width * (number + 0.5) / count for number in range(count))


class Word(NamedTuple):
    """A place in an alignment: a reference word, what was heard for it, or both; at least one is not empty."""

    spoken: str
    heard: str


def words(reference: str, hypothesis: str, normalise: Normaliser) -> list[Word]:
    """The alignment of one utterance, word by word; its errors are those that `align` counts."""
    reference, hypothesis = normalise(reference), normalise(hypothesis)
    (chunks,) = jiwer.process_words([reference], [hypothesis]).alignments
    spoken, heard, places = reference.split(), hypothesis.split(), []
    for chunk in chunks:
        pair = spoken[chunk.ref_start_idx : chunk.ref_end_idx], heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        places += [Word(*both) for both in zip_longest(*pair, fillvalue="")]
    return places
