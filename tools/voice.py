"""Where somebody speaks in a recording, by Silero VAD (MIT; its weights are in its package) and the sound level."""

import importlib.util

import numpy as np
import torch

from stages.common.errors import UserError
from stages.records.units import SAMPLE_RATE, Seconds

# Of Silero's probability, where a stretch begins and ends. Its defaults are 0.5 and 0.35; children speak softly.
THRESHOLD, LOWER_THRESHOLD = 0.15, 0.05
SHORTEST_SPEECH: Seconds = 0.1
SHORTEST_PAUSE: Seconds = 0.2

# Silero notices soft first sounds up to 0.6 s too late, and the end 0.1 s too late; the level shows both.
LEVEL_FRAME = SAMPLE_RATE // 100  # samples in 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE // LEVEL_FRAME
OVER_BACKGROUND = 8.0  # dB: louder frames beside a stretch belong to it
REACH: Seconds = 0.6  # beside a stretch, how far
HOLE: Seconds = 0.1  # quieter for longer than this: no longer the same stretch
LATEST_END: Seconds = 0.3  # how much of a stretch's end may be cut off as too quiet
BACKGROUND_REACH: Seconds = 10.0  # the background is measured this far around a stretch

Span = tuple[Seconds, Seconds]


def check_installed() -> None:
    """Raise UserError where Silero VAD is not installed."""
    for package in ("silero_vad", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise UserError("finding speech needs Silero VAD, which is not installed: pip install -r requirements.txt")


def speech(samples: np.ndarray, longest: Seconds) -> list[Span]:
    """The stretches in which somebody speaks, in order, pauses under 0.2 s included.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    longest : a stretch that is longer is divided, at its last short pause if it has one; may be exceeded by REACH
    """
    threads = torch.get_num_threads()
    # Here, because importing it makes torch use one thread.
    from silero_vad import get_speech_timestamps_sequence, load_silero_vad

    torch.set_num_threads(threads)
    stretches = get_speech_timestamps_sequence(
        samples,
        load_silero_vad(sequence=True),  # ten times as fast as its other forms
        threshold=THRESHOLD,
        neg_threshold=LOWER_THRESHOLD,
        min_speech_duration_ms=round(1000 * SHORTEST_SPEECH),
        max_speech_duration_s=longest,
        min_silence_duration_ms=round(1000 * SHORTEST_PAUSE),
        speech_pad_ms=0,
    )
    spans = [(stretch["start"] / SAMPLE_RATE, stretch["end"] / SAMPLE_RATE) for stretch in stretches]
    return fit_to_level(spans, levels(samples))


def levels(samples: np.ndarray) -> np.ndarray:
    """The level of every 10 ms, dB, shape (frames,)."""
    frames = samples[: len(samples) // LEVEL_FRAME * LEVEL_FRAME].reshape(-1, LEVEL_FRAME)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)


def fit_to_level(spans: list[Span], level: np.ndarray) -> list[Span]:
    """Move each stretch's start back to the first loud frame before it, and its end to the last loud frame.

    Parameters
    ----------
    spans : in order
    level : dB, of every 10 ms
    """
    frames = [(round(start * FRAMES_PER_SECOND), round(end * FRAMES_PER_SECOND)) for start, end in spans]
    is_speech = np.zeros(len(level), bool)
    margin = round(HOLE * FRAMES_PER_SECOND)
    for start, end in frames:
        is_speech[max(0, start - margin) : end + margin] = True
    fitted: list[Span] = []
    for index, (start, end) in enumerate(frames):
        loud = level >= _background(level, is_speech, start, end) + OVER_BACKGROUND
        earliest = frames[index - 1][1] + margin if index else 0
        earliest = max(earliest, start - round(REACH * FRAMES_PER_SECOND))
        first = _first_loud(loud, start, earliest)
        last = _last_loud(loud, start, min(end, len(level)))
        fitted.append((first / FRAMES_PER_SECOND, last / FRAMES_PER_SECOND))
    return fitted


def _background(level: np.ndarray, is_speech: np.ndarray, start: int, end: int) -> float:
    """The median level of the frames around a stretch in which nobody speaks."""
    reach = round(BACKGROUND_REACH * FRAMES_PER_SECOND)
    around = slice(max(0, start - reach), end + reach)
    quiet = level[around][~is_speech[around]]
    return float(np.median(quiet)) if len(quiet) else float(np.percentile(level, 10))


def _first_loud(loud: np.ndarray, start: int, earliest: int) -> int:
    """The first frame of a stretch that begins at `start`, or somewhat before it."""
    hole = round(HOLE * FRAMES_PER_SECOND)
    first = frame = start
    while frame > earliest and first - frame <= hole:
        frame -= 1
        if loud[frame]:
            first = frame
    return first


def _last_loud(loud: np.ndarray, start: int, end: int) -> int:
    """Where the last loud frame of a stretch ends."""
    earliest = max(start + 1, end - round(LATEST_END * FRAMES_PER_SECOND))
    last = end
    while last > earliest and not loud[last - 1]:
        last -= 1
    return last if loud[last - 1] else end


def groups(spans: list[Span], longest: Seconds, pause: Seconds) -> list[list[Span]]:
    """Group stretches of speech for decoding: across pauses shorter than `pause`, up to `longest` from start to end.

    A single stretch that is longer stays whole.
    """
    grouped: list[list[Span]] = []
    for span in spans:
        is_near = bool(grouped) and span[0] - grouped[-1][-1][1] < pause
        if is_near and span[1] - grouped[-1][0][0] <= longest:
            grouped[-1].append(span)
        else:
            grouped.append([span])
    return grouped
