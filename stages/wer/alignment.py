"""Word errors of each utterance, from which rates, intervals, comparisons and slices are computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import NamedTuple

import jiwer
import numpy as np

from stages.wer.normalisers import Normaliser

KINDS = {"substitute": "substitutions", "delete": "deletions", "insert": "insertions"}  # jiwer's name: name here


@dataclass(frozen=True)
class UtteranceErrors:
    """Counts of every utterance of a set; int64 arrays, shape (utterances,)."""

    words: np.ndarray  # in the reference
    hypothesis_words: np.ndarray
    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    inserted_at: np.ndarray  # of every inserted word, the share of the reference that comes before it; float64

    @cached_property
    def errors(self) -> np.ndarray:
        return self.substitutions + self.deletions + self.insertions


def align(references: Sequence[str], hypotheses: Sequence[str], normalise: Normaliser) -> UtteranceErrors:
    """Align each hypothesis with its reference (minimum edit distance, jiwer), after normalising both."""
    references = list(map(normalise, references))
    hypotheses = list(map(normalise, hypotheses))
    words = _word_counts(references)
    counts = {kind: np.zeros(len(references), np.int64) for kind in KINDS.values()}
    inserted_at: list[float] = []
    for index, chunks in enumerate(jiwer.process_words(references, hypotheses).alignments):
        for chunk in chunks:
            if chunk.type in KINDS:
                counts[KINDS[chunk.type]][index] += _span(chunk)
        for before in _words_before_insertions(chunks):
            inserted_at.append(before / words[index] if words[index] else 1.0)
    return UtteranceErrors(words, _word_counts(hypotheses), **counts, inserted_at=np.array(inserted_at))


def _word_counts(texts: list[str]) -> np.ndarray:
    return np.array([len(text.split()) for text in texts], np.int64)


def _span(chunk: jiwer.AlignmentChunk) -> int:
    """Number of words; an insertion has no reference word and a deletion no hypothesis word."""
    return max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)


def _words_before_insertions(chunks: list[jiwer.AlignmentChunk]) -> Iterator[float]:
    """How many reference words come before each inserted word.

    Where insertions are next to other errors, which of the words are the inserted ones is arbitrary (jiwer takes the
    first); they are spread evenly over those errors.
    """
    for is_correct, run in groupby(chunks, lambda chunk: chunk.type == "equal"):
        run = list(run)
        count = sum(_span(chunk) for chunk in run if chunk.type == "insert")
        if is_correct:
            continue
        first = run[0].ref_start_idx
        width = run[-1].ref_end_idx - first
        for number in range(count):
            yield first + width * (number + 0.5) / count


class WordPair(NamedTuple):
    """A reference word and the hypothesis word aligned with it; "" for ref is an insertion, for hyp a deletion."""

    ref: str
    hyp: str


def align_words(reference: str, hypothesis: str, normalise: Normaliser) -> list[WordPair]:
    """The alignment of one utterance, word by word; its errors are those that `align` counts."""
    reference, hypothesis = normalise(reference), normalise(hypothesis)
    (chunks,) = jiwer.process_words([reference], [hypothesis]).alignments
    ref, hyp = reference.split(), hypothesis.split()
    pairs = []
    for chunk in chunks:
        ref_words = ref[chunk.ref_start_idx : chunk.ref_end_idx]
        hyp_words = hyp[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for ref_word, hyp_word in zip_longest(ref_words, hyp_words, fillvalue=""):
            pairs.append(WordPair(ref_word, hyp_word))
    return pairs
