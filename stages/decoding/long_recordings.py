"""Transcribe recordings of any length, in segments that are cut at pauses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stages.decoding import pauses, transcription
from stages.decoding.transcription import DIGITS, Decoder, Hypothesis
from stages.records import spacing
from stages.records.units import SAMPLE_RATE, SILENCE, Seconds

SEGMENT_SHARE = 0.5  # of the window: the longest segment of a recording that is longer than the window


@dataclass(frozen=True)
class Segment:
    """A part of a recording with its hypothesis."""

    start: Seconds
    end: Seconds
    hypothesis: Hypothesis


def transcribe_recording(decoder: Decoder, samples: np.ndarray) -> list[Segment]:
    """Transcribe a recording of any length; one that is longer than the window is cut at pauses.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz

    Returns
    -------
    The segments in order; together they are the whole recording. One that is not audible has an empty hypothesis.
    """
    return transcribe_spans(decoder, samples, all_spans(samples, decoder.window))


def all_spans(samples: np.ndarray, window: Seconds) -> list[tuple[int, int]]:
    """(start, end) of the segments of a whole recording, in samples."""
    if len(samples) <= window * SAMPLE_RATE:
        return [(0, len(samples))]
    return pauses.cut(samples, SEGMENT_SHARE * window)


def transcribe_spans(decoder: Decoder, samples: np.ndarray, spans: Sequence[tuple[int, int]]) -> list[Segment]:
    """Transcribe parts of a recording, none longer than the window.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    spans : where each part begins and ends, in samples

    Returns
    -------
    The parts, in the order of `spans`. One that is not audible has an empty hypothesis.
    """
    segments, audible, durations = [], [], []  # of the audible ones: index in `segments`, and duration
    for index, (start, end) in enumerate(spans):
        segments.append(Segment(start / SAMPLE_RATE, end / SAMPLE_RATE, Hypothesis("", None)))
        # Whisper invents words for silence, so what is not audible is not decoded.
        if np.abs(samples[start:end]).max() >= SILENCE:
            audible.append(index)
            durations.append((end - start) / SAMPLE_RATE)
    for batch in transcription.clip_batches(decoder, durations):
        indices = [audible[number] for number in batch]
        hypotheses = transcription.transcribe(decoder, [samples[slice(*spans[index])] for index in indices])
        for index, hypothesis in zip(indices, hypotheses, strict=True):
            segments[index] = replace(segments[index], hypothesis=hypothesis)
    return segments


def join(segments: list[Segment], language: str) -> Hypothesis:
    """One hypothesis for a whole recording; its log-probability is the mean over the decoded segments."""
    texts, log_probabilities = [], []
    for segment in segments:
        if segment.hypothesis.log_probability is not None:
            texts.append(segment.hypothesis.text)
            log_probabilities.append(segment.hypothesis.log_probability)
    if not log_probabilities:
        return Hypothesis("", None)
    mean = sum(log_probabilities) / len(log_probabilities)
    return Hypothesis(
        spacing.join(filter(None, texts), language),
        round(mean, DIGITS),
        is_cut=any(segment.hypothesis.is_cut for segment in segments),
    )
