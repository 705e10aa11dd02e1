"""Transcribe all clips of an evaluation set."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from stages.decoding import long_recordings, transcription
from stages.decoding.transcription import DIGITS, Decoder, Hypothesis, Inputs
from stages.records.shards import Clip, read_audio
from stages.records.transcripts import Transcript, compression_ratio


def transcribe_split(
    decoder: Decoder, folder: Path, clips: Sequence[Clip], known: Collection[str] = ()
) -> Iterator[list[Transcript]]:
    """Transcribe the clips of processed_data/<split>; yields the transcripts of each batch as soon as it is decoded.

    Parameters
    ----------
    clips : all of the split's, also the known ones, so that an interrupted run makes the same batches when resumed
    known : ids of clips that have a transcript; a batch of only such clips is skipped
    """
    short, long = [], []
    for clip in clips:
        if clip.duration <= decoder.window:
            short.append(clip)
        elif clip.id not in known:
            long.append(clip)
    waiting = []
    for indices in transcription.clip_batches(decoder, [clip.duration for clip in short]):
        batch = [short[index] for index in indices]
        if any(clip.id not in known for clip in batch):
            waiting.append(batch)

    def read(batch: list[Clip]) -> Inputs:
        return transcription.model_inputs(decoder, [read_audio(folder, clip) for clip in batch])

    finished = len(clips) - sum(map(len, waiting)) - len(long)
    with tqdm(total=len(clips), initial=finished, desc=f"transcribe {folder.name}", unit="clip") as progress:
        for batch, inputs in _read_ahead(waiting, read):
            transcripts = []
            for clip, hypothesis in zip(batch, transcription.decode_batch(decoder, inputs), strict=True):
                transcripts.append(_transcript(folder.name, clip, hypothesis))
            yield transcripts
            progress.update(len(batch))
        for clip in long:
            segments = long_recordings.transcribe_recording(decoder, read_audio(folder, clip))
            hypothesis = long_recordings.join(segments, decoder.language)
            yield [_transcript(folder.name, clip, hypothesis)]
            progress.update()


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


def _read_ahead(waiting: list[list[Clip]], read: Callable[[list[Clip]], Inputs]) -> Iterator[tuple[list[Clip], Inputs]]:
    """Yield every batch with its inputs; a thread reads the next batch while the caller decodes this one."""
    if not waiting:
        return
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read, waiting[0])
        for number, batch in enumerate(waiting, start=1):
            inputs = reading.result()
            if number < len(waiting):
                reading = reader.submit(read, waiting[number])
            yield batch, inputs
