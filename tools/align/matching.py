"""Which word of a transcript is which word of a hypothesis, over a whole recording."""

import numpy as np
from rapidfuzz import fuzz, process

SIMILAR = 0.6  # words that are less alike (0 to 1) are never the same word
GAP = 0.15  # cost of a word that is on one side only


def match(reference: list[str], hypothesis: list[str]) -> list[tuple[int, int, float]]:
    """Align two word sequences as wholes (Needleman-Wunsch); similar words count in part.

    Returns
    -------
    (index in reference, index in hypothesis, similarity) of each pair, in order. Cost: len(reference) *
    len(hypothesis) byte operations between anchors.
    """
    if not reference or not hypothesis:
        return []
    reference_ids, reference_words = _numbered(reference)
    hypothesis_ids, hypothesis_words = _numbered(hypothesis)
    similarity = process.cdist(reference_words, hypothesis_words, scorer=fuzz.ratio, dtype=np.float32) / 100
    scores = np.where(similarity >= SIMILAR, 2 * similarity - 1, -1).astype(np.float32)
    steps = np.zeros((len(reference) + 1, len(hypothesis) + 1), np.uint8)  # 0: pair, 1: reference only, 2: hypothesis
    steps[0, 1:], steps[1:, 0] = 2, 1
    positions = GAP * np.arange(len(hypothesis) + 1, dtype=np.float32)
    best = -positions
    for row, word in enumerate(reference_ids, start=1):
        pair = np.full_like(best, -np.inf)
        pair[1:] = best[:-1] + scores[word, hypothesis_ids]
        alone = best - GAP
        entered = np.maximum(pair, alone)
        # best[j] = max(entered[j], best[j - 1] - GAP), for all columns at once
        best = np.maximum.accumulate(entered + positions) - positions
        steps[row] = np.where(best > entered + 1e-4, 2, np.where(pair >= alone, 0, 1))
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


def _numbered(words: list[str]) -> tuple[np.ndarray, list[str]]:
    """The words as indices into the list of distinct words."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    return ids, list(numbers)
