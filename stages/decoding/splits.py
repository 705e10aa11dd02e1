"""Transcribe all clips of an evaluation set."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.decoding import long_recordings, retries, spoken_segments, transcription, voice
from stages.decoding.transcription import DIGITS, Decoder, Hypothesis, Inputs
from stages.records.shards import Clip, read_audio
from stages.records.transcripts import Transcript, compression_ratio


@dataclass(frozen=True)
class Batch:
    """Clips of one split that are decoded together, or one recording that is longer than the window."""

    folder: Path  # of the split
    clips: list[Clip]  # the longest first


@dataclass(frozen=True)
class ReadBatch:
    """The clips of a batch in which there is something to decode."""

    ids: list[str]
    inputs: Inputs | None  # None: there are none


def transcribe_split(
    decoder: Decoder, folder: Path, clips: Sequence[Clip], known: Collection[str] = ()
) -> Iterator[list[Transcript]]:
    """Transcribe the clips of processed_data/<split>; yields the transcripts of each batch as soon as it is decoded.

    Parameters
    ----------
    clips, known : as for `batches`
    """
    waiting = batches(decoder, folder, clips, known)
    with progress_bar(f"transcribe {folder.name}", len(clips), waiting) as progress:
        for transcripts in transcribe_batches(decoder, waiting):
            yield transcripts
            progress.update(len(transcripts))


def batches(decoder: Decoder, folder: Path, clips: Sequence[Clip], known: Collection[str] = ()) -> list[Batch]:
    """The batches of the clips of processed_data/<split>, recordings longer than the window at the end.

    Parameters
    ----------
    clips : all of the split's, also the known ones, so that an interrupted run makes the same batches when resumed
    known : ids of clips that have a transcript; a batch of only such clips is left out
    """
    short = [clip for clip in clips if clip.duration <= decoder.window]
    made = []
    for indices in transcription.clip_batches(decoder, [clip.duration for clip in short]):
        made.append(Batch(folder, [short[index] for index in indices]))
    made += [Batch(folder, [clip]) for clip in clips if clip.duration > decoder.window]
    return [batch for batch in made if any(clip.id not in known for clip in batch.clips)]


def progress_bar(title: str, clips: int, waiting: Sequence[Batch]) -> tqdm:
    """A bar that counts clips; those that are not in the waiting batches are done."""
    left = sum(len(batch.clips) for batch in waiting)
    return tqdm(total=clips, initial=clips - left, desc=title, unit="clip")


def transcribe_batches(decoder: Decoder, waiting: Iterable[Batch]) -> Iterator[list[Transcript]]:
    """Yield the transcripts of each batch as soon as it is decoded, while a thread prepares the next one."""
    if decoder.settings.speech_only:
        voice.load()  # here and not in the thread that reads, because it changes the number of threads for a moment
    for batch, read in _read_ahead(waiting, partial(_read, decoder)):
        hypotheses = {clip.id: Hypothesis("", None) for clip in batch.clips}
        if read is None:
            (clip,) = batch.clips
            hypotheses[clip.id] = _transcribe_long(decoder, read_audio(batch.folder, clip))
        elif read.inputs:
            hypotheses |= zip(read.ids, _decode(decoder, read.inputs), strict=True)
        yield [_transcript(batch.folder.name, clip, hypotheses[clip.id]) for clip in batch.clips]


def _read(decoder: Decoder, batch: Batch) -> ReadBatch | None:
    """Read the clips of a batch and make their features.

    Returns
    -------
    None for a recording that is longer than the window: it is read when it is decoded, since two may not fit in memory
    """
    if batch.clips[0].duration > decoder.window:
        return None
    sounds = {}
    for clip in batch.clips:
        sound = read_audio(batch.folder, clip)
        if decoder.settings.speech_only:
            sound = spoken_segments.spoken_part(sound, decoder)
        if len(sound):
            sounds[clip.id] = sound
    inputs = transcription.model_inputs(decoder, list(sounds.values())) if sounds else None
    return ReadBatch(list(sounds), inputs)


def _decode(decoder: Decoder, inputs: Inputs) -> list[Hypothesis]:
    """The hypotheses of a batch, doubtful ones decoded again if transcribe.retry_doubtful asks for it."""
    hypotheses = transcription.decode_batch(decoder, inputs)
    if not decoder.settings.retry_doubtful:
        return hypotheses

    def decode(decoder: Decoder, numbers: list[int]) -> list[Hypothesis]:
        limits = [inputs.limits[number] for number in numbers]
        return transcription.decode_batch(decoder, Inputs(inputs.features[numbers], limits))

    return retries.decode_again(decoder, hypotheses, decode)


def _transcribe_long(decoder: Decoder, samples: np.ndarray) -> Hypothesis:
    """Transcribe a clip that is longer than the window."""
    if decoder.settings.speech_only:
        segments = spoken_segments.transcribe_once(decoder, samples)
    else:
        segments = long_recordings.transcribe_recording(decoder, samples)
    if decoder.settings.retry_doubtful:
        segments = spoken_segments.decode_doubtful_again(decoder, samples, segments)
    return long_recordings.join(segments, decoder.language)


def _transcript(split: str, clip: Clip, hypothesis: Hypothesis) -> Transcript:
    return Transcript(
        split=split,
        id=clip.id,
        reference=clip.text,
        hypothesis=hypothesis.text,
        log_probability=hypothesis.log_probability,
        compression_ratio=round(compression_ratio(hypothesis.text), DIGITS),
        is_cut=hypothesis.is_cut,
    )


def _read_ahead(
    waiting: Iterable[Batch], read: Callable[[Batch], ReadBatch | None]
) -> Iterator[tuple[Batch, ReadBatch | None]]:
    """Yield every batch with its inputs; a thread reads the next batch while the caller decodes this one."""
    with ThreadPoolExecutor(1) as reader:
        batch = reading = None
        for next_batch in waiting:
            next_reading = reader.submit(read, next_batch)
            if reading:
                yield batch, reading.result()
            batch, reading = next_batch, next_reading
        if reading:
            yield batch, reading.result()
