"""The annotated stretches of one recording on its time axis: which are neighbours, and which overlap."""

from bisect import bisect_left, bisect_right
from itertools import accumulate
from operator import itemgetter

from stages.records.units import Seconds


class SpeechTimeline:
    """The annotated stretches of one recording: to keep the others out of the context of one, and to find overlaps.

    Parameters
    ----------
    spans : start and end of each stretch, in any order
    """

    def __init__(self, spans: list[tuple[Seconds, Seconds]]):
        by_start = sorted(spans)
        by_end = sorted(spans, key=itemgetter(1))
        self._starts = [start for start, _ in by_start]
        self._ends = [end for _, end in by_end]
        # The last end of all stretches that start no later, and the first start of all that end no earlier.
        self._last_ends = list(accumulate(map(itemgetter(1), by_start), max))
        self._first_starts = list(accumulate(map(itemgetter(0), reversed(by_end)), min))
        self._first_starts.reverse()
        self._set_depths(spans)

    def _set_depths(self, spans: list[tuple[Seconds, Seconds]]) -> None:
        """Count how many stretches there are at once, from each time on at which that changes."""
        changes = []
        for start, end in spans:
            changes.append((start, 1))
            changes.append((end, -1))
        changes.sort()
        self._changes: list[Seconds] = []
        self._depths: list[int] = []
        self._doubled_before: list[Seconds] = []  # for how long, up to a change, there are at least two
        depth, doubled = 0, 0.0
        for time, step in changes:
            if depth > 1:
                doubled += time - self._changes[-1]
            depth += step
            self._changes.append(time)
            self._depths.append(depth)
            self._doubled_before.append(doubled)

    def with_context(
        self, start: Seconds, end: Seconds, context: Seconds, duration: Seconds
    ) -> tuple[Seconds, Seconds]:
        """Add up to `context` on both sides: nothing of a neighbour, even an overlapping one, or beyond the recording.

        What lies inside the stretch itself, such as a tier of its words, is no neighbour.
        """
        earlier, later = bisect_left(self._starts, start), bisect_right(self._ends, end)
        floor = min(start, self._last_ends[earlier - 1]) if earlier else 0.0
        ceiling = max(end, self._first_starts[later]) if later < len(self._ends) else duration
        return max(0.0, floor, start - context), min(duration, max(end, ceiling), end + context)

    def speak_between(self, end: Seconds, start: Seconds) -> bool:
        """Whether anybody speaks after the end of one stretch and before the start of a later one."""
        earlier = bisect_left(self._starts, start)
        return bool(earlier) and self._last_ends[earlier - 1] > end

    def overlap(self, start: Seconds, end: Seconds) -> float:
        """The share of an annotated stretch in which somebody else's is annotated too."""
        return min(1.0, (self._doubled(end) - self._doubled(start)) / (end - start))

    def _doubled(self, time: Seconds) -> Seconds:
        """For how long, up to a time, at least two stretches are annotated at once."""
        index = bisect_right(self._changes, time) - 1
        if index < 0:
            return 0.0
        doubled = self._doubled_before[index]
        if self._depths[index] > 1:
            doubled += time - self._changes[index]
        return doubled
