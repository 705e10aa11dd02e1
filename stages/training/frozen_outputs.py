"""A file with what the encoder's frozen lower layers compute for each clip, and the clips that are read from it.

Whisper's attention sees the padding, so the output depends on the length that a clip's batch is padded to. The file has
an output for each pair of a clip and such a length.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.records.units import FRAMES_PER_SECOND, Seconds
from stages.training.batching import Draw
from stages.training.dataset import Clips

BATCH: Seconds = 60.0  # padded audio that is computed at once; not a parameter, so that the output is always the same


def keys_of(rows: np.ndarray | int, frames: np.ndarray | int, clips: int) -> np.ndarray | int:
    """A number for each pair of a clip and a length, ascending with the length, then with the clip.

    Parameters
    ----------
    rows : of the table
    frames : mel frames that each of these clips is padded to
    clips : number of rows of the table
    """
    return frames * clips + rows


@dataclass(frozen=True)
class FrozenOutputs:
    """A file of outputs, one after the other, each of shape (positions, width); a position is two mel frames."""

    path: Path
    clips: int  # number of rows of the table
    keys: np.ndarray  # of the outputs, ascending, see `keys_of`
    width: int  # of the model
    dtype: torch.dtype

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """First position of each output in the file, then the number of all positions."""
        return np.concatenate([[0], np.cumsum(self.keys // self.clips // 2)])

    @property
    def bytes(self) -> int:
        return int(self.starts[-1]) * self.width * self.dtype.itemsize

    @property
    def missing_bytes(self) -> int:
        """Size of the file if it is still to be written, else 0."""
        written = self.path.stat().st_size if self.path.is_file() else 0
        return 0 if written == self.bytes else self.bytes

    @property
    def partial(self) -> Path:
        """The file while it is written."""
        return self.path.with_name(f"{self.path.name}.partial")

    def remove_unfinished(self) -> None:
        """Remove what a killed run, or one of another precision, has left, unless it is the whole file."""
        self.partial.unlink(missing_ok=True)
        if self.missing_bytes:
            self.path.unlink(missing_ok=True)

    def batches(self) -> Iterator[tuple[np.ndarray, int]]:
        """The outputs in the order of the file, several of one length at a time, as (rows of the table, frames)."""
        lengths, rows = np.divmod(self.keys, self.clips)
        for frames in np.unique(lengths).tolist():
            size = max(1, round(BATCH * FRAMES_PER_SECOND) // frames)
            same_length = rows[lengths == frames]
            for first in range(0, len(same_length), size):
                yield same_length[first : first + size], frames

    def read(self, clip: int, frames: int) -> torch.Tensor:
        """The output of a clip that is padded to so many mel frames, shape (width, positions)."""
        key = keys_of(clip, frames, self.clips)
        place = np.searchsorted(self.keys, key)
        if place == len(self.keys) or self.keys[place] != key:
            raise KeyError(f"{self.path} has no output of clip {clip} padded to {frames} frames")
        first, last = self.starts[place : place + 2] * self.width
        size = self.dtype.itemsize
        # Not memory-mapped, since every output is copied anyway. Read as integers, because numpy has no bfloat16.
        values = np.fromfile(self.path, f"int{8 * size}", count=int(last - first), offset=int(first) * size)
        return torch.from_numpy(values).view(self.dtype).view(-1, self.width).T


@dataclass(frozen=True, kw_only=True)
class EncodedClips(Clips):
    """Clips with the output of the frozen layers in place of the spectrogram."""

    outputs: FrozenOutputs
    padded: np.ndarray | None = None  # mel frames of each clip's batch; only of dev, whose batches are always the same

    def __getitem__(self, key: int | Draw) -> dict:
        """One clip.

        Returns
        -------
        frozen_output : shape (width, positions), padded to the length of the batch
        tokens : prompt, text and end
        is_real : False: a filler, without labels
        """
        draw = key if isinstance(key, Draw) else Draw(key, epoch=0, frames=int(self.padded[key]))
        output = self.outputs.read(draw.clip, draw.frames)
        return {"frozen_output": output, "tokens": self.table[draw.clip]["tokens"], "is_real": draw.is_real}
