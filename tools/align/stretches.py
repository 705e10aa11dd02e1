"""Cut stretches of speech at borders, and find those that no line uses."""

from collections.abc import Sequence

from stages.decoding.voice import Span
from stages.records.units import Seconds

SHORTEST_PART: Seconds = 0.25  # a border between lines that is nearer to a stretch's start or end is moved there


def clipped(stretches: Sequence[Span], begin: Seconds) -> list[Span]:
    """The stretches without what is before `begin`."""
    return [(max(start, begin), end) for start, end in stretches if end > begin]


def unused(stretches: Sequence[Span], used: Sequence[Span]) -> list[Span]:
    """The stretches of which no part is used."""
    free = []
    index = 0
    ordered = sorted(used)
    for start, end in stretches:
        while index < len(ordered) and ordered[index][1] <= start:
            index += 1
        if index == len(ordered) or ordered[index][0] >= end:
            free.append((start, end))
    return free


def parts_between(stretches: Sequence[Span], first: Seconds, last: Seconds) -> list[Span]:
    """The stretches, or parts of them, between two borders; a part that is too short goes to the other side."""
    parts = []
    for start, end in stretches:
        part_start = _moved_to_edge(first, start, end) if start < first < end else start
        part_end = _moved_to_edge(last, start, end) if start < last < end else end
        if part_end > part_start and first <= (part_start + part_end) / 2 < last:
            parts.append((part_start, part_end))
    return parts


def _moved_to_edge(border: Seconds, start: Seconds, end: Seconds) -> Seconds:
    """A border within a stretch, moved to the stretch's start or end if that is nearer than SHORTEST_PART."""
    if border - start < SHORTEST_PART:
        return start
    return end if end - border < SHORTEST_PART else border
