"""One recording in, its clips out: what the workers of the preprocess stage do, here or on a Dask cluster.

A recording is decoded once and is the only one a worker holds; nothing depends on what other workers do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import xxhash

from stages.common.params import Preprocess
from stages.corpus.rows.utterance import Refused, Utterance
from stages.cutting import audio
from stages.cutting.timeline import SpeechTimeline
from stages.records import shards
from stages.records.units import Seconds

ROUNDING: Seconds = 1e-6
WRONG_LENGTH: Seconds = 0.5  # as long as END_SLACK: what is missing of a recording whose length the corpus states
MANY_TIMES = 50  # too long by so much: the times are in another unit
NARROWBAND = 16_000  # Hz; what was recorded at less holds no sound above 4 kHz or so, as on the telephone


@dataclass(frozen=True)
class Recording:
    """A recording and what is wanted of it."""

    path: Path
    rows: list[Utterance]  # in order
    spans: list[tuple[Seconds, Seconds]]  # of everybody who speaks in it, see Reading.spans


@dataclass(frozen=True)
class Cut:
    """An utterance with its clip."""

    row: Utterance
    flac: bytes
    duration: Seconds
    source_rate: int  # Hz
    content: str  # hash of the samples between the annotated times: equal only for the same sound
    recording: str  # hash of the whole recording's samples


@dataclass(frozen=True)
class Refusal:
    """An utterance without a clip."""

    row: Utterance
    reason: str
    detail: str


def cut_all(recordings: list[Recording], options: Preprocess, for_training: bool) -> list[list[Cut | Refusal]]:
    """The clips of each recording; one recording is held at a time."""
    return [list(cut_recording(recording, options, for_training)) for recording in recordings]


def cut_recording(recording: Recording, options: Preprocess, for_training: bool) -> Iterator[Cut | Refusal]:
    """Cut every utterance out of its channel, in the order of channels and rows.

    `for_training`: the window's length and the filters hold. Evaluation sets are not filtered, and keep what is longer
    than the window: without them every model would be flattered.
    """
    neighbours = SpeechTimeline(recording.spans)
    by_channel = sorted(recording.rows, key=lambda row: row.channel or 0)  # None: preprocess.channel says
    for channel, rows in groupby(by_channel, lambda row: row.channel):
        rows = list(rows)
        try:
            decoded = audio.decode(recording.path, options.channel if channel is None else channel)
        except audio.AudioError as error:
            yield from (_refused(row, error) for row in rows)
            continue
        whole = _digest(decoded.samples)
        mismatch = _another_recording(rows, decoded.seconds)
        for row in rows:
            try:
                if mismatch:
                    raise Refused("annotation-mismatch", mismatch)
                yield _cut(row, decoded, whole, neighbours, options, for_training)
            except (audio.AudioError, Refused) as error:
                yield _refused(row, error)


def _refused(row: Utterance, error: audio.AudioError | Refused) -> Refusal:
    return Refusal(row, error.reason, f"{row.source}: {error.detail}")


def _cut(
    row: Utterance,
    decoded: audio.Recording,
    whole: str,
    neighbours: SpeechTimeline,
    options: Preprocess,
    for_training: bool,
) -> Cut:
    _check_stated_length(row, decoded.seconds)
    start, end = 0.0, decoded.seconds
    flags = list(row.flags)
    if row.start is not None:
        start, end = audio.fit(row.start, row.end, decoded.seconds)
    heard = audio.cut(decoded.samples, start, end)
    audio.check_audible(heard)  # without the context, which may be loud
    samples = heard
    if row.start is not None:
        samples = audio.cut(
            decoded.samples, *neighbours.with_context(start, end, options.context_seconds, decoded.seconds)
        )
        overlap = neighbours.overlap(start, end)
        if overlap > 0:
            flags.append("overlap")
        if for_training and overlap > options.max_overlap:
            raise Refused("overlap", f"others speak over {overlap:.0%} of it")
    audio.check_length(samples, options.min_seconds, options.max_seconds if for_training else np.inf)
    if for_training:
        check_speech_rate(row.text, end - start, options)
    if audio.is_clipped(heard):
        flags.append("clipped")
    if decoded.source_rate < NARROWBAND:
        flags.append("narrowband")
    return Cut(
        replace(row, flags=tuple(flags)),
        shards.encode(samples),
        shards.duration_of(samples),
        decoded.source_rate,
        _digest(heard),
        whole,
    )


def _check_stated_length(row: Utterance, seconds: Seconds) -> None:
    # A truncated file opens without complaint and is only too short.
    if row.stated_seconds is not None and seconds < row.stated_seconds - WRONG_LENGTH:
        raise Refused("truncated-audio", f"it lasts {seconds:.3f} s, and the corpus says {row.stated_seconds:.3f} s")


def _another_recording(rows: list[Utterance], seconds: Seconds) -> str:
    """What is wrong with all rows, if most of them lie beyond the recording's end; else ""."""
    timed = [row for row in rows if row.start is not None]
    latest = seconds + audio.END_SLACK
    beyond = [row for row in timed if row.start >= latest or (row.end is not None and row.end > latest)]
    if len(timed) < 3 or 2 * len(beyond) <= len(timed):
        return ""
    last = max(row.end or row.start for row in timed)
    milliseconds = MANY_TIMES * seconds < last <= 1000 * latest
    hint = "; the times look like milliseconds, expected seconds" if milliseconds else ""
    return f"{len(beyond)} of {len(timed)} utterances lie beyond its end ({seconds:.1f} s): another recording's?{hint}"


def check_speech_rate(text: str, seconds: Seconds, options: Preprocess) -> None:
    """Raises Refused (speech-rate) where a training utterance has too few or too many characters a second."""
    most = options.max_characters_per_second
    rate = len(text) / max(seconds, ROUNDING)
    if rate < options.min_characters_per_second or (most is not None and rate > most):
        raise Refused("speech-rate", f"{len(text)} characters in {seconds:.2f} s are {rate:.1f} a second")


def _digest(samples: np.ndarray) -> str:
    return xxhash.xxh3_128_hexdigest(samples)
