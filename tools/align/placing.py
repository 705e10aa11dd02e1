"""Find in which groups of stretches of speech each line of a transcript is spoken."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stages.decoding.voice import Span
from stages.records.units import Seconds
from tools.align.matching import match

ENOUGH_SUPPORT = 0.5  # a line is placed where at least this share of its letters was recognised
LONGEST_PAUSE: Seconds = 3.0  # within a line
SLOWEST, FASTEST = 1.5, 30.0  # characters in a second of speech
LONGEST_RUN = 40  # in a row of lines that words do not place, at most so many are tried, in as many groups

# Of a line and some groups, by number: how well the line fits each group; above 0, it may be spoken there.
Score = Callable[[int, list[int]], list[float]]


@dataclass(frozen=True)
class Range:
    """The groups in which a line is spoken, by number; `last` is included."""

    first: int
    last: int


def place_by_words(
    lines: Sequence[list[str]], recognised: Sequence[list[str]], spans: Sequence[Span]
) -> list[Range | None]:
    """Place lines by the words that were recognised.

    Parameters
    ----------
    lines : the normalised words of each line
    recognised : the normalised words that were recognised in each group of stretches
    spans : start and end of each group

    Returns
    -------
    The groups of each line; None where too little of it was recognised in one place.
    """
    reference, line_of_word = _joined(lines)
    hypothesis, group_of_word = _joined(recognised)
    letters: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))  # line -> group -> letters
    for row, column, similarity in match(reference, hypothesis):
        letters[line_of_word[row]][group_of_word[column]] += similarity * len(reference[row])
    places: list[Range | None] = []
    for line, words in enumerate(lines):
        places.append(_densest(letters[line], sum(map(len, words)), spans))
    return places


def _joined(texts: Sequence[list[str]]) -> tuple[list[str], list[int]]:
    """The words of all texts in one list, and for each word the number of its text."""
    words: list[str] = []
    numbers: list[int] = []
    for number, text in enumerate(texts):
        words += text
        numbers += [number] * len(text)
    return words, numbers


def _densest(letters: dict[int, float], length: int, spans: Sequence[Span]) -> Range | None:
    """The run of neighbouring groups around the one with most letters of a line; None if they are too few.

    Parameters
    ----------
    letters : by group, how many letters of the line were recognised in it
    length : letters of the line
    """
    if not letters:
        return None
    first = last = max(letters, key=lambda group: (letters[group], -group))
    while first - 1 in letters and spans[first][0] - spans[first - 1][1] <= LONGEST_PAUSE:
        first -= 1
    while last + 1 in letters and spans[last + 1][0] - spans[last][1] <= LONGEST_PAUSE:
        last += 1
    support = sum(letters[group] for group in range(first, last + 1)) / max(1, length)
    return Range(first, last) if support >= ENOUGH_SUPPORT else None


def fill_gaps(
    places: list[Range | None], lengths: Sequence[int], spans: Sequence[Span], score: Score
) -> list[Range | None]:
    """Place lines of which too little was recognised: in the free groups between the placed lines before and after.

    Parameters
    ----------
    places : of each line; None where it is not placed yet
    lengths : characters of each line
    spans : start and end of each group
    score : see Score
    """
    filled = list(places)
    line = 0
    while line < len(filled):
        if filled[line] is not None:
            line += 1
            continue
        end = line
        while end < len(filled) and filled[end] is None:
            end += 1
        first = filled[line - 1].last + 1 if line else 0
        last = filled[end].first if end < len(filled) else len(spans)
        unplaced = list(range(line, end))[:LONGEST_RUN]
        free_groups = list(range(first, last))[:LONGEST_RUN]
        for number, group in _best_pairs(unplaced, free_groups, lengths, spans, score):
            filled[number] = Range(group, group)
        line = end
    return filled


def _best_pairs(
    lines: list[int], groups: list[int], lengths: Sequence[int], spans: Sequence[Span], score: Score
) -> list[tuple[int, int]]:
    """The pairs of line and group, in order, with the highest sum of scores; no pair scores 0 or less."""
    best = [[0.0] * (len(groups) + 1) for _ in range(len(lines) + 1)]
    for row, line in enumerate(lines, start=1):
        plausible = [group for group in groups if _is_plausible(lengths[line], spans[group])]
        gains = dict(zip(plausible, score(line, plausible), strict=True))
        for column, group in enumerate(groups, start=1):
            gain = max(0.0, gains.get(group, 0.0))
            best[row][column] = max(best[row - 1][column], best[row][column - 1], best[row - 1][column - 1] + gain)
    pairs = []
    row, column = len(lines), len(groups)
    while row and column:
        if best[row][column] == best[row - 1][column]:
            row -= 1
        elif best[row][column] == best[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((lines[row], groups[column]))
    return pairs[::-1]


def _is_plausible(length: int, span: Span) -> bool:
    """Whether a text of this many characters can be spoken in a stretch."""
    return SLOWEST <= length / max(span[1] - span[0], 0.1) <= FASTEST
