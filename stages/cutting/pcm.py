"""16-bit samples out of float ones, in no more memory than the float ones took."""

import numpy as np

FULL_SCALE = 1 << 15  # of 16-bit samples
BLOCK = 1 << 18  # samples converted at once


def pcm_in_place(gathered: bytearray, scale: float) -> np.ndarray:
    """Float samples, times `scale`, as int16, shape (samples,), in the same memory: a session may fill much of it."""
    samples, scaled = np.frombuffer(gathered, np.float32), np.frombuffer(gathered, np.int16)
    count = len(samples)
    for start in range(0, count, BLOCK):  # what is written lies before what is still to be read
        scaled[start : start + BLOCK][: count - start] = as_pcm(samples[start : start + BLOCK] * np.float32(scale))
    del samples, scaled, gathered[2 * count :]
    return np.frombuffer(gathered, np.int16)


def as_pcm(samples: np.ndarray) -> np.ndarray:
    """Float samples as int16 of the same shape; what is louder than full scale is cut off."""
    return np.clip(np.rint(samples * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
