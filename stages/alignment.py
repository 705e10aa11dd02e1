"""Word errors utterance by utterance: what intervals, comparisons and slices are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np

from stages.scoring import Normaliser

KINDS = {"substitute": "substitutions", "delete": "deletions", "insert": "insertions"}  # jiwer's names and ours


@dataclass(frozen=True)
class UtteranceErrors:
    """Counts of every utterance of a set; int64 arrays, shape (utterances,)."""

    words: np.ndarray  # in the reference
    answered: np.ndarray  # in the hypothesis
    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        return self.substitutions + self.deletions + self.insertions


def align(references: Sequence[str], hypotheses: Sequence[str], normalise: Normaliser) -> UtteranceErrors:
    """Align each hypothesis with its reference (minimum edit distance, jiwer). Their sums are scoring.count_errors'."""
    references, hypotheses = ([normalise(text) for text in texts] for texts in (references, hypotheses))
    counts = {kind: np.zeros(len(references), np.int64) for kind in KINDS.values()}
    for place, chunks in enumerate(jiwer.process_words(references, hypotheses).alignments):
        for chunk in chunks:
            if chunk.type in KINDS:
                # An insertion spans no reference word and a deletion no hypothesis word.
                span = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
                counts[KINDS[chunk.type]][place] += span
    words, answered = (np.array([len(text.split()) for text in texts], np.int64) for texts in (references, hypotheses))
    return UtteranceErrors(words, answered, **counts)
