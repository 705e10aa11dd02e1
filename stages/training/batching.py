"""Batches of clips of similar length, measured in seconds: the same ones on one device and on many.

A batch is what one optimizer step learns from. It is cut into equal parts, one for each device and each time the
gradients are summed up before the step, so that neither decides what is learnt. Clips are batched with others of
their length and padded to one of a few dozen lengths: little is padded, and shapes come back, for which kernels were
already chosen or compiled. The same buckets, filled in another order, make up every epoch.
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
    frames: int  # what the batch is padded to
    speed: float = 1.0  # it is played at
    counts: bool = True  # False: nothing is learnt from it; it stands in for clips that this part has none of


def bucket_lengths(window: int) -> list[int]:
    """The lengths, in mel frames, that batches are padded to: ascending multiples of 32, the last is the window."""
    lengths = [min(FRAME_MULTIPLE, window)]
    while lengths[-1] < window:
        grown = math.ceil(lengths[-1] * GROWTH / FRAME_MULTIPLE) * FRAME_MULTIPLE
        lengths.append(min(grown, window))
    return lengths


@dataclass
class Batches(Sampler[list[Draw]]):
    """Yields one device's parts of every batch of an epoch, a part at a time.

    Which clips form a batch, and how long it is, depends on the fields up to `seed` and on the epoch alone.
    """

    lengths: Sequence[int]  # of the clips, mel frames
    window: int  # of the model, mel frames: no clip is longer
    batch_frames: int  # padded frames in a batch, over all devices
    window_share: float  # share of the clips that are padded to the window
    speeds: Sequence[float]  # one of which each clip is played at, drawn anew in every epoch
    seed: int
    parts: int = 1  # a device's share of a batch is cut into
    devices: int = 1
    device: int = 0  # which of them this is
    epoch: int = 0  # to be set before iterating
    ended: bool = False  # nothing is left to learn
    _steps: int = field(init=False)

    def __post_init__(self):
        self._buckets = bucket_lengths(self.window)
        self._places = np.searchsorted(self._buckets, self.lengths)  # smallest bucket that holds the clip
        self._steps = len(self.batches(0))

    @property
    def steps(self) -> int:
        """Batches in an epoch, which is the same in every epoch."""
        return self._steps

    def __len__(self) -> int:
        return self._steps * self.parts

    def __iter__(self) -> Iterator[list[Draw]]:
        speeds = self.drawn_speeds(self.epoch)
        for clips, frames in [] if self.ended else self.batches(self.epoch):
            frames = max(frames, self._holding(max(self.lengths[clip] / speeds[clip] for clip in clips)))
            pieces = np.array_split(clips, self.parts * self.devices)
            for piece in pieces[self.device :: self.devices]:
                counts = len(piece) > 0
                chosen = piece if counts else clips[:1]
                yield [Draw(int(clip), self.epoch, frames, float(speeds[clip]), counts) for clip in chosen]

    def drawn_speeds(self, epoch: int) -> np.ndarray:
        """The speed of every clip in an epoch; one that would outgrow the window keeps its own."""
        generator = np.random.default_rng([self.seed, epoch, len(self.lengths)])
        speeds = np.asarray(self.speeds)[generator.integers(len(self.speeds), size=len(self.lengths))]
        return np.where(np.asarray(self.lengths) / speeds + 1 > self.window, 1.0, speeds)

    def _holding(self, frames: float) -> int:
        return self._buckets[np.searchsorted(self._buckets, math.ceil(frames))]

    def batches(self, epoch: int) -> list[tuple[list[int], int]]:
        """All batches of an epoch, as (rows of the table, frames they are padded to), in the order they are learnt."""
        generator = np.random.default_rng([self.seed, epoch])
        waiting = self._filled_buckets(generator)
        batches = []
        for place, frames in enumerate(self._buckets):
            most = max(1, self.batch_frames // frames)
            clips = waiting[place]
            while len(clips) >= most:
                batches.append((clips[:most], frames))
                clips = clips[most:]
            if place + 1 < len(self._buckets):
                waiting[place + 1] = clips + waiting[place + 1]  # what does not fill a batch joins the next length
            elif clips:
                batches.append((clips, frames))
        order = generator.permutation(len(batches))
        return [self._trimmed(batches[index]) for index in order]

    def _filled_buckets(self, generator: np.random.Generator) -> list[list[int]]:
        """Clips by bucket, shuffled; of each bucket the same number moves to the window in every epoch."""
        shuffled = generator.permutation(len(self.lengths))
        buckets = [shuffled[self._places[shuffled] == place].tolist() for place in range(len(self._buckets))]
        seen = moved = 0
        for bucket in buckets[:-1]:
            seen += len(bucket)
            moving = round(self.window_share * seen) - moved
            moved += moving
            buckets[-1] += bucket[:moving]
            del bucket[:moving]
        return buckets

    def _trimmed(self, batch: tuple[list[int], int]) -> tuple[list[int], int]:
        """The leftovers of an epoch end in the longest bucket; they need no more than their own longest clip does."""
        clips, frames = batch
        if frames < self.window or self.window_share:
            return batch
        longest = max(self._places[clip] for clip in clips)
        return clips, self._buckets[longest]
