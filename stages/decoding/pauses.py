"""Where a long recording may be cut: at its quietest moments, so that no word is cut in two.

Whisper decodes one window at a time. Its own method for longer recordings follows the timestamps that it predicts, but
a model fine-tuned on utterances predicts none. Segments that were cut at pauses can be decoded in batches, whatever the
model was trained on. The method is WhisperX's "VAD cut and merge" (Bain et al. 2023, arXiv:2303.00747), with the sound
level instead of a trained voice detector: no part is left out as silence, so no word is lost.
"""

import numpy as np

from stages.records.units import SAMPLE_RATE, Seconds

FRAME = SAMPLE_RATE // 50  # samples in 20 ms, over which the level is measured
PAUSE_FRAMES = 15  # 0.3 s, over which the level is smoothed, so that dips within a word do not count
SHORTEST: Seconds = 1.0  # the last segment, about


def cut(samples: np.ndarray, longest: Seconds) -> list[tuple[int, int]]:
    """Cut a recording into segments of at most `longest`; each but the last has at least half of that.

    Parameters
    ----------
    samples : float, shape (samples,), 16 kHz
    longest : at least 3 s

    Returns
    -------
    Where each segment begins and ends, in samples; together they are the whole recording.
    """
    levels = _levels(samples)
    longest_frames = round(longest * SAMPLE_RATE) // FRAME
    shortest_frames = round(SHORTEST * SAMPLE_RATE) // FRAME
    edges = [0]
    while len(samples) - edges[-1] > longest * SAMPLE_RATE:
        start = edges[-1] // FRAME
        first = start + longest_frames // 2
        last = min(start + longest_frames, len(levels) - shortest_frames)
        edges.append((first + int(levels[first : last + 1].argmin())) * FRAME)
    return list(zip(edges, [*edges[1:], len(samples)], strict=True))


def _levels(samples: np.ndarray) -> np.ndarray:
    """Mean power around the start of every frame, shape (frames,)."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", frames, frames)
    return np.convolve(power, np.ones(PAUSE_FRAMES) / PAUSE_FRAMES, mode="same")
