"""One recording in, its clips out: what the workers of the preprocess stage do, here or on a Dask cluster.

A worker has one recording in memory, decoded once for each channel; nothing depends on what other workers do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import xxhash

from stages.common.params import Preprocess
from stages.corpus.rows.utterance import Embedded, Refused, Utterance
from stages.cutting import audio
from stages.cutting.timeline import SpeechTimeline
from stages.records import shards
from stages.records.units import SAMPLE_RATE, Seconds

ROUNDING: Seconds = 1e-6
ONE_SAMPLE: Seconds = 1 / SAMPLE_RATE
WRONG_LENGTH: Seconds = 0.5  # a recording shorter by this than the corpus says is truncated; as long as END_SLACK
MANY_TIMES = 50  # times beyond so many lengths of the recording are in another unit
NARROWBAND = 16_000  # Hz; what was recorded at less holds no sound above 4 kHz or so, as on the telephone


@dataclass(frozen=True)
class Recording:
    """A recording and the utterances that are to be cut out of it."""

    path: Path
    rows: list[Utterance]  # in order
    spans: list[tuple[Seconds, Seconds]]  # of all speakers, see SplitContents.spans
    embedded: Embedded | None = None  # where its bytes are, if it is no file of its own: `path` is only its name then


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
    """The clips of each recording; one recording is in memory at a time."""
    return [list(cut_recording(recording, options, for_training)) for recording in recordings]


def cut_recording(recording: Recording, options: Preprocess, for_training: bool) -> Iterator[Cut | Refusal]:
    """Cut every utterance out of its channel, in the order of channels and rows.

    Parameters
    ----------
    for_training : apply the filters and the longest duration. Evaluation sets keep all utterances: without the
        difficult ones, every model would look better than it is
    """
    neighbours = SpeechTimeline(recording.spans)
    by_channel = sorted(recording.rows, key=lambda row: row.channel or 0)  # None: preprocess.channel says
    for channel, rows in groupby(by_channel, lambda row: row.channel):
        rows = list(rows)
        try:
            content = recording.embedded.read() if recording.embedded else None
            decoded = audio.decode(recording.path, options.channel if channel is None else channel, content)
        except (audio.AudioError, Refused) as error:
            for row in rows:
                yield _refused(row, error)
            continue
        whole = digest(decoded.samples)
        mismatch = _another_recording(rows, decoded.seconds)
        for row in rows:
            try:
                if decoded.truncated:
                    raise Refused("truncated-audio", decoded.truncated)
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
    """The clip of one utterance. Raises AudioError or Refused where it cannot or is not to be used.

    Parameters
    ----------
    decoded : the recording
    whole : the hash of its samples
    neighbours : everybody's speech in it
    """
    _check_stated_length(row, decoded.seconds)
    _check_clip_length(row, decoded.seconds)
    start, end = 0.0, decoded.seconds
    flags = [*row.flags, *decoded.flags]
    if row.start is not None:
        start, end = audio.fit(row.start, row.end, decoded.seconds)
    heard = audio.cut(decoded.samples, start, end)
    audio.check_audible(heard)  # without the context, which may be loud
    samples = heard
    if row.start is not None:
        first, last = with_context(start, end, decoded.seconds, neighbours, options)
        samples = audio.cut(decoded.samples, first, last)
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
        digest(heard),
        whole,
    )


def with_context(
    start: Seconds, end: Seconds, duration: Seconds, neighbours: SpeechTimeline, options: Preprocess
) -> tuple[Seconds, Seconds]:
    """Start and end of the clip of an utterance: with context, of which there is less before max_seconds is exceeded.

    Otherwise utterances that were split or merged to just fit in max_seconds would be too long as clips.

    Parameters
    ----------
    start, end : of the utterance
    duration : of the recording
    """
    first, last = neighbours.with_context(start, end, options.context_seconds, duration)
    spare = options.max_seconds - (end - start)
    context = (start - first) + (last - end)
    if -ROUNDING <= spare < context:
        share = max(0.0, spare - ONE_SAMPLE) / context  # the ends are rounded to samples
        first, last = start - share * (start - first), end + share * (last - end)
    return first, last


def _check_stated_length(row: Utterance, seconds: Seconds) -> None:
    """Raises Refused (truncated-audio) where the recording is shorter than the corpus says."""
    # A truncated file opens without complaint and is only too short.
    if row.stated_seconds is not None and seconds < row.stated_seconds - WRONG_LENGTH:
        detail = f"it lasts {seconds:.3f} s, and the corpus says {row.stated_seconds:.3f} s"
        if row.format == "table" and row.stated_seconds > 100 * seconds:
            detail += "; is it in milliseconds? then call the column duration_ms"
        raise Refused("truncated-audio", detail)


def _check_clip_length(row: Utterance, seconds: Seconds) -> None:
    """Raises Refused (unclear-times) where a clip is not as long as the corpus's times of it say."""
    if row.clip_seconds is not None and abs(seconds - row.clip_seconds) > WRONG_LENGTH:
        raise Refused(
            "unclear-times",
            f"it lasts {seconds:.3f} s, and its start and end are {row.clip_seconds:.3f} s apart; if they are times in"
            " this sound, name their columns in preprocess.columns.start and end; if they mean nothing, remove them",
        )


def _another_recording(rows: list[Utterance], seconds: Seconds) -> str:
    """Why all rows are refused, if most of them lie beyond the recording's end; else ""."""
    latest = seconds + audio.END_SLACK
    timed = beyond = 0  # number of rows
    last = 0.0  # the last time of all rows
    for row in rows:
        if row.start is not None:
            timed += 1
            beyond += row.start >= latest or (row.end is not None and row.end > latest)
            last = max(last, row.end or row.start)
    if timed < 3 or 2 * beyond <= timed:
        return ""
    are_milliseconds = MANY_TIMES * seconds < last <= 1000 * latest
    hint = "; the times look like milliseconds, expected seconds" if are_milliseconds else ""
    return f"{beyond} of {timed} utterances lie beyond its end ({seconds:.1f} s): another recording's?{hint}"


def check_speech_rate(text: str, seconds: Seconds, options: Preprocess) -> None:
    """Raises Refused (speech-rate) where a training utterance has too few or too many characters a second."""
    highest = options.max_characters_per_second
    rate = len(text) / max(seconds, ROUNDING)
    if rate < options.min_characters_per_second or (highest is not None and rate > highest):
        raise Refused("speech-rate", f"{len(text)} characters in {seconds:.2f} s are {rate:.1f} a second")


def digest(samples: np.ndarray) -> str:
    """Hash of samples: equal only for the same sound."""
    return xxhash.xxh3_128_hexdigest(samples)
