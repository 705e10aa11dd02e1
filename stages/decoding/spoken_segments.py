"""Transcribe a recording of any length, with as few invented words as possible.

Whisper writes words for noise, and may repeat a word without end. So only speech is decoded, as Silero VAD finds it
(voice.py). Segments whose text is improbable or repeats itself are decoded again at higher temperatures (retries.py).
Those that stay so are marked as doubtful.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter

import numpy as np

from stages.decoding import long_recordings, pauses, retries, voice
from stages.decoding.long_recordings import Segment
from stages.decoding.transcription import Decoder, Hypothesis
from stages.decoding.voice import Span
from stages.records.units import SAMPLE_RATE, Seconds

PAUSE: Seconds = 0.8  # a pause of at least this length divides two segments
MARGIN: Seconds = 0.2  # the model also gets this much sound before and after the speech
SHORTEST_PART: Seconds = 0.25  # a border that is nearer to the start or end of a stretch of speech does not cut it


@dataclass(frozen=True)
class SpokenSegment(Segment):
    """A segment, whether its text is doubtful, and when exactly somebody speaks in it."""

    doubtful: bool
    stretches: tuple[Span, ...] = ()  # of speech, in order; (): not known, because everything was decoded


def transcribe(
    decoder: Decoder, samples: np.ndarray, everything: bool = False, borders: Sequence[Seconds] = ()
) -> list[SpokenSegment]:
    """The segments in which somebody speaks, in order.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    everything : decode the whole recording, also where nobody seems to speak
    borders : times at which segments are cut in any case, such as where another speaker begins; in order
    """
    stretches: list[Span] = []
    if everything:
        spans = _all_spans(samples, decoder.window, borders)
    else:
        stretches = voice.speech(samples, _longest(decoder))
        spans = spoken_spans(samples, stretches, _longest(decoder), borders)
    segments = decode_doubtful_again(decoder, samples, long_recordings.transcribe_spans(decoder, samples, spans))
    spoken = []
    for segment in segments:
        inside = _stretches_in(segment, stretches)
        is_doubtful = retries.is_doubtful(segment.hypothesis)
        spoken.append(SpokenSegment(segment.start, segment.end, segment.hypothesis, is_doubtful, inside))
    return spoken


def transcribe_once(decoder: Decoder, samples: np.ndarray) -> list[Segment]:
    """The segments in which somebody speaks, each decoded once, as `transcribe.speech_only` asks for."""
    stretches = voice.speech(samples, _longest(decoder))
    return long_recordings.transcribe_spans(decoder, samples, spoken_spans(samples, stretches, _longest(decoder)))


def spoken_part(samples: np.ndarray, decoder: Decoder) -> np.ndarray:
    """The part of a clip from its first to its last speech, with a margin; no samples if nobody seems to speak.

    Pauses stay in it: the model was trained on whole utterances.
    """
    stretches = voice.speech(samples, _longest(decoder))
    if not stretches:
        return samples[:0]
    first = max(0, round((stretches[0][0] - MARGIN) * SAMPLE_RATE))
    return samples[first : round((stretches[-1][1] + MARGIN) * SAMPLE_RATE)]


def _longest(decoder: Decoder) -> Seconds:
    """How long a segment may be."""
    return long_recordings.SEGMENT_SHARE * decoder.window


def _all_spans(samples: np.ndarray, window: Seconds, borders: Sequence[Seconds]) -> list[tuple[int, int]]:
    """(start, end) of segments that are the whole recording together, in samples."""
    edges = [0, *(round(border * SAMPLE_RATE) for border in borders), len(samples)]
    spans = []
    for first, last in pairwise(edges):
        for start, end in long_recordings.all_spans(samples[first:last], window):
            if end > start:
                spans.append((first + start, first + end))
    return spans


def spoken_spans(
    samples: np.ndarray, stretches: Sequence[Span], longest: Seconds, borders: Sequence[Seconds] = ()
) -> list[tuple[int, int]]:
    """(start, end) of the segments to decode, in samples; speech that is longer than `longest` is cut at its pauses.

    Parameters
    ----------
    stretches : of speech, in order
    borders : see `transcribe`
    """
    spans = []
    borders = _moved_into_pauses(borders, stretches)
    edges = [-math.inf, *borders, math.inf]
    for (low, high), parts in zip(pairwise(edges), _divided(stretches, borders), strict=True):
        for group in voice.groups(parts, longest - 2 * MARGIN, PAUSE):
            first = max(0, round(max(group[0][0] - MARGIN, low) * SAMPLE_RATE))
            last = min(len(samples), round(min(group[-1][1] + MARGIN, high) * SAMPLE_RATE))
            for start, end in pauses.cut(samples[first:last], longest):
                spans.append((first + start, first + end))
    return spans


def _moved_into_pauses(borders: Sequence[Seconds], stretches: Sequence[Span]) -> list[Seconds]:
    """The borders; one near the start or end of a stretch of speech is moved into the pause there.

    So nothing is cut off a stretch that is shorter than SHORTEST_PART, and there is room for a margin.
    """
    moved: set[Seconds] = set()
    for border in borders:
        index = bisect_right(stretches, border, key=itemgetter(0)) - 1  # of the last stretch that begins before it
        start, end = stretches[index] if index >= 0 else (-math.inf, -math.inf)
        if border < end and border - start < SHORTEST_PART:
            index -= 1
        elif border < end and end - border >= SHORTEST_PART:
            moved.add(border)
            continue
        before = stretches[index][1] if index >= 0 else -math.inf
        after = stretches[index + 1][0] if index + 1 < len(stretches) else math.inf
        reach = min(MARGIN, (after - before) / 2)
        moved.add(min(max(border, before + reach), after - reach))
    return sorted(moved)


def _divided(stretches: Sequence[Span], borders: Sequence[Seconds]) -> list[list[Span]]:
    """The stretches before, between and after the borders; a stretch across a border is cut there."""
    parts: list[list[Span]] = [[] for _ in range(len(borders) + 1)]
    number = 0  # of the borders that are passed
    for start, end in stretches:
        while number < len(borders) and borders[number] < end:
            if borders[number] > start:
                parts[number].append((start, borders[number]))
                start = borders[number]
            number += 1
        parts[number].append((start, end))
    return parts


def _stretches_in(segment: Segment, stretches: Sequence[Span]) -> tuple[Span, ...]:
    """The parts of the stretches that are in a segment."""
    first = bisect_right(stretches, segment.start, key=itemgetter(1))
    inside = []
    for start, end in stretches[first:]:
        if start >= segment.end:
            break
        inside.append((max(start, segment.start), min(end, segment.end)))
    return tuple(inside)


def decode_doubtful_again(decoder: Decoder, samples: np.ndarray, segments: Sequence[Segment]) -> list[Segment]:
    """The segments, those with doubtful texts decoded again.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz; of the recording that the segments are in
    """

    def decode(decoder: Decoder, numbers: list[int]) -> list[Hypothesis]:
        spans: list[tuple[int, int]] = []
        for number in numbers:
            segment = segments[number]
            spans.append((round(segment.start * SAMPLE_RATE), round(segment.end * SAMPLE_RATE)))
        return [segment.hypothesis for segment in long_recordings.transcribe_spans(decoder, samples, spans)]

    hypotheses = retries.decode_again(decoder, [segment.hypothesis for segment in segments], decode)
    return [replace(segment, hypothesis=hypothesis) for segment, hypothesis in zip(segments, hypotheses, strict=True)]
