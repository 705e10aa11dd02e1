"""Measure how fast recordings are cut into clips, compared with lhotse on the same input, each on one core.

    pip install -r bench/requirements.txt
    python -m bench.preprocess                    # 1, 10 and 100 thousand clips: half an hour, 15 GB of disk
    python -m bench.preprocess --clips 1000 --json

The input is a Kaldi directory: recordings (16 kHz mono WAV) of a hundred utterances of 2 s, of noise with the spectrum
of speech. Both cut out every utterance and write it as 16-bit FLAC. Each runs in its own process, timed from start to
end. Ours is the stage as `dvc repro` runs it: it also reads and cleans transcripts, checks audio, compares contents,
packs shards and draws the corpus card. lhotse runs load_kaldi_data_dir, trim_to_supervisions and save_audios.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import yaml

from bench import row_process
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records.units import SAMPLE_RATE, Seconds

ROOT = Path(__file__).parent.parent
UTTERANCES = 100  # in a recording
UTTERANCE: Seconds = 2.0  # length
INTERVAL: Seconds = 2.5  # from the start of one utterance to the start of the next
# Number of recordings with different audio. The others are hard links, so that the disk does not limit the speed.
DISTINCT = 8
HEADER = ("clips", "hours", "ours s", "lhotse s", "ours h/min", "lhotse h/min", "ours MB", "lhotse MB", "ratio")


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    parser.add_argument("--lhotse", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.lhotse:
        return run_lhotse(arguments.lhotse)
    rows = list(map(measure, arguments.clips))
    print(aligned([HEADER, *map(table_row, rows)], names=0))
    if arguments.json:
        print(json.dumps({"vs_lhotse": min(row["ratio"] for row in rows), "sizes": rows}))


def measure(clips: int) -> dict:
    """Time both on a corpus of `clips` clips, on one core; returns seconds (_s) and peak memory in MB (_mb)."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        project = Path(scratch)
        write_corpus(project / "data" / "train", clips)
        write_corpus(project / "data" / "test", UTTERANCES, session="t", seed=DISTINCT)
        write_params(project)
        ours, our_memory = timed([sys.executable, "-m", "stages.preprocess"], project)
        written = 0
        for split in ("train", "dev"):
            written += (project / "processed_data" / split / "manifest.jsonl").read_text().count("\n")
        if written != clips:
            raise SystemExit(f"ours wrote {written} clips of {clips}")
        shutil.rmtree(project / "processed_data")
        command = [sys.executable, "-m", "bench.preprocess", "--lhotse", str(project)]
        theirs, their_memory = timed(command, project)
        written = len(list((project / "lhotse").rglob("*.flac")))
        if written != clips:
            raise SystemExit(f"lhotse wrote {written} clips of {clips}")
    hours = clips * UTTERANCE / 3600
    row = {"clips": clips, "hours": hours, "ours_s": ours, "lhotse_s": theirs}
    return {**row, "ours_mb": our_memory, "lhotse_mb": their_memory, "ratio": round(theirs / ours, 2)}


def table_row(row: dict) -> tuple[str, ...]:
    """Return the cells under HEADER."""
    minutes = 60 * row["hours"]
    return (
        str(row["clips"]),
        f"{row['hours']:.1f}",
        f"{row['ours_s']:.1f}",
        f"{row['lhotse_s']:.1f}",
        f"{minutes / row['ours_s']:.1f}",
        f"{minutes / row['lhotse_s']:.1f}",
        f"{row['ours_mb']:.0f}",
        f"{row['lhotse_mb']:.0f}",
        f"{row['ratio']:.2f}",
    )


def timed(command: list[str], folder: Path) -> tuple[Seconds, float]:
    """Run a command in a folder; returns its time in seconds and its peak memory in MB."""
    environment = row_process.environment(OMP_NUM_THREADS="1")
    before = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - before, usage.ru_maxrss / 1000  # kilobytes on Linux


def write_wav(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path, samples, SAMPLE_RATE)


def write_corpus(
    folder: Path,
    clips: int,
    session: str = "s",
    seed: int = 0,
    suffix: str = ".wav",
    write: Callable[[Path, np.ndarray], None] = write_wav,
) -> None:
    """Write a Kaldi directory; the names of its recordings begin with `session`.

    Parameters
    ----------
    write : writes int16 samples, shape (samples,), 16 kHz, to a file
    """
    folder.mkdir(parents=True)
    sounds = []
    tables: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2spk": [], "segments": []}
    for number in range(-(-clips // UTTERANCES)):
        name = f"{session}{number:05d}"
        if number < DISTINCT:
            sounds.append(folder / f"{name}{suffix}")
            write(sounds[-1], speech_shaped(UTTERANCES * INTERVAL, seed + number))
        else:
            os.link(sounds[number % DISTINCT], folder / f"{name}{suffix}")
        tables["wav.scp"].append(f"{name} {folder / name}{suffix}")
        for place in range(min(UTTERANCES, clips - number * UTTERANCES)):
            start = place * INTERVAL + 0.25
            tables["segments"].append(f"{name}-{place:03d} {name} {start:.2f} {start + UTTERANCE:.2f}")
            tables["text"].append(f"{name}-{place:03d} the little dog number {place} has a ball of session {number}")
            tables["utt2spk"].append(f"{name}-{place:03d} {name}")
    for table, lines in tables.items():
        (folder / table).write_text("".join(f"{line}\n" for line in lines))


def speech_shaped(seconds: Seconds, seed: int) -> np.ndarray:
    """Return int16 noise with the spectral slope and the syllable rhythm of speech, as hard to compress as speech."""
    generator = np.random.default_rng(seed)
    samples = generator.normal(0, 1, round(seconds * SAMPLE_RATE))
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    samples = np.fft.irfft(spectrum / (1 + (frequencies / 500) ** 2), len(samples))
    rhythm = 0.1 + np.square(np.sin(np.pi * 3 * np.arange(len(samples)) / SAMPLE_RATE))
    return (samples * rhythm / np.abs(samples).max() * 0.5 * 2**15).astype(np.int16)


def write_params(project: Path, workers: int = 1) -> None:
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["runtime"]["preprocess_workers"] = workers
    settings["preprocess"]["allow_shared_audio"] = True  # train and dev have sessions with the same audio
    (project / "params.yaml").write_text(yaml.safe_dump(settings))


def run_lhotse(project: Path) -> None:
    from lhotse import CutSet
    from lhotse.kaldi import load_kaldi_data_dir

    recordings, supervisions, _ = load_kaldi_data_dir(project / "data" / "train", SAMPLE_RATE)
    cuts = CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
    cuts.trim_to_supervisions(keep_overlapping=False).save_audios(project / "lhotse", format="flac", progress_bar=False)


if __name__ == "__main__":
    main()
