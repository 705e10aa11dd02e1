"""Turn the corpus in data/ into 16 kHz clips with cleaned transcripts in processed_data/.

    python -m stages.preprocess

Nothing is dropped silently: what cannot be used is listed in processed_data/rejected.jsonl and counted on the screen.
The manifests are written last, so that a run that failed never looks complete.
"""

import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages import audio, corpus, params, shards, transcript
from stages.corpus import accounts, speakers
from stages.corpus.utterance import Reading, Utterance
from stages.errors import told_plainly
from stages.shards import LEARNT_FROM, PROCESSED, Clip, ShardWriter
from stages.units import SAMPLE_RATE, Seconds

DATA = Path("data")
REJECTED = PROCESSED / "rejected.jsonl"

# What a clip takes over from its utterance.
TAKEN_OVER = ("id", "text", "text_raw", "speaker", "age_months", "gender", "source", "start", "end")


@told_plainly
def main() -> None:
    settings = params.load()
    options = settings.preprocess
    readings = corpus.read(DATA, options.textgrid_tiers)
    for reading in readings.values():
        clean_transcripts(reading, options.letter_case)
    speakers.check_apart({split: reading.utterances for split, reading in readings.items()})
    if PROCESSED.exists():  # dvc removes it before a run, a run by hand does not
        shutil.rmtree(PROCESSED)
    PROCESSED.mkdir()
    try:
        for reading in readings.values():  # before hours are spent on decoding
            accounts.check_refused(reading, len(reading.utterances), options.max_refused, REJECTED)
        if "dev" not in readings:
            readings = speakers.with_dev(readings, options.dev_fraction, settings.seed)
        clips = {split: pack(reading, options) for split, reading in readings.items()}
        for split, reading in readings.items():
            accounts.check_refused(reading, len(clips[split]), options.max_refused, REJECTED)
    finally:
        write_rejected(readings.values())
    for split, rows in clips.items():
        shards.write_manifest(PROCESSED / split, rows)
    kept = {split: [(clip.speaker, clip.duration) for clip in rows] for split, rows in clips.items()}
    print(accounts.told(readings, kept, REJECTED))


def clean_transcripts(reading: Reading, letter_case: str) -> None:
    """Set every utterance's text; refuse those with nothing left."""
    texts = transcript.clean_all([row.text_raw for row in reading.utterances], letter_case)
    cleaned = [replace(row, text=text) for row, text in zip(reading.utterances, texts, strict=True)]
    reading.utterances = [row for row in cleaned if row.text]
    for row in cleaned:
        if not row.text:
            reading.refuse(row.id, row.file, row.line, "empty-text", "the transcript holds no words")


def pack(reading: Reading, options: params.Preprocess) -> list[Clip]:
    """Write the clips of one split to its shards."""
    with ShardWriter(PROCESSED / reading.split, options.shard_megabytes) as writer:
        return [
            writer.write(samples, **{name: getattr(row, name) for name in TAKEN_OVER})
            for row, samples in cut_clips(reading, options)
        ]


def cut_clips(reading: Reading, options: params.Preprocess) -> Iterator[tuple[Utterance, np.ndarray]]:
    """Each utterance with its samples. Every recording is decoded once, and only one is held at a time."""
    # Long utterances cannot be trained on, but an evaluation set without them would flatter every model.
    longest = options.max_seconds if reading.split in LEARNT_FROM else math.inf
    recordings = [(path, list(rows)) for path, rows in groupby(reading.utterances, attrgetter("audio"))]
    for path, rows in tqdm(recordings, desc=reading.split, unit="recording", disable=None):
        try:
            samples = audio.decode(path)
        except audio.AudioError as error:
            for row in rows:
                refuse(reading, row, error)
            continue
        neighbours = audio.Neighbours(reading.spans.get(path, []))
        for row in rows:
            try:
                clip = cut_clip(samples, row, neighbours, options.context_seconds)
                audio.check_length(clip, options.min_seconds, longest)
            except audio.AudioError as error:
                refuse(reading, row, error)
            else:
                yield row, clip


def cut_clip(samples: np.ndarray, row: Utterance, neighbours: audio.Neighbours, context: Seconds) -> np.ndarray:
    """The stretch of a recording that an utterance lies in, shape (samples,). Raises AudioError."""
    if row.start is None:
        audio.check_audible(samples)
        return samples
    duration = len(samples) / SAMPLE_RATE
    start, end = audio.fit(row.start, row.end, duration)
    audio.check_audible(audio.cut(samples, start, end))  # without the context, which may be loud
    return audio.cut(samples, *neighbours.widened(start, end, context, duration))


def refuse(reading: Reading, row: Utterance, error: audio.AudioError) -> None:
    reading.refuse(row.id, row.file, row.line, error.reason, f"{row.source}: {error.detail}")


def write_rejected(readings: Iterable[Reading]) -> None:
    rows = [asdict(refusal) for reading in readings for refusal in reading.refusals]
    shards.write_lines(REJECTED, sorted(rows, key=lambda row: (row["split"], row["file"], row["line"] or 0, row["id"])))


if __name__ == "__main__":
    main()
