"""Align the words of a transcript with the words of a hypothesis, over a whole recording."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from stages.common.errors import UserError

SIMILAR = 0.6  # words with a lower similarity (0 to 1) are never aligned
GAP = 0.15  # cost of a word that is on one side only
LARGEST = 16_000_000  # most pairs of words to compare at once; so many take 16 MB and a tenth of a second
ANCHOR = 3  # so many words in a row that occur once in each sequence are taken to be the same words

Pair = tuple[int, int, float]  # index in reference, index in hypothesis, similarity


def match(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Align two word sequences, each as a whole; returns the pairs of aligned words, in order.

    Words that are similar but not equal may be aligned too, and score less. Long sequences are divided at anchors, as
    patience diff does, so that time and memory grow with their length and not with its square.

    Raises
    ------
    UserError
        The sequences are long and have too little in common to be divided.
    """
    pairs: list[Pair] = []
    begin = (0, 0)
    for end in [*_borders(reference, hypothesis), (len(reference), len(hypothesis))]:
        part = _align(reference[begin[0] : end[0]], hypothesis[begin[1] : end[1]])
        for row, column, similarity in part:
            pairs.append((row + begin[0], column + begin[1], similarity))
        begin = end
    return pairs


def _borders(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the sequences are divided: as seldom as possible, so that no part has more than LARGEST pairs of words."""
    if len(reference) * len(hypothesis) <= LARGEST:
        return
    begin = last = (0, 0)
    for anchor in [*_anchors(reference, hypothesis), (len(reference), len(hypothesis))]:
        if (anchor[0] - begin[0]) * (anchor[1] - begin[1]) > LARGEST:
            if last == begin:
                raise UserError(
                    "transcript and recording have too little in common to be aligned; do they belong together?"
                )
            yield last
            begin = last
        last = anchor


def _anchors(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int]]:
    """(row, column) where runs of ANCHOR words begin that occur once in each sequence, in the same order in both."""
    columns = _unique_runs(hypothesis)
    # The longest increasing subsequence of the columns (patience sorting).
    tops: list[int] = []  # the smallest column that ends a sequence of each length
    chain: list[tuple[int, int, int]] = []  # row, column, index in chain of the anchor before
    newest: list[int] = []  # index in chain of each top
    for run, row in _unique_runs(reference).items():
        if run not in columns:
            continue
        column = columns[run]
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
    """The runs of ANCHOR words that occur only once, with the index of their first word, in order."""
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
    # How the best alignment reaches each cell: 0 by a pair, 1 by a word of the reference only, 2 of the hypothesis
    steps = np.zeros((len(reference) + 1, len(hypothesis) + 1), np.uint8)
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
    """The index of each word in the list of distinct words, and that list."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    return ids, list(numbers)
