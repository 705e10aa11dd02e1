"""A stretch of speech with its label, as a training clip."""

from stages.corpus.rows.utterance_ids import safe_id
from stages.cutting import audio
from stages.labelling.filters import Label
from stages.labelling.hypotheses import Stretch
from stages.records import shards
from stages.records.shards import Clip, ShardWriter
from stages.records.transcripts import Transcript

PSEUDO_LABEL = "pseudo-label"  # format and flag of the clips


def write(stretch: Stretch, hypothesis: Transcript, label: Label, writer: ShardWriter) -> Clip:
    """Append a stretch to the shards, with its label as the transcript."""
    recording = stretch.recording
    start, end = stretch.times
    flags = [PSEUDO_LABEL, *stretch.flags]
    if audio.is_clipped(stretch.samples):
        flags.append("clipped")
    if not recording.speaker_known:
        flags.append(shards.UNKNOWN_SPEAKER)
    return writer.write(
        shards.encode(stretch.samples),
        id=_id(stretch),
        text=label.text,
        text_raw=hypothesis.hypothesis,
        speaker=recording.speaker,
        age=recording.age,
        age_months=recording.age_months,
        gender=recording.gender,
        format=PSEUDO_LABEL,
        source=recording.source,
        source_rate=stretch.source_rate,
        start=start,
        end=end,
        flags=flags,
        duration=shards.duration_of(stretch.samples),
    )


def _id(stretch: Stretch) -> str:
    """The recording's path in data/train, a part of its hash, since a.wav may be beside a.mp3, and the start in ms."""
    name = stretch.recording.source.partition("/")[2].rpartition(".")[0].replace("/", "-")
    return safe_id(f"{name}-{stretch.sound[:8]}-{1000 * stretch.times[0]:08.0f}")


def confidence(clip: Clip, label: Label) -> dict:
    """How sure the teacher is of a clip: a row of labels.jsonl."""
    return {
        "id": clip.id,
        "log_probability": label.log_probability,
        "compression_ratio": label.compression_ratio,
        "disagreement": label.disagreement,
    }
