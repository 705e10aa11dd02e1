"""The stretches of a recording in which somebody speaks, each short enough for a training clip."""

import numpy as np

from stages.cutting.pcm import FULL_SCALE
from stages.decoding import pauses, voice
from stages.decoding.spoken_segments import MARGIN, PAUSE
from stages.decoding.voice import Span
from stages.records.units import SAMPLE_RATE, Seconds

BLOCK: Seconds = 600.0  # that is searched at once: bounds the memory for a session of hours
SHORTEST_LIMIT: Seconds = 3.0  # of `longest`: pauses.cut needs as much


def stretches(samples: np.ndarray, longest: Seconds) -> list[tuple[int, int]]:
    """(start, end) of each stretch of speech, in samples, in order.

    A stretch ends at a pause of at least 0.8 s, or where it would be longer than `longest`. It includes up to 0.2 s
    around the speech, but no speech of its neighbours: a clip must not hold a part of a word that its label lacks.

    Parameters
    ----------
    samples : int16, shape (samples,), 16 kHz
    longest : at least SHORTEST_LIMIT
    """
    grouped = voice.groups(speech(samples, longest), longest - 2 * MARGIN, PAUSE)
    spans = [(group[0][0], group[-1][1]) for group in grouped]
    edges = []
    for index, (start, end) in enumerate(spans):
        before = start - spans[index - 1][1] if index else np.inf  # the pause before it
        after = spans[index + 1][0] - end if index + 1 < len(spans) else np.inf
        first = max(0, round((start - min(MARGIN, before / 2)) * SAMPLE_RATE))
        last = min(len(samples), round((end + min(MARGIN, after / 2)) * SAMPLE_RATE))
        for inner_start, inner_end in pauses.cut(_as_float(samples[first:last]), longest):
            edges.append((first + inner_start, first + inner_end))
    return edges


def speech(samples: np.ndarray, longest: Seconds) -> list[Span]:
    """As voice.speech, of a recording of any length, which is searched in blocks.

    Speech at the end of a block is searched again in the next one, which begins where it begins.
    """
    spans: list[Span] = []
    offset, length = 0.0, len(samples) / SAMPLE_RATE
    while offset < length:
        block = samples[round(offset * SAMPLE_RATE) : round((offset + BLOCK) * SAMPLE_RATE)]
        in_block = voice.speech(_as_float(block), longest)
        following = offset + BLOCK
        if following < length and in_block and in_block[-1][0] > BLOCK / 2:
            start, _ = in_block.pop()
            pause = start - in_block[-1][1] if in_block else PAUSE
            following = offset + start - min(pause, PAUSE) / 2
        spans += [(offset + start, offset + end) for start, end in in_block]
        offset = following
    return spans


def _as_float(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / FULL_SCALE
