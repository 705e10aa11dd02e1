"""Batches of clips of similar length, measured in seconds: the same ones on one device and on many.

A batch is the clips of one optimizer step. It is cut into parts of equal size, for several devices and for gradient
accumulation; neither changes the result of the training. Clips are batched with others of similar length (a bucket)
and padded to one of a few dozen lengths: little is padded, and the same shapes come again, for which kernels are
already chosen or compiled. Every epoch has the same buckets, shuffled. Where clips take turns, those of a group are
all in the bucket of the longest one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch.utils.data import Sampler

from stages.whisper.features import FRAME_MULTIPLE

GROWTH = 1.08  # from one bucket's length to the next; padding costs half of it on average


@dataclass(frozen=True)
class Draw:
    """One clip in one batch."""

    clip: int  # row of the table
    epoch: int
    frames: int  # that the batch is padded to
    speed: float = 1.0  # that the clip is played at
    is_real: bool = True  # False: a filler, in a part of the batch that has no clips; without labels, so without a loss


def bucket_lengths(window: int) -> list[int]:
    """The lengths that batches are padded to: ascending multiples of 32 mel frames; the last is the window.

    Parameters
    ----------
    window : of the model, mel frames
    """
    lengths = [min(FRAME_MULTIPLE, window)]
    while lengths[-1] < window:
        grown = math.ceil(lengths[-1] * GROWTH / FRAME_MULTIPLE) * FRAME_MULTIPLE
        lengths.append(min(grown, window))
    return lengths


@dataclass
class Batches(Sampler[list[Draw]]):
    """Yields one device's parts of every batch of an epoch, one part at a time.

    The clips of a batch and its length depend only on the fields up to `turns` and on the epoch.
    """

    lengths: Sequence[int]  # of the clips, mel frames
    window: int  # of the model, mel frames: no clip is longer
    batch_frames: int  # padded frames in a batch, over all devices
    window_share: float  # share of the clips that are padded to the window
    speeds: Sequence[float]  # in every epoch, one of them is chosen for each clip
    seed: int
    turns: Sequence[np.ndarray] = ()  # groups of clips: an epoch has one of each, and all clips of no group
    parts: int = 1  # that a device's share of a batch is cut into
    devices: int = 1
    device: int = 0  # the number of this one
    epoch: int = 0  # to be set before iterating
    ended: bool = False  # training is complete: yields nothing
    _steps: int = field(init=False)

    def __post_init__(self):
        self._buckets = bucket_lengths(self.window)
        self._places = np.searchsorted(self._buckets, self.lengths)  # smallest bucket that holds the clip
        in_turns = np.zeros(len(self.lengths), dtype=bool)
        for group in self.turns:
            # Whichever clip it is, each bucket has as many clips as in other epochs, so there are as many batches.
            self._places[group] = self._places[group].max()
            in_turns[group] = True
        self._always = np.flatnonzero(~in_turns)
        self._steps = len(self.batches(0))

    @property
    def steps(self) -> int:
        """Batches in an epoch; every epoch has the same number."""
        return self._steps

    def __len__(self) -> int:
        return self._steps * self.parts

    def __iter__(self) -> Iterator[list[Draw]]:
        if self.ended:
            return
        speeds = self.clip_speeds(self.epoch)
        for clips, frames in self.batches(self.epoch):
            longest = max(self.lengths[clip] / speeds[clip] for clip in clips)
            frames = max(frames, self._bucket_for(longest))
            parts = np.array_split(clips, self.parts * self.devices)
            for part in parts[self.device :: self.devices]:
                is_real = len(part) > 0
                part = part if is_real else clips[:1]
                yield [Draw(int(clip), self.epoch, frames, float(speeds[clip]), is_real) for clip in part]

    def clips(self, epoch: int) -> np.ndarray:
        """Rows of the table that are in an epoch: those that are in every epoch, then one of each group."""
        drawn = [group[epoch % len(group)] for group in self.turns]
        return np.concatenate([self._always, np.array(drawn, dtype=int)])

    def clip_speeds(self, epoch: int) -> np.ndarray:
        """The speed of every clip in an epoch, shape (clips,); 1 where another would make it longer than the window."""
        generator = np.random.default_rng([self.seed, epoch, len(self.lengths)])
        speeds = np.asarray(self.speeds)[generator.integers(len(self.speeds), size=len(self.lengths))]
        return np.where(np.asarray(self.lengths) / speeds + 1 > self.window, 1.0, speeds)

    def _bucket_for(self, frames: float) -> int:
        """The shortest bucket length that is at least `frames`."""
        return self._buckets[np.searchsorted(self._buckets, math.ceil(frames))]

    def batches(self, epoch: int) -> list[tuple[list[int], int]]:
        """All batches of an epoch in training order, as (rows of the table, frames that they are padded to)."""
        generator = np.random.default_rng([self.seed, epoch])
        waiting = self._filled_buckets(self.clips(epoch), generator)
        batches = []
        for place, frames in enumerate(self._buckets):
            size = max(1, self.batch_frames // frames)  # clips in a batch
            clips = waiting[place]
            while len(clips) >= size:
                batches.append((clips[:size], frames))
                clips = clips[size:]
            if place + 1 < len(self._buckets):
                waiting[place + 1] = clips + waiting[place + 1]  # too few for a batch: they join the next length
            elif clips:
                batches.append((clips, frames))
        order = generator.permutation(len(batches))
        return [self._without_excess_padding(*batches[index]) for index in order]

    def _filled_buckets(self, clips: np.ndarray, generator: np.random.Generator) -> list[list[int]]:
        """The clips of each bucket, shuffled, and window_share of them moved to the last one, which is the window.

        Each bucket gives the same number of clips in every epoch, so that an epoch always has as many batches.
        """
        shuffled = clips[generator.permutation(len(clips))]
        buckets = [shuffled[self._places[shuffled] == place].tolist() for place in range(len(self._buckets))]
        seen = moved = 0
        for bucket in buckets[:-1]:
            seen += len(bucket)
            moving = round(self.window_share * seen) - moved
            moved += moving
            buckets[-1] += bucket[:moving]
            del bucket[:moving]
        return buckets

    def _without_excess_padding(self, clips: list[int], frames: int) -> tuple[list[int], int]:
        """Pad the last clips of an epoch, which ended up in the longest bucket, only to the longest of them."""
        if frames < self.window or self.window_share:
            return clips, frames
        longest = max(self._places[clip] for clip in clips)
        return clips, self._buckets[longest]
