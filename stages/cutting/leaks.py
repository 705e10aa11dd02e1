"""Checks that no sound is in both what the models learn from and what they are tested on, or twice in one split."""

from bisect import bisect_right
from collections import defaultdict
from itertools import combinations
from typing import NamedTuple

from stages.common.errors import UserError
from stages.cutting.cutting import Cut
from stages.records.paths import TRAINING_SPLITS
from stages.records.units import Seconds

SHOWN = 10  # pairs of clips in a message
TOUCHING: Seconds = 0.1  # stretches of one recording that share less are neighbours, not the same

WHOLE = (0.0, float("inf"))  # start and end of a clip that is all of its recording


class Stretch(NamedTuple):
    """Where a clip is in its recording."""

    start: Seconds
    end: Seconds  # inf: the end of the recording
    name: str  # the clip's, as messages show it


class Contents:
    """The sound of all clips, by hashes: of each clip, and of the recording that it is a stretch of."""

    def __init__(self) -> None:
        self._clips: dict[str, dict[str, str]] = defaultdict(dict)  # split -> hash -> name of the first such clip
        self._repeated: dict[str, list[str]] = defaultdict(list)  # split -> clips whose sound another clip has
        # split -> hash of the recording -> its clips
        self._stretches: dict[str, dict[str, list[Stretch]]] = defaultdict(lambda: defaultdict(list))

    def add(self, split: str, cut: Cut) -> None:
        name = f"{cut.row.source} ({cut.row.id})"
        first = self._clips[split].setdefault(cut.content, name)
        if first != name:
            self._repeated[split].append(f"{first} = {name}")
        start = 0.0 if cut.row.start is None else cut.row.start
        end = float("inf") if cut.row.end is None else cut.row.end
        self._stretches[split][cut.recording].append(Stretch(start, end, name))

    def sounds(self) -> list[dict[str, str]]:
        """The hashes of all clips and recordings, each with its split: rows of sounds.jsonl."""
        rows = []
        for split in sorted(self._clips):
            for sound in sorted(self._clips[split].keys() | self._stretches[split].keys()):
                rows.append({"split": split, "sound": sound})
        return rows

    def repeated(self, split: str) -> list[str]:
        """The pairs of clips of one split that have the same sound: it was read twice, or is in two files.

        A clip of a whole recording is paired with each that is a stretch of it.
        """
        pairs = list(self._repeated[split])
        for stretches in self._stretches[split].values():
            wholes = [stretch for stretch in stretches if (stretch.start, stretch.end) == WHOLE]
            parts = [stretch for stretch in stretches if (stretch.start, stretch.end) != WHOLE]
            if wholes:
                pairs += [f"{wholes[0].name} = {part.name}" for part in parts]
        return pairs

    def check_apart(self, allowed: bool) -> None:
        """Refuse a corpus in which sound that the models learn from is also tested on (or chosen by).

        Sound in two evaluation sets is a printed warning: both scores are true, but they are not of different speech.

        Raises
        ------
        UserError
            Names the two splits and up to ten pairs of clips. If `allowed`, this is a printed warning.
        """
        training = [split for split in TRAINING_SPLITS if split in self._clips]
        tested = [split for split in self._clips if split not in training]
        for first, second in combinations([*training, *tested], 2):
            shared = sorted(self._shared(first, second))
            if not shared:
                continue
            message = _describe(first, second, shared)
            if first in training and not allowed:
                raise UserError(
                    f"{message}. Results on audio that was trained on say nothing: keep each recording in one"
                    " split, or set preprocess.allow_shared_audio"
                )
            print(f"warning: {message}")

    def _shared(self, learned: str, tested: str) -> set[tuple[str, str]]:
        """The pairs of clips, one of each split, with the same sound."""
        pairs = set()
        learned_clips = self._clips[learned]
        for content, name in self._clips[tested].items():
            if content in learned_clips:
                pairs.add((learned_clips[content], name))
        for recording, stretches in self._stretches[tested].items():
            if recording in self._stretches[learned]:
                pairs.update(_overlapping(self._stretches[learned][recording], stretches))
        return pairs


def _describe(first: str, second: str, shared: list[tuple[str, str]]) -> str:
    """Say which clips of two splits have the same sound."""
    pairs = "; ".join(f"{clip} = {other}" for clip, other in shared[:SHOWN])
    if len(shared) > SHOWN:
        pairs += "; ..."
    return f"{first} and {second} share the audio of {len(shared)} clip(s): {pairs}"


def _overlapping(learned: list[Stretch], tested: list[Stretch]) -> list[tuple[str, str]]:
    """A pair of names for each stretch of `tested` that overlaps one of `learned`, in the same recording."""
    learned = sorted(learned)
    starts: list[Seconds] = []
    last_ending: list[Stretch] = []  # of all that start no later, the one that ends last
    for stretch in learned:
        starts.append(stretch.start)
        if last_ending and last_ending[-1].end >= stretch.end:
            stretch = last_ending[-1]
        last_ending.append(stretch)
    pairs = []
    for stretch in tested:
        index = bisect_right(starts, stretch.end - TOUCHING) - 1
        if index >= 0 and last_ending[index].end > stretch.start + TOUCHING:
            pairs.append((last_ending[index].name, stretch.name))
    return pairs
