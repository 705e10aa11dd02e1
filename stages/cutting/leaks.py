"""The same sound in what the models learn from and in what they are tested on."""

from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate

from stages.common.errors import UserError
from stages.cutting.cutting import Cut
from stages.records.paths import TRAINING_SPLITS
from stages.records.units import Seconds

SHOWN = 10
TOUCHING: Seconds = 0.1  # stretches of one recording that share less are neighbours, not the same


class Contents:
    """What was cut, by its sound: clips with equal samples, and stretches of recordings with equal samples."""

    def __init__(self) -> None:
        self._clips: dict[str, dict[str, str]] = defaultdict(dict)  # split -> content -> the first clip's name
        self._stretches: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))

    def add(self, split: str, cut: Cut) -> None:
        name = f"{cut.row.source} ({cut.row.id})"
        self._clips[split].setdefault(cut.content, name)
        start = 0.0 if cut.row.start is None else cut.row.start
        end = float("inf") if cut.row.end is None else cut.row.end
        self._stretches[split][cut.recording].append((start, end, name))

    def check_apart(self, allowed: bool) -> None:
        """Refuse a corpus in which sound that the models learn from is also tested on (or chosen by).

        Raises
        ------
        UserError
            Names the two splits and up to ten pairs of clips; not if `allowed`, then it is only said.
        """
        for one in TRAINING_SPLITS:
            for other in self._clips:
                if other == one or other == "train" or one not in self._clips:
                    continue
                if shared := sorted(self._shared(one, other)):
                    told = "; ".join(f"{mine} = {theirs}" for mine, theirs in shared[:SHOWN])
                    message = (
                        f"{one} and {other} share the audio of {len(shared)} clip(s): {told}"
                        f"{'; ...' if len(shared) > SHOWN else ''}"
                    )
                    if not allowed:
                        raise UserError(
                            f"{message}. Results on audio that was trained on say nothing: keep each recording in one"
                            " split, or set preprocess.allow_shared_audio"
                        )
                    print(f"warning: {message}")

    def _shared(self, one: str, other: str) -> set[tuple[str, str]]:
        mine, theirs = self._clips[one], self._clips[other]
        shared = {(mine[content], name) for content, name in theirs.items() if content in mine}
        for recording, stretches in self._stretches[other].items():
            if recording in self._stretches[one]:
                shared |= set(_overlapping(self._stretches[one][recording], stretches))
        return shared


def _overlapping(mine: list[tuple], theirs: list[tuple]) -> list[tuple[str, str]]:
    """A pair of names for each of `theirs` that overlaps one of `mine`."""
    mine = sorted(mine)
    starts = [start for start, _, _ in mine]
    latest = list(accumulate(mine, lambda one, other: max(one, other, key=lambda row: row[1])))  # that ends last so far
    pairs = []
    for start, end, name in theirs:
        index = bisect_right(starts, end - TOUCHING) - 1
        if index >= 0 and latest[index][1] > start + TOUCHING:
            pairs.append((latest[index][2], name))
    return pairs
