"""Make the sample corpus: data/train and data/test (children), data/adult.

    python -m sample.make_data

Needs espeak-ng. Twice on one machine gives the same bytes.
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
LONGEST = 9.4  # seconds of one utterance: the model's window is 10 s
LABEL_MARGIN = 0.05  # seconds by which an annotator marks an utterance too wide


@dataclass(frozen=True)
class Speaker:
    name: str
    age: float  # years
    gender: str
    espeak: str  # accent+variant
    clips: int  # recorded one by one
    takes: int = 0  # utterances in one long session besides


# No child of one split shares accent and variant with a child of the other.
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
    # a01 to a04 speak with voices heard in pretraining, a05 to a08 with voices.UNHEARD
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


def fresh_texts(split: str, rng: np.random.Generator) -> Iterator[str]:
    """Sentences of one split, none twice."""
    said = set()
    for text in texts(split, rng):
        if text not in said:
            said.add(text)
            yield text


def utter(talk: Iterator[str], voice: Voice, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """The next text that this speaker gets out within LONGEST, and its speech [n]."""
    for text in talk:
        speech = voices.speak(text, voices.vary(voice, rng), rng)
        if len(speech) / SAMPLE_RATE < LONGEST - 2 * LABEL_MARGIN:
            return text, speech
    raise ValueError("out of texts")


def ogg_checksum_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


CHECKSUM = ogg_checksum_table()


def with_serial(ogg: bytes, serial: int) -> bytes:
    """The same Ogg stream under another serial number (RFC 3533, section 6).

    libsndfile draws the serial at random, which would make every run of this script different.
    """
    pages, start = [], 0
    while start < len(ogg):
        segments = ogg[start + 26]
        size = 27 + segments + sum(ogg[start + 27 : start + 27 + segments])
        page = bytearray(ogg[start : start + size])
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)  # the checksum is taken with its own field at zero
        checksum = 0
        for byte in page:
            checksum = (checksum << 8 & 0xFFFFFFFF) ^ CHECKSUM[checksum >> 24 ^ byte]
        page[22:26] = checksum.to_bytes(4, "little")
        pages.append(page)
        start += size
    return b"".join(pages)


def write_audio(path: Path, audio: np.ndarray) -> None:
    """Audio [n] at 16 kHz as Ogg Opus, or as FLAC if the path says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".flac":
        soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
        return
    soundfile.write(path, audio, SAMPLE_RATE, format="OGG", subtype="OPUS")
    path.write_bytes(with_serial(path.read_bytes(), zlib.crc32(path.name.encode())))


@dataclass(frozen=True)
class Studio:
    """Where one speaker is recorded: what is said next, whose voice, whose chance, into which files."""

    folder: Path
    codec: str
    talk: Iterator[str]
    voice: Voice
    rng: np.random.Generator


def make_clips(speaker: Speaker, studio: Studio) -> list[dict]:
    """One file an utterance; returns their metadata."""
    rng, rows = studio.rng, []
    for number in range(speaker.clips):
        text, speech = utter(studio.talk, studio.voice, rng)
        gaps = list(rng.uniform(0.05, 0.3, 2))
        audio, _ = voices.record([speech], gaps, voices.vary(studio.voice, rng), rng)
        name = f"clips/{speaker.name}-{number + 1:03d}.{studio.codec}"
        write_audio(studio.folder / name, audio[: int(LONGEST * SAMPLE_RATE)])
        rows.append({"age": speaker.age, "file_name": name, "gender": speaker.gender})
        rows[-1] |= {"speaker": speaker.name, "text": text}
    return rows


def make_session(speaker: Speaker, studio: Studio) -> list[str]:
    """One long recording with a TextGrid beside it; returns its texts."""
    takes = [utter(studio.talk, studio.voice, studio.rng) for _ in range(speaker.takes)]
    lines, speech = zip(*takes, strict=True)
    gaps = list(studio.rng.uniform(0.4 + 2 * LABEL_MARGIN, 2.0, speaker.takes + 1))
    audio, spans = voices.record(list(speech), gaps, studio.voice, studio.rng)
    path = studio.folder / "sessions" / f"{speaker.name}-session1.{studio.codec}"
    write_audio(path, audio)
    labels = [
        (round(start - LABEL_MARGIN, 3), round(end + LABEL_MARGIN, 3), text)
        for (start, end), text in zip(spans, lines, strict=True)
    ]
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier(speaker.name, labels, 0, len(audio) / SAMPLE_RATE))
    grid.save(path.with_suffix(".TextGrid"), format="long_textgrid", includeBlankSpaces=True)
    return list(lines)


def write_speakers(split: str, folder: Path) -> None:
    with open(folder / "speakers.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["speaker", "age", "gender"])
        table.writerows([speaker.name, speaker.age, speaker.gender] for speaker in SPEAKERS[split])


def make_split(split: str, folder: Path, codec: str) -> set[str]:
    """All recordings of one split; returns its texts."""
    shutil.rmtree(folder, ignore_errors=True)
    talk = fresh_texts(split, np.random.default_rng([SEED, zlib.crc32(split.encode())]))
    rows, said = [], []
    for speaker in tqdm(SPEAKERS[split], split):
        rng = np.random.default_rng([SEED, zlib.crc32(speaker.name.encode())])
        studio = Studio(folder, codec, talk, voice_of(speaker, rng), rng)
        rows += make_clips(speaker, studio)
        if speaker.takes:
            said += make_session(speaker, studio)
    lines = [json.dumps(row, sort_keys=True) + "\n" for row in rows]
    (folder / "metadata.jsonl").write_text("".join(lines))
    if said:
        write_speakers(split, folder)
    return {*said, *(row["text"] for row in rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the splits")
    parser.add_argument("--codec", choices=("ogg", "flac"), default="ogg", help="flac shows what Opus costs")
    options = parser.parse_args()
    said = {split: make_split(split, options.out / split, options.codec) for split in SPEAKERS}
    for split, lines in said.items():
        if any(part_of(line) != split for line in lines):
            raise ValueError(f"a sentence of {split} belongs to another part")
        print(f"{split}: {len(lines)} different sentences")


if __name__ == "__main__":
    main()
