"""How far a word error rate, or the difference between two, may be chance: by speakers, as they were drawn.

Utterances of one speaker resemble each other, so what is resampled is speakers with all their utterances (Liu and Peng
2019, "Statistical testing on ASR performance via blockwise bootstrap", arXiv:1912.09508); resampling utterances would
claim too much. The same seed and the same speakers give the same resamples, for every model and difference.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLINGS = 10_000
LEVEL = 95.0  # per cent of the resamples lie in an interval
FEWEST_SPEAKERS = 10  # with fewer, intervals are too narrow
SEED = 0
BLOCK = 1_000_000  # draws that are held as 64-bit numbers at once


class Interval(NamedTuple):
    low: float
    high: float


class Difference(NamedTuple):
    """One model's WER minus another's on the same utterances, as shares of the reference words."""

    wer: float
    interval: Interval | None  # None: of one speaker, every resample is the same
    p: float | None  # two-sided: how often resamples deny a difference, see `difference`; None: as for the interval
    matched_pairs_p: float


class SpeakerBootstrap:
    """Resamples of the speakers of one evaluation set."""

    def __init__(self, speakers: Sequence[str]):
        """Draw as many speakers as there are, with replacement, RESAMPLINGS times.

        Parameters
        ----------
        speakers : of each utterance
        """
        names, self._speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
        self.speakers = len(names)
        self._draws = speaker_draws(len(names))

    def interval(self, errors: np.ndarray, words: np.ndarray) -> Interval:
        """Where a corpus WER lies in LEVEL per cent of the resamples.

        Parameters
        ----------
        errors, words : of each utterance, shape (utterances,); errors may be a difference of errors
        """
        return _middle(self.resampled_rates(errors, words))

    def difference(self, first: np.ndarray, second: np.ndarray, words: np.ndarray) -> Difference:
        """Compare the errors of two models on the same utterances; negative: the second makes fewer.

        p is never under 2 / 2**speakers: so often would all speakers lean to the same side if both models were equally
        good (the smallest p of a sign test). Resamples of a few speakers would show any difference that they share.
        """
        change = second - first
        wer = float(change.sum() / words.sum())
        matched_pairs_p = matched_pairs(first, second)
        if self.speakers == 1:
            return Difference(wer, None, None, matched_pairs_p)
        rates = self.resampled_rates(change, words)
        denied = 1 + min(np.count_nonzero(rates <= 0), np.count_nonzero(rates >= 0))
        p = min(1.0, max(2 * denied / (RESAMPLINGS + 1), 2.0 ** (1 - self.speakers)))
        return Difference(wer, _middle(rates), p, matched_pairs_p)

    def resampled_rates(self, errors: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Corpus rate in every resample, shape (RESAMPLINGS,)."""
        errors_of_speaker = np.bincount(self._speaker, errors)
        words_of_speaker = np.bincount(self._speaker, words)
        counts = np.stack([errors_of_speaker, words_of_speaker], axis=1)
        # Sums of whole numbers are exact in any order, so blocks change nothing.
        sums = np.concatenate([self._draws[rows] @ counts for rows in _blocks(self.speakers)])
        return sums[:, 0] / np.maximum(sums[:, 1], 1)  # a resample may hold no reference word


@functools.lru_cache(maxsize=64)
def speaker_draws(speakers: int) -> np.ndarray:
    """How often each speaker is in each resample, shape (RESAMPLINGS, speakers): the same for all models and slices.

    A speaker is drawn once on average, and never 256 times.
    """
    generator = np.random.default_rng(SEED)
    chances = np.full(speakers, 1 / speakers)
    draws = np.empty((RESAMPLINGS, speakers), np.uint8)
    for rows in _blocks(speakers):
        draws[rows] = generator.multinomial(speakers, chances, len(draws[rows]))
    return draws


def _blocks(speakers: int) -> list[slice]:
    """The resamples in parts of about BLOCK draws: all of them at once, as 64-bit numbers, may not fit in memory."""
    size = max(1, BLOCK // speakers)
    return [slice(start, start + size) for start in range(0, RESAMPLINGS, size)]


def _middle(rates: np.ndarray) -> Interval:
    """Where LEVEL per cent of the resampled rates lie (percentiles)."""
    return Interval(*np.percentile(rates, [50 - LEVEL / 2, 50 + LEVEL / 2]).tolist())


def matched_pairs(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of the matched-pairs test (Gillick and Cox 1989), with utterances as its segments.

    It takes utterances as independent, which those of one speaker are not: read it beside the bootstrap.
    """
    change = (second - first).astype(float)
    if len(change) < 2:
        return 1.0  # a single difference has no spread
    standard_error = change.std(ddof=1) / math.sqrt(len(change))
    if not standard_error:  # always the same difference, most often none
        return 0.0 if change.any() else 1.0
    return math.erfc(abs(change.mean()) / standard_error / math.sqrt(2))
