"""Resampling to 16 kHz, block by block, with soxr."""

from collections.abc import Iterator

import numpy as np
import soxr

from stages.records.units import SAMPLE_RATE


class Resampler:
    """Resamples one channel to 16 kHz; samples that have this rate already are passed on as they are."""

    def __init__(self, rate: int):
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "VHQ") if rate != SAMPLE_RATE else None

    def take(self, samples: np.ndarray) -> np.ndarray:
        """Resample the next block, float32, shape (samples,). The last samples of it may come with the next one."""
        samples = np.ascontiguousarray(samples)
        return self._stream.resample_chunk(samples) if self._stream else samples

    def end(self) -> np.ndarray:
        """The samples that are left after the last block."""
        nothing = np.zeros(0, np.float32)
        return self._stream.resample_chunk(nothing, last=True) if self._stream else nothing


def resampled(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Blocks of one channel, float32, shape (samples,), from `rate` Hz to 16 kHz."""
    resampler = Resampler(rate)
    for block in blocks:
        yield resampler.take(block)
    yield resampler.end()
