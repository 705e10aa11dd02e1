"""Transcribe a recording of any length, with as few invented words as possible.

Whisper writes words for noise, and may repeat a word without end. So only speech is decoded, as Silero VAD finds it
(voice.py). Segments whose text is improbable or repeats itself are decoded again at higher temperatures, with the
limits of openai/whisper (transcribe.py). Those that stay so are marked as doubtful.
"""

from dataclasses import dataclass, replace

import numpy as np

from stages.decoding import long_recordings, pauses, voice
from stages.decoding.long_recordings import Segment
from stages.decoding.transcription import Decoder
from stages.records.transcripts import compression_ratio
from stages.records.units import SAMPLE_RATE, Seconds

PAUSE: Seconds = 0.8  # a pause of at least this length divides two segments
MARGIN: Seconds = 0.2  # the model also gets this much sound before and after the speech
# As in openai/whisper.
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4


@dataclass(frozen=True)
class SpokenSegment(Segment):
    """A segment, and whether its text is doubtful."""

    doubtful: bool


def transcribe(decoder: Decoder, samples: np.ndarray, everything: bool = False) -> list[SpokenSegment]:
    """The segments in which somebody speaks, in order.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    everything : decode the whole recording, also where nobody seems to speak
    """
    if everything:
        segments = long_recordings.transcribe_recording(decoder, samples)
    else:
        segments = long_recordings.transcribe_spans(decoder, samples, spoken_spans(samples, decoder))
    segments = _decoded_again(decoder, samples, segments)
    return [SpokenSegment(segment.start, segment.end, segment.hypothesis, is_doubtful(segment)) for segment in segments]


def spoken_spans(samples: np.ndarray, decoder: Decoder) -> list[tuple[int, int]]:
    """(start, end) of the segments to decode, in samples; speech longer than half a window is cut at its pauses."""
    longest = long_recordings.SEGMENT_SHARE * decoder.window
    spans = []
    for group in voice.groups(voice.speech(samples, longest), longest - 2 * MARGIN, PAUSE):
        first = max(0, round((group[0][0] - MARGIN) * SAMPLE_RATE))
        last = min(len(samples), round((group[-1][1] + MARGIN) * SAMPLE_RATE))
        for start, end in pauses.cut(samples[first:last], longest):
            spans.append((first + start, first + end))
    return spans


def is_doubtful(segment: Segment) -> bool:
    """Whether a text repeats itself or is improbable."""
    hypothesis = segment.hypothesis
    if hypothesis.log_probability is None or not hypothesis.text:
        return False
    is_improbable = hypothesis.log_probability < LOWEST_LOG_PROBABILITY
    return is_improbable or compression_ratio(hypothesis.text) > HIGHEST_COMPRESSION


def _decoded_again(decoder: Decoder, samples: np.ndarray, segments: list[Segment]) -> list[Segment]:
    """Decode doubtful segments again, at rising temperatures, until they are not doubtful any more.

    Returns
    -------
    All segments; those that stay doubtful at every temperature are as they were.
    """
    segments = list(segments)
    for temperature in TEMPERATURES:
        doubtful: list[int] = []
        spans: list[tuple[int, int]] = []
        for index, segment in enumerate(segments):
            if is_doubtful(segment):
                doubtful.append(index)
                spans.append((round(segment.start * SAMPLE_RATE), round(segment.end * SAMPLE_RATE)))
        if not doubtful:
            break
        settings = decoder.settings.model_copy(update={"temperature": temperature, "num_beams": 1})
        again = long_recordings.transcribe_spans(replace(decoder, settings=settings), samples, spans)
        for index, segment in zip(doubtful, again, strict=True):
            if not is_doubtful(segment):
                segments[index] = segment
    return segments
