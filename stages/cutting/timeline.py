"""Who else speaks when: the annotated stretches of one recording beside each other."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from stages.records.units import Seconds


class SpeechTimeline:
    """The annotated stretches of one recording: to keep the context of one out of the others, and to see overlaps."""

    def __init__(self, spans: list[tuple[Seconds, Seconds]]):
        by_start, by_end = sorted(spans), sorted(spans, key=lambda span: span[1])
        self._starts = [start for start, _ in by_start]
        self._last_ends = list(accumulate((end for _, end in by_start), max))  # of all that start no later
        self._ends = [end for _, end in by_end]
        first_starts = list(accumulate((start for start, _ in reversed(by_end)), min))
        self._first_starts = first_starts[::-1]  # of all that end no earlier
        # How many stretches there are at once changes at each of these times, and is this from there on.
        changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
        self._changes = [time for time, _ in changes]
        self._depths = list(accumulate(step for _, step in changes))
        lengths = [
            b - a if depth > 1 else 0.0
            for a, b, depth in zip(self._changes, self._changes[1:], self._depths, strict=False)
        ]
        self._doubled_before = list(accumulate(lengths, initial=0.0))

    def with_context(
        self, start: Seconds, end: Seconds, context: Seconds, duration: Seconds
    ) -> tuple[Seconds, Seconds]:
        """Add up to `context` on both sides, but nothing of a neighbour, even an overlapping one, or beyond the file.

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
        return self._doubled_before[index] + (time - self._changes[index] if self._depths[index] > 1 else 0.0)
