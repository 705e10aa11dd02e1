"""Clips that are mixed into the training clips, as a bounded share of each epoch's speech.

`sources` lists where they come from. An epoch has a part of a source's clips, and the next one has others, until all of
them were used. The choice depends only on the clips, the seed and the epoch, so a resumed run draws the same. The clips
are augmented as the training clips are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.common.errors import UserError
from stages.common.params import Params
from stages.records import paths, shards
from stages.records.units import FRAMES_PER_SECOND, Seconds


@dataclass(frozen=True)
class Source:
    """A folder of clips, and how much of it is used."""

    folder: Path  # with shards and a manifest, as of a split
    share: float  # of the speech of the training clips and these together, at most; 0: not used
    key: str  # of the share in params.yaml
    advice: str  # how the folder gets clips, for an error message


@dataclass(frozen=True)
class ExtraClips:
    """The clips of one source in the table that is trained on."""

    source: Source
    count: int  # clips of the source
    speakers: str  # how many, in words
    turns: list[np.ndarray]  # groups of rows of the table; each epoch has one clip of each group
    trained_seconds: Seconds  # speech of the training clips
    seconds: Seconds  # speech of the first epoch's extra clips; in other epochs, it differs by less than a clip

    @property
    def share(self) -> float:
        """Share of the first epoch's extra clips of their speech and that of the training clips."""
        return self.seconds / (self.seconds + self.trained_seconds)

    def describe(self) -> str:
        """A line for the screen: how much of the source takes part in an epoch."""
        amount, how = f"{len(self.turns)} of the {self.count} clips", "others in each"
        if len(self.turns) == self.count:
            amount, how = f"all {self.count} clips", "each once"
        return (
            f"{amount} of {self.source.folder} ({self.speakers}) are mixed into every epoch, {how}: "
            f"{self.seconds / 60:.1f} min with {self.trained_seconds / 60:.1f} min of training clips, a share of "
            f"{self.share:.1%} ({self.source.key} is {self.source.share:g})"
        )


def sources(settings: Params) -> list[Source]:
    """Every source of extra clips, used or not."""
    return [
        Source(
            paths.split_folder(paths.REPLAY),
            settings.train.replay_share,
            "train.replay_share",
            "put speech with transcripts that the base model knows, such as adults, into data/replay and run dvc repro",
        ),
        Source(
            paths.LABELLED,
            settings.pseudo_labels.share,
            "pseudo_labels.share",
            "run dvc repro label, which says why there are none",
        ),
    ]


def used_sources(settings: Params) -> list[Source]:
    """The sources with a share above 0."""
    return [source for source in sources(settings) if source.share > 0]


def check(settings: Params) -> None:
    """Raise UserError if a share asks for clips and there are none."""
    for source in used_sources(settings):
        if not shards.read_manifest(source.folder):
            raise UserError(
                f"params.yaml: {source.key} is {source.share:g}, but {source.folder} holds no clips: {source.advice}, "
                f"or set {source.key} to 0"
            )


def describe_unused(settings: Params) -> list[str]:
    """A line for each source that has clips and a share of 0."""
    lines = []
    for source in sources(settings):
        if source.share or not (source.folder / shards.MANIFEST).is_file():
            continue
        count = len(shards.read_manifest(source.folder))
        if count:
            lines.append(f"the {count} clips of {source.folder} are not used, because {source.key} is 0")
    return lines


def figures(extra: Iterable[ExtraClips]) -> dict[str, float]:
    """What metrics/cost.json records of them; nothing if there are none."""
    recorded = {}
    for clips in extra:
        name = clips.source.folder.name
        recorded[f"{name}_clips_per_epoch"] = len(clips.turns)
        recorded[f"{name}_speech_share"] = round(clips.share, 4)
    return recorded


def most_speech(trained: int, share: float) -> int:
    """How much speech may be added so that it is at most a share of the sum.

    Parameters
    ----------
    trained : speech of the training clips, mel frames
    share : below 1
    """
    return round(share / (1 - share) * trained)


def take_turns(speech: Sequence[int], most: int, seed: int) -> list[np.ndarray]:
    """Put clips of similar length into groups, of which each epoch uses one clip, the next one in each epoch.

    There are as many groups as the speech allows, whichever clip of each group is drawn. So the drawn speech is at most
    `most`, and differs between epochs by less than the longest clip. Each clip is in one group, and all groups have the
    same number of clips, or one more: all clips are used about equally often. If all clips together are not more than
    `most`, each is a group of its own: it is used once in every epoch.

    Parameters
    ----------
    speech : of the clips, mel frames, shape (clips,)
    most : mel frames in an epoch
    seed : chooses the order of the clips in a group

    Returns
    -------
    list of int arrays: indices of the clips of each group, in the order of the epochs; empty if `most` is too little
    """
    speech = np.asarray(speech)
    order = np.argsort(-speech, kind="stable")  # longest clip first
    count = min(len(speech), most * len(speech) // int(speech.sum()))
    edges = _edges(len(speech), count)
    while count and speech[order[edges[:-1]]].sum() > most:  # the longest clip of each group
        count -= 1
        edges = _edges(len(speech), count)
    generator = np.random.default_rng(seed)
    return [generator.permutation(order[edges[place] : edges[place + 1]]) for place in range(count)]


def _edges(clips: int, groups: int) -> np.ndarray:
    """Where groups of consecutive clips begin and end, shape (groups + 1,); the larger ones are spread evenly."""
    return np.arange(groups + 1) * clips // max(1, groups)


def mix(source: Source, trained: int, speech: Sequence[int], speakers: str, first_row: int, seed: int) -> ExtraClips:
    """Choose how a source's clips take turns.

    Parameters
    ----------
    trained : speech of the training clips, mel frames
    speech : of the source's clips, mel frames
    speakers : of the source, in words
    first_row : of the source's clips in the table that is trained on

    Raises
    ------
    UserError
        The share is less than one clip.
    """
    turns = take_turns(speech, most_speech(trained, source.share), seed)
    if not turns:
        raise UserError(
            f"params.yaml: {source.key} is {source.share:g}, but that share of {trained / FRAMES_PER_SECOND:.0f} s of "
            f"speech is less than one clip of {source.folder}: raise it, or set it to 0"
        )
    rows = [group + first_row for group in turns]
    drawn = sum(speech[group[0]] for group in turns)
    return ExtraClips(source, len(speech), speakers, rows, trained / FRAMES_PER_SECOND, drawn / FRAMES_PER_SECOND)
