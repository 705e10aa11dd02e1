"""Which line of a transcript is spoken in which stretches of a recording."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stages.records.units import Seconds
from tools.align.matching import match
from tools.voice import Span

ENOUGH_SUPPORT = 0.5  # of a line's letters: the share that was recognised in its place
LONGEST_PAUSE: Seconds = 3.0  # within a line
SLOWEST, FASTEST = 1.5, 30.0  # characters a second of speech
LONGEST_RUN = 40  # lines (and groups) that are tried against each other where words give no place


Score = Callable[[int, list[int]], list[float]]


@dataclass(frozen=True)
class Range:
    """The groups of stretches in which a line is spoken."""

    first: int
    last: int


def place_by_words(lines: Sequence[list[str]], heard: Sequence[list[str]], spans: Sequence[Span]) -> list[Range | None]:
    """Place lines by the words that were recognised.

    Parameters
    ----------
    lines : the normalised words of every line
    heard : the normalised words that were recognised in every group of stretches
    spans : from where to where each group is spoken

    Returns
    -------
    Of each line, its groups; None: too little of it was recognised in one place.
    """
    line_of = [line for line, words in enumerate(lines) for _ in words]
    group_of = [group for group, words in enumerate(heard) for _ in words]
    spoken, recognised = [word for words in lines for word in words], [word for words in heard for word in words]
    letters: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))  # line -> group -> letters
    for reference, hypothesis, similarity in match(spoken, recognised):
        letters[line_of[reference]][group_of[hypothesis]] += similarity * len(spoken[reference])
    places: list[Range | None] = []
    for line, words in enumerate(lines):
        places.append(_densest(letters[line], sum(map(len, words)), spans))
    return places


def _densest(letters: dict[int, float], length: int, spans: Sequence[Span]) -> Range | None:
    """The run of neighbouring groups around the one with the most of a line's letters, if it has enough of them."""
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
    """Place lines of which too little was recognised in the groups that are left between their placed neighbours.

    Parameters
    ----------
    lengths : characters of each line
    score : of a line in each of some groups, above 0 where the line may well be what is said there
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
        waiting, free = list(range(line, end))[:LONGEST_RUN], list(range(first, last))[:LONGEST_RUN]
        for number, group in _best_pairs(waiting, free, lengths, spans, score):
            filled[number] = Range(group, group)
        line = end
    return filled


def _best_pairs(
    lines: list[int], groups: list[int], lengths: Sequence[int], spans: Sequence[Span], score: Score
) -> list[tuple[int, int]]:
    """The pairs of line and group, in order, with the highest sum of scores; none with a score of 0 or less."""
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
