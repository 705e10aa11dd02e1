"""Measure what cutting costs for several kinds of recordings, and how much of it is decoding, resampling and encoding.

    python -m bench.preprocess_inputs --clips 2000 --workers 1 2

The corpora are those of bench.preprocess: utterances of 2 s, cut out of recordings of a hundred utterances. Only in the
row `flac clips`, each utterance is a file of its own. The stage runs as in `dvc repro`. Its processor time (CPU s)
depends less than its seconds on other work of the machine. Decoding, resampling and encoding are measured alone, in
this process, on the same audio; they are shares of the processor time of the stage. lhotse is not run.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench.preprocess import (
    DISTINCT,
    INTERVAL,
    UTTERANCE,
    UTTERANCES,
    speech_shaped,
    timed,
    write_corpus,
    write_params,
    write_wav,
)
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.cutting import audio
from stages.cutting.resampling import Resampler
from stages.records import shards
from stages.records.units import SAMPLE_RATE, Seconds

STUDIO_RATE = 48_000  # Hz
HEADER = ("input", "workers", "hours", "seconds", "CPU s", "CPU s/hour", "decode %", "resample %", "encode %")


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of processes")
    arguments = parser.parse_args()
    rows = []
    for name in INPUTS:
        rows += measure(name, arguments.clips, arguments.workers)
    print(aligned([HEADER, *rows], names=1))


def measure(name: str, clips: int, workers: list[int]) -> list[tuple[str, ...]]:
    """Time the stage on one of INPUTS; returns a row of HEADER for each number of workers."""
    hours = (clips + UTTERANCES) * UTTERANCE / 3600  # of clips
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        project = Path(scratch)
        INPUTS[name](project / "data" / "train", clips, "s", 0)
        INPUTS[name](project / "data" / "test", UTTERANCES, "t", DISTINCT)
        parts = costs_of_parts(project / "data", one_file_each=name == "flac clips")
        for number in workers:
            write_params(project, workers=number)
            before = os.times()
            seconds, _ = timed([sys.executable, "-m", "stages.preprocess"], project)
            after = os.times()
            cpu = after.children_user + after.children_system - before.children_user - before.children_system
            shares = [f"{100 * part / cpu:.0f}" for part in parts]
            row = (name, str(number), f"{hours:.2f}", f"{seconds:.1f}", f"{cpu:.1f}", f"{cpu / hours:.1f}")
            rows.append(row + tuple(shares))
    return rows


def costs_of_parts(data: Path, one_file_each: bool) -> tuple[Seconds, Seconds, Seconds]:
    """Return the processor time of decoding, resampling and encoding the whole corpus, as the stage does it.

    Parameters
    ----------
    one_file_each : each recording is one utterance
    """
    recordings = sorted(path for path in data.rglob("*") if path.suffix in (".wav", ".flac", ".mp3"))
    decoding = resampling = encoding = 0.0
    for path in recordings:
        start = time.process_time()
        with soundfile.SoundFile(path) as file:
            as_wanted = (file.samplerate, file.channels, file.subtype) == (SAMPLE_RATE, 1, "PCM_16")
            rate = file.samplerate
            blocks = []
            while len(block := file.read(audio.BLOCK, "int16" if as_wanted else "float32", always_2d=True)):
                blocks.append(block)
        decoding += time.process_time() - start
        mixed = [block.sum(axis=1) for block in blocks]
        start = time.process_time()
        if rate != SAMPLE_RATE:
            resampler = Resampler(rate)
            for block in mixed:
                resampler.take(block)
            resampler.end()
        resampling += time.process_time() - start
        samples = audio.decode(path).samples
        start = time.process_time()
        for number in range(1 if one_file_each else UTTERANCES):
            first = 0.0 if one_file_each else number * INTERVAL + 0.25
            shards.encode(audio.cut(samples, first, first + UTTERANCE))
        encoding += time.process_time() - start
    return decoding, resampling, encoding


def write_wav_corpus(folder: Path, clips: int, session: str, seed: int) -> None:
    write_corpus(folder, clips, session, seed, ".wav", write_wav)


def write_mp3_corpus(folder: Path, clips: int, session: str, seed: int) -> None:
    write_corpus(folder, clips, session, seed, ".mp3", write_wav)  # soundfile goes by the name's extension


def write_studio_corpus(folder: Path, clips: int, session: str, seed: int) -> None:
    write_corpus(folder, clips, session, seed, ".wav", write_studio_wav)


def write_studio_wav(path: Path, samples: np.ndarray) -> None:
    """Write 48 kHz in stereo, 16 bits; the second channel is half as loud."""
    wide = soxr.resample(samples, SAMPLE_RATE, STUDIO_RATE)
    soundfile.write(path, np.stack([wide, wide // 2], axis=1), STUDIO_RATE)


def write_flac_clips(folder: Path, clips: int, session: str, seed: int) -> None:
    """Write a Kaldi directory without times: each utterance is a FLAC file, 16 kHz mono, with a sound of its own."""
    folder.mkdir(parents=True)
    tables: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2spk": []}
    for number in range(clips):
        speaker = f"{session}{number // UTTERANCES:05d}"
        name = f"{speaker}-{number % UTTERANCES:03d}"
        path = folder / f"{name}.flac"
        soundfile.write(path, speech_shaped(UTTERANCE, seed * UTTERANCES + number), SAMPLE_RATE)
        tables["wav.scp"].append(f"{name} {path}")
        tables["text"].append(f"{name} the little dog number {number} has a ball of session {speaker[1:]}")
        tables["utt2spk"].append(f"{name} {speaker}")
    for table, lines in tables.items():
        (folder / table).write_text("".join(f"{line}\n" for line in lines))


INPUTS = {
    "wav": write_wav_corpus,
    "flac clips": write_flac_clips,
    "mp3": write_mp3_corpus,
    "wav 48 kHz stereo": write_studio_corpus,
}

if __name__ == "__main__":
    main()
