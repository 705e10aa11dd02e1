"""Where a long recording may be cut: at its quietest moments, so that no word is cut in two.

Whisper hears one window at a time. Its own way through a longer recording follows the timestamps it predicts, one
window after the other; a model fine-tuned on utterances predicts none. Cut at pauses, the stretches can be decoded side
by side, whatever the model was trained on. After WhisperX's "VAD cut and merge" (Bain et al. 2023, arXiv:2303.00747),
with the level of the sound in place of a trained voice detector: nothing is taken to be silence, so nothing is lost.
"""

import numpy as np

from stages.records.units import SAMPLE_RATE, Seconds

FRAME = SAMPLE_RATE // 50  # samples in 20 ms, over which the level is measured
PAUSE_FRAMES = 15  # 0.3 s, over which it is smoothed: dips within a word do not count
SHORTEST: Seconds = 1.0  # of a stretch


def cut(samples: np.ndarray, longest: Seconds) -> list[tuple[int, int]]:
    """Cut a recording into stretches of at most `longest`, and of half of that or more but for the last one.

    Parameters
    ----------
    samples : float, shape (samples,), 16 kHz
    longest : at least 3 s

    Returns
    -------
    Where each stretch begins and ends, in samples; together they are the whole recording.
    """
    levels = _levels(samples)
    most, least = round(longest * SAMPLE_RATE) // FRAME, round(SHORTEST * SAMPLE_RATE) // FRAME
    edges = [0]
    while len(samples) - edges[-1] > longest * SAMPLE_RATE:
        here = edges[-1] // FRAME
        last = min(here + most, len(levels) - least)
        first = here + most // 2
        edges.append((first + int(levels[first : last + 1].argmin())) * FRAME)
    return list(zip(edges, [*edges[1:], len(samples)], strict=True))


def _levels(samples: np.ndarray) -> np.ndarray:
    """Mean power around the start of every frame, shape (frames,)."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", whole, whole)
    return np.convolve(power, np.ones(PAUSE_FRAMES) / PAUSE_FRAMES, mode="same")
