"""Accuracy of tools.align on sessions of which every utterance's place is known:

python -m bench.align FOLDER --checkpoint CHECKPOINT [--harm 0.1]

FOLDER is made by bench.sessions. --harm removes, swaps or replaces this share of the transcript's lines, a third each.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import soundfile

from stages.common import params
from stages.decoding import transcription
from stages.records import paths
from stages.wer import normalisers
from tools import sources
from tools.align.alignment import Placed
from tools.align.session import align
from tools.align.transcript import Line

CLOSE = 0.5  # a line is placed right if it overlaps its true place by this share of either


def foreign_line(speaker: str, text: str) -> Line:
    return Line(0, speaker, text, text)


def harmed(
    truth: list[dict], share: float, foreign: list[str], random: np.random.Generator
) -> list[tuple[Line, dict | None]]:
    """The transcript's lines and the true place of each; None: said nowhere."""
    lines = [(Line(0, place["speaker"], place["text"], place["text"]), place) for place in truth]
    count = round(share * len(lines) / 3)
    for index in sorted(random.choice(len(lines), count, replace=False), reverse=True):
        del lines[index]
    for index in random.choice(len(lines) - 1, count, replace=False):
        lines[index], lines[index + 1] = lines[index + 1], lines[index]
    for index in random.choice(len(lines), count, replace=False):
        lines[index] = (foreign_line(lines[index][0].speaker, foreign[random.integers(len(foreign))]), None)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of bench.sessions")
    parser.add_argument("--checkpoint", required=True, help="a folder, or a model of the hub")
    parser.add_argument("--harm", type=float, default=0.0, help="share of the lines; default: 0")
    arguments = parser.parse_args()
    settings = params.load()
    decoder = transcription.prepare(sources.load_checkpoint(arguments.checkpoint), settings)
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    random = np.random.default_rng(1)
    sessions = sorted(arguments.folder.glob("*.json"))
    truths = {path: [p for p in json.loads(path.read_text()) if p["transcribed"]] for path in sessions}
    errors: list[float] = []
    counts = {"lines": 0, "placed": 0, "wrong": 0, "said": 0}
    began, seconds = time.perf_counter(), 0.0
    for path in sessions:
        samples, rate = soundfile.read(path.with_suffix(".wav"), dtype="float32")
        seconds += len(samples) / rate
        foreign = [place["text"] for other in sessions if other != path for place in truths[other]]
        lines = harmed(truths[path], arguments.harm, foreign, random)
        result = align(decoder, samples, [line for line, _ in lines], normalise)
        for placed, (_, place) in zip(result.placed, lines, strict=True):
            count(placed, place, counts, errors)
        print(path.name, counts, flush=True)
    sizes = np.abs(errors)
    found = 100 * counts["placed"] / counts["said"]
    wrong = 100 * counts["wrong"] / counts["lines"]
    speed = seconds / (time.perf_counter() - began)
    print(
        f"{found:.1f} % of the {counts['said']} lines that are said were found, {wrong:.1f} % of all in a wrong place"
    )
    print(f"borders: median error {np.median(sizes):.3f} s, 95th percentile {np.quantile(sizes, 0.95):.3f} s")
    print(f"{seconds / 60:.0f} minutes of recordings, {speed:.1f} times as fast as they last")


def count(placed: Placed, place: dict | None, counts: dict[str, int], errors: list[float]) -> None:
    """Add a line to the counts, and the errors of its borders if it is in its place (None: it is said nowhere)."""
    counts["lines"] += 1
    counts["said"] += place is not None
    if placed.start is None:
        return
    counts["placed"] += 1
    overlap = shorter = 0.0
    if place is not None:
        overlap = min(placed.end, place["end"]) - max(placed.start, place["start"])
        shorter = min(placed.end - placed.start, place["end"] - place["start"])
    if place is None or overlap < CLOSE * shorter:
        counts["wrong"] += 1
        return
    errors += [placed.start - place["start"], placed.end - place["end"]]


if __name__ == "__main__":
    main()
