"""The teacher's hypotheses for stretches of speech, in a journal, so that a killed run decodes no batch again."""

from dataclasses import dataclass

import numpy as np

from stages.cutting.pcm import FULL_SCALE
from stages.decoding import transcription
from stages.decoding.transcription import DIGITS, Decoder
from stages.labelling import teacher
from stages.labelling.candidates import Candidate
from stages.records import transcripts
from stages.records.transcripts import Journal, Transcript
from stages.records.units import SAMPLE_RATE, SILENCE, Seconds

FIRST, SECOND = "first", "second"  # decoding: what the journal has as the split of a transcript


@dataclass(frozen=True)
class Stretch:
    """Speech in a recording that has no transcript."""

    recording: Candidate
    sound: str  # hash of the recording
    start: int  # in the recording, samples
    end: int
    samples: np.ndarray  # int16, shape (samples,), 16 kHz
    source_rate: int  # Hz
    flags: tuple[str, ...]  # of the recording

    @property
    def key(self) -> str:
        """What the stretch is called in the journal: the same sound has the same hypothesis."""
        return f"{self.sound}-{self.start}-{self.end}"

    @property
    def times(self) -> tuple[Seconds, Seconds]:
        """Where it begins and ends in the recording."""
        return round(self.start / SAMPLE_RATE, 3), round(self.end / SAMPLE_RATE, 3)

    @property
    def seconds(self) -> Seconds:
        return len(self.samples) / SAMPLE_RATE


def decode(
    stretches: list[Stretch], decoder: Decoder, journal: Journal, with_second: bool
) -> list[tuple[Transcript, Transcript | None]]:
    """The first and, if wanted, the second hypothesis of each stretch; what is not in the journal is decoded.

    Parameters
    ----------
    stretches : always the same ones together, so that a run that is resumed makes the same batches
    """
    passes = {FIRST: decoder}
    if with_second:
        passes[SECOND] = teacher.drawing(decoder)
    known = {(row.split, row.id): row for row in journal.rows}
    for name, model in passes.items():
        for indices in transcription.clip_batches(model, [stretch.seconds for stretch in stretches]):
            batch = [stretches[index] for index in indices]
            if all((name, stretch.key) in known for stretch in batch):
                continue
            rows = _decode_batch(batch, model, name)
            journal.append(rows)
            known.update({(name, row.id): row for row in rows})
    pairs = []
    for stretch in stretches:
        second = known[SECOND, stretch.key] if with_second else None
        pairs.append((known[FIRST, stretch.key], second))
    return pairs


def _decode_batch(batch: list[Stretch], decoder: Decoder, name: str) -> list[Transcript]:
    clips = [stretch.samples.astype(np.float32) / FULL_SCALE for stretch in batch]
    hypotheses = transcription.transcribe(decoder, clips)
    rows = []
    for stretch, clip, hypothesis in zip(batch, clips, hypotheses, strict=True):
        # Whisper invents words for silence.
        is_audible = bool(np.abs(clip).max() >= SILENCE)
        row = Transcript(
            split=name,
            id=stretch.key,
            reference="",
            hypothesis=hypothesis.text if is_audible else "",
            log_probability=hypothesis.log_probability if is_audible else None,
            compression_ratio=round(transcripts.compression_ratio(hypothesis.text), DIGITS),
            is_cut=hypothesis.is_cut,
        )
        rows.append(row)
    return rows
