"""Make the sample corpus: data/train and data/test (children), data/adult.

    python -m sample.make_data

Needs espeak-ng. A second run on the same machine gives the same bytes.
"""

import argparse
import csv
import json
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from praatio import textgrid
from tqdm import tqdm

from sample import voices
from sample.sentences import part_of, texts
from sample.voices import SAMPLE_RATE, Voice

DATA = Path(__file__).parent.parent / "data"
SEED = 20262
LONGEST = 9.4  # seconds, the longest utterance; the model's window is 10 s
LABEL_MARGIN = 0.05  # seconds that a TextGrid label starts before the speech and ends after it


@dataclass(frozen=True)
class Speaker:
    name: str
    age: float  # years
    gender: str
    espeak: str  # accent+variant
    clips: int  # number of utterances that are each in a file of their own
    takes: int = 0  # number of further utterances, which are in one long recording


# No two children of different splits have the same accent and variant.
SPEAKERS = {
    "train": (
        Speaker("c01", 5.2, "f", "en-us+f2", 20, 18),
        Speaker("c02", 5.8, "m", "en-gb+f3", 35),
        Speaker("c03", 6.3, "f", "en-gb-scotland+f1", 20, 18),
        Speaker("c04", 6.9, "m", "en-us+f5", 36),
        Speaker("c05", 7.4, "f", "en-gb-x-rp+f4", 21, 17),
        Speaker("c06", 7.9, "m", "en-us+Annie", 20, 18),
        Speaker("c07", 8.5, "f", "en-gb+f5", 35),
        Speaker("c08", 9.0, "m", "en-gb-x-gbclan+f2", 20, 19),
        Speaker("c09", 9.6, "f", "en-us+f3", 36),
        Speaker("c10", 10.1, "m", "en-gb-x-rp+f1", 21, 17),
        Speaker("c11", 10.7, "f", "en-gb-scotland+f2", 35),
        Speaker("c12", 11.4, "m", "en-us+f4", 20, 18),
    ),
    "test": (
        Speaker("c21", 5.4, "m", "en-gb+f2", 13, 11),
        Speaker("c22", 6.4, "f", "en-us+f1", 22),
        Speaker("c23", 7.3, "m", "en-gb-scotland+f3", 12, 11),
        Speaker("c24", 8.2, "f", "en-gb-x-rp+f2", 22),
        Speaker("c25", 9.2, "m", "en-gb-x-rp+f5", 23),
        Speaker("c26", 10.2, "f", "en-gb+Annie", 13, 10),
        Speaker("c27", 11.1, "m", "en-gb+f4", 23),
    ),
    # a01 to a04 have voices that the pretraining used, a05 to a08 have those of voices.OTHER_VARIANTS
    "adult": (
        Speaker("a01", 24.0, "m", "en-us+m3", 13),
        Speaker("a02", 31.0, "f", "en-gb+f2", 13),
        Speaker("a03", 47.0, "m", "en-gb-x-rp+m1", 13),
        Speaker("a04", 62.0, "f", "en-gb-scotland+f4", 12),
        Speaker("a05", 28.0, "m", "en-us+m6", 13),
        Speaker("a06", 39.0, "m", "en-gb+Michael", 13),
        Speaker("a07", 55.0, "f", "en-us+aunty", 12),
        Speaker("a08", 43.0, "f", "en-gb-x-rp+belinda", 13),
    ),
}


def voice_of(speaker: Speaker, rng: np.random.Generator) -> Voice:
    """Draw the voice of a speaker."""
    if speaker.age < 18:
        return voices.child(speaker.espeak, speaker.age, rng)
    return Voice(
        espeak=speaker.espeak,
        pitch=int(rng.integers(35, 56)),
        words_per_minute=rng.uniform(145, 185),
        shift=rng.uniform(0.96, 1.04),
        snr=rng.uniform(26, 40),
        level=rng.uniform(-5, 2),
    )


def distinct_texts(split: str, rng: np.random.Generator) -> Iterator[str]:
    """Yield sentences of one split, each only once."""
    used = set()
    for text in texts(split, rng):
        if text not in used:
            used.add(text)
            yield text


def next_utterance(split_texts: Iterator[str], voice: Voice, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """Return the next text that this voice speaks within LONGEST, and its speech [n]; longer ones are skipped."""
    for text in split_texts:
        speech = voices.speak(text, voices.vary(voice, rng), rng)
        if len(speech) / SAMPLE_RATE < LONGEST - 2 * LABEL_MARGIN:
            return text, speech
    raise ValueError("there are no texts left")


def ogg_checksum_table() -> list[int]:
    """Return the checksum of each byte value (RFC 3533: CRC-32 with polynomial 0x04C11DB7)."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


CHECKSUM = ogg_checksum_table()


def with_serial(ogg: bytes, serial: int) -> bytes:
    """Return the Ogg stream with another serial number (RFC 3533, section 6).

    libsndfile draws the serial number at random, so two runs of this script would give different bytes.
    """
    pages = []
    start = 0
    while start < len(ogg):
        segments = ogg[start + 26]
        size = 27 + segments + sum(ogg[start + 27 : start + 27 + segments])
        page = bytearray(ogg[start : start + size])
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)  # the checksum is computed with zeros in its own field
        checksum = 0
        for byte in page:
            checksum = (checksum << 8 & 0xFFFFFFFF) ^ CHECKSUM[checksum >> 24 ^ byte]
        page[22:26] = checksum.to_bytes(4, "little")
        pages.append(page)
        start += size
    return b"".join(pages)


def write_audio(path: Path, audio: np.ndarray) -> None:
    """Write audio [n] at 16 kHz as Ogg Opus, or as FLAC if the path ends in .flac."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".flac":
        soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
        return
    soundfile.write(path, audio, SAMPLE_RATE, format="OGG", subtype="OPUS")
    path.write_bytes(with_serial(path.read_bytes(), zlib.crc32(path.name.encode())))


@dataclass(frozen=True)
class RecordingSetup:
    """What all recordings of one speaker share."""

    folder: Path  # of the split
    codec: str  # ogg or flac
    split_texts: Iterator[str]  # what is still to be spoken in this split
    voice: Voice
    rng: np.random.Generator


def make_clips(speaker: Speaker, setup: RecordingSetup) -> list[dict]:
    """Record each utterance in a file of its own; returns their rows of metadata.jsonl."""
    rng = setup.rng
    rows = []
    for number in range(speaker.clips):
        text, speech = next_utterance(setup.split_texts, setup.voice, rng)
        gaps = list(rng.uniform(0.05, 0.3, 2))
        audio, _ = voices.record([speech], gaps, voices.vary(setup.voice, rng), rng)
        name = f"clips/{speaker.name}-{number + 1:03d}.{setup.codec}"
        write_audio(setup.folder / name, audio[: int(LONGEST * SAMPLE_RATE)])
        row = {
            "age": speaker.age,
            "file_name": name,
            "gender": speaker.gender,
            "speaker": speaker.name,
            "text": text,
        }
        rows.append(row)
    return rows


def make_session(speaker: Speaker, setup: RecordingSetup) -> list[str]:
    """Record several utterances in one file, with a TextGrid beside it; returns their texts."""
    lines, utterances = [], []
    for _ in range(speaker.takes):
        text, speech = next_utterance(setup.split_texts, setup.voice, setup.rng)
        lines.append(text)
        utterances.append(speech)
    gaps = list(setup.rng.uniform(0.4 + 2 * LABEL_MARGIN, 2.0, speaker.takes + 1))
    audio, spans = voices.record(utterances, gaps, setup.voice, setup.rng)
    path = setup.folder / "sessions" / f"{speaker.name}-session1.{setup.codec}"
    write_audio(path, audio)
    labels = []
    for (start, end), text in zip(spans, lines, strict=True):
        labels.append((round(start - LABEL_MARGIN, 3), round(end + LABEL_MARGIN, 3), text))
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier(speaker.name, labels, 0, len(audio) / SAMPLE_RATE))
    grid.save(path.with_suffix(".TextGrid"), format="long_textgrid", includeBlankSpaces=True)
    return lines


def write_speakers(split: str, folder: Path) -> None:
    """Write speakers.csv: the ages and genders that a TextGrid does not hold."""
    with open(folder / "speakers.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["speaker", "age", "gender"])
        for speaker in SPEAKERS[split]:
            table.writerow([speaker.name, speaker.age, speaker.gender])


def make_split(split: str, folder: Path, codec: str) -> set[str]:
    """Make all recordings of one split; returns their texts."""
    shutil.rmtree(folder, ignore_errors=True)
    split_texts = distinct_texts(split, np.random.default_rng([SEED, zlib.crc32(split.encode())]))
    rows, session_texts = [], []
    for speaker in tqdm(SPEAKERS[split], split):
        rng = np.random.default_rng([SEED, zlib.crc32(speaker.name.encode())])
        setup = RecordingSetup(folder, codec, split_texts, voice_of(speaker, rng), rng)
        rows += make_clips(speaker, setup)
        if speaker.takes:
            session_texts += make_session(speaker, setup)
    lines = [json.dumps(row, sort_keys=True) + "\n" for row in rows]
    (folder / "metadata.jsonl").write_text("".join(lines))
    if session_texts:
        write_speakers(split, folder)
    return {row["text"] for row in rows}.union(session_texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the splits")
    parser.add_argument(
        "--codec", choices=("ogg", "flac"), default="ogg", help="flac: to measure what the loss of Opus costs in WER"
    )
    options = parser.parse_args()
    for split in SPEAKERS:
        lines = make_split(split, options.out / split, options.codec)
        for line in lines:
            if part_of(line) != split:
                raise ValueError(f"{line!r}, a sentence of {split}, belongs to {part_of(line)}")
        print(f"{split}: {len(lines)} different sentences")


if __name__ == "__main__":
    main()
