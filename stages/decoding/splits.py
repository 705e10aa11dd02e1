"""Transcribe all clips of an evaluation set."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from stages.decoding import long_recordings, transcription
from stages.decoding.transcription import DIGITS, Decoder, Hypothesis, Inputs
from stages.records.shards import Clip, read_audio
from stages.records.transcripts import Transcript, compression_ratio


@dataclass(frozen=True)
class Batch:
    """Clips of one split that are decoded together, or one recording that is longer than the window."""

    folder: Path  # of the split
    clips: list[Clip]  # the longest first


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

    def read(batch: Batch) -> Inputs | None:
        if batch.clips[0].duration > decoder.window:
            return None  # read when it is decoded: two long recordings may not fit in memory
        return transcription.model_inputs(decoder, [read_audio(batch.folder, clip) for clip in batch.clips])

    for batch, inputs in _read_ahead(waiting, read):
        if inputs is None:
            segments = long_recordings.transcribe_recording(decoder, read_audio(batch.folder, batch.clips[0]))
            hypotheses = [long_recordings.join(segments, decoder.language)]
        else:
            hypotheses = transcription.decode_batch(decoder, inputs)
        transcripts = []
        for clip, hypothesis in zip(batch.clips, hypotheses, strict=True):
            transcripts.append(_transcript(batch.folder.name, clip, hypothesis))
        yield transcripts


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
    waiting: Iterable[Batch], read: Callable[[Batch], Inputs | None]
) -> Iterator[tuple[Batch, Inputs | None]]:
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
