"""Which word of a transcript is which word of a hypothesis, over a whole recording."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from stages.common.errors import UserError

SIMILAR = 0.6  # words that are less alike (0 to 1) are never the same word
GAP = 0.15  # cost of a word that is on one side only
LARGEST = 16_000_000  # pairs of words that are compared at once: a byte each, and a tenth of a second
ANCHOR = 3  # words in a row that occur once on either side, and so are taken to be the same

Pair = tuple[int, int, float]  # index in reference, index in hypothesis, similarity


def match(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Align two word sequences as wholes; similar words count in part. Returns the pairs, in order.

    Long sequences are divided at anchors, as patience diff does, so that time and memory grow with their length.

    Raises
    ------
    UserError
        Long sequences have too little in common to be divided.
    """
    pairs: list[Pair] = []
    begin = (0, 0)
    for end in [*_borders(reference, hypothesis), (len(reference), len(hypothesis))]:
        part = _align(reference[begin[0] : end[0]], hypothesis[begin[1] : end[1]])
        pairs += [(row + begin[0], column + begin[1], similarity) for row, column, similarity in part]
        begin = end
    return pairs


def _borders(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the sequences are divided: as seldom as the parts stay small enough."""
    if len(reference) * len(hypothesis) <= LARGEST:
        return
    begin = last = (0, 0)
    for anchor in [*_anchors(reference, hypothesis), (len(reference), len(hypothesis))]:
        if (anchor[0] - begin[0]) * (anchor[1] - begin[1]) > LARGEST:
            if last == begin:
                raise UserError("transcript and recording have too little in common to be aligned")
            yield last
            begin = last
        last = anchor


def _anchors(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int]]:
    """Where runs of ANCHOR words begin that occur once on either side; those in the same order on both."""
    places = _unique_runs(hypothesis)
    common = [(row, places[run]) for run, row in _unique_runs(reference).items() if run in places]
    # The longest increasing subsequence of the columns (patience sorting).
    tops: list[int] = []  # the smallest column that ends a sequence of each length
    chain: list[tuple[int, int, int]] = []  # row, column, index in chain of the one before
    newest: list[int] = []  # index in chain of each top
    for row, column in common:
        length = bisect_left(tops, column)
        before = newest[length - 1] if length else -1
        chain.append((row, column, before))
        tops[length : length + 1] = [column]
        newest[length : length + 1] = [len(chain) - 1]
    anchors = []
    index = newest[-1] if newest else -1
    while index >= 0:
        row, column, index = chain[index]
        anchors.append((row, column))
    return anchors[::-1]


def _unique_runs(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Runs of ANCHOR words that occur once, with their place, in order."""
    runs = [tuple(words[start : start + ANCHOR]) for start in range(len(words) - ANCHOR + 1)]
    counts = Counter(runs)
    return {run: start for start, run in enumerate(runs) if counts[run] == 1}


def _align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """The pairs of the best alignment (Needleman and Wunsch 1970), row by row with NumPy."""
    if not reference or not hypothesis:
        return []
    reference_ids, reference_words = _numbered(reference)
    hypothesis_ids, hypothesis_words = _numbered(hypothesis)
    similarity = process.cdist(reference_words, hypothesis_words, scorer=fuzz.ratio, dtype=np.float32) / 100
    scores = np.where(similarity >= SIMILAR, 2 * similarity - 1, -1).astype(np.float32)
    steps = np.zeros((len(reference) + 1, len(hypothesis) + 1), np.uint8)  # 0: pair, 1: reference only, 2: hypothesis
    steps[0, 1:], steps[1:, 0] = 2, 1
    costs = GAP * np.arange(len(hypothesis) + 1)
    best = -costs
    for row, word in enumerate(reference_ids, start=1):
        pair = np.full_like(best, -np.inf)
        pair[1:] = best[:-1] + scores[word, hypothesis_ids]
        alone = best - GAP
        entered = np.maximum(pair, alone)
        # best[j] = max(entered[j], best[j - 1] - GAP), for all columns at once
        best = np.maximum.accumulate(entered + costs) - costs
        steps[row] = np.where(best > entered + 1e-6, 2, np.where(pair >= alone, 0, 1))
    pairs = []
    row, column = len(reference), len(hypothesis)
    while row and column:
        step = steps[row, column]
        if step == 0:
            row, column = row - 1, column - 1
            pairs.append((row, column, float(similarity[reference_ids[row], hypothesis_ids[column]])))
        elif step == 1:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _numbered(words: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The words as indices into the list of distinct words."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    return ids, list(numbers)
