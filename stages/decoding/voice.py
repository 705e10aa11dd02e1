"""Find where somebody speaks in a recording, with Silero VAD and the sound level.

Silero VAD has the MIT licence, and its weights come with its Python package.
"""

import functools
import importlib.util

import numpy as np
import torch

from stages.common.errors import UserError
from stages.records.units import SAMPLE_RATE, Seconds

# A stretch begins where Silero's probability of speech rises over the first, and ends where it falls under the second.
# Silero's defaults are 0.5 and 0.35; these are lower because children often speak softly.
THRESHOLD, LOWER_THRESHOLD = 0.15, 0.05
SHORTEST_SPEECH: Seconds = 0.1
SHORTEST_PAUSE: Seconds = 0.2

# Silero may begin a stretch up to 0.6 s late if its first sounds are soft, and ends it 0.1 s late; the level shows it.
LEVEL_FRAME = SAMPLE_RATE // 100  # samples in 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE // LEVEL_FRAME
OVER_BACKGROUND = 8.0  # dB; a frame is loud if it is this much over the background
REACH: Seconds = 0.6  # loud frames up to this long before a stretch are added to it
HOLE: Seconds = 0.1  # a stretch does not go on across quiet frames that last longer
LATEST_END: Seconds = 0.3  # at most this much of a stretch's end is cut off as too quiet
BACKGROUND_REACH: Seconds = 10.0  # the background is measured up to this far before and after a stretch

Span = tuple[Seconds, Seconds]


def check_installed() -> None:
    """Raise UserError where Silero VAD is not installed."""
    for package in ("silero_vad", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise UserError("finding speech needs Silero VAD, which is not installed: pip install -r requirements.txt")


@functools.cache
def load():
    """Load Silero VAD, once; raise UserError where it is not installed."""
    check_installed()
    threads = torch.get_num_threads()
    # Not at the top: importing it makes torch use one thread, and the number of threads is restored below.
    from silero_vad import load_silero_vad

    torch.set_num_threads(threads)
    return load_silero_vad(sequence=True)  # ten times as fast as its other forms


def speech(samples: np.ndarray, longest: Seconds) -> list[Span]:
    """The stretches in which somebody speaks, in order, pauses under 0.2 s included.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    longest : longer stretches are divided, at their last short pause if they have one; the result may still be longer
        by REACH
    """
    model = load()
    from silero_vad import get_speech_timestamps_sequence  # not at the top: see `load`

    stretches = get_speech_timestamps_sequence(
        samples,
        model,
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
    """Move each stretch's start back to the first loud frame before it, and its end back to its last loud frame.

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
    """The median level, dB, of the frames without speech around a stretch; arguments as frames."""
    reach = round(BACKGROUND_REACH * FRAMES_PER_SECOND)
    around = slice(max(0, start - reach), end + reach)
    quiet = level[around][~is_speech[around]]
    return float(np.median(quiet)) if len(quiet) else float(np.percentile(level, 10))


def _first_loud(loud: np.ndarray, start: int, earliest: int) -> int:
    """Where a stretch begins: `start`, or the first loud frame that is connected with it, not before `earliest`."""
    hole = round(HOLE * FRAMES_PER_SECOND)
    first = frame = start
    while frame > earliest and first - frame <= hole:
        frame -= 1
        if loud[frame]:
            first = frame
    return first


def _last_loud(loud: np.ndarray, start: int, end: int) -> int:
    """Where the last loud frame of a stretch ends; `end` if there is none within LATEST_END."""
    earliest = max(start + 1, end - round(LATEST_END * FRAMES_PER_SECOND))
    last = end
    while last > earliest and not loud[last - 1]:
        last -= 1
    return last if loud[last - 1] else end


def groups(spans: list[Span], longest: Seconds, pause: Seconds) -> list[list[Span]]:
    """Put stretches of speech in groups for decoding.

    Parameters
    ----------
    longest : from a group's start to its end; a single stretch that is longer stays whole
    pause : stretches with a pause of this length or more between them are in different groups
    """
    grouped: list[list[Span]] = []
    for span in spans:
        is_near = bool(grouped) and span[0] - grouped[-1][-1][1] < pause
        if is_near and span[1] - grouped[-1][0][0] <= longest:
            grouped[-1].append(span)
        else:
            grouped.append([span])
    return grouped
