"""Measure the accuracy of tools.align on sessions in which the place of each utterance is known:

python -m bench.align FOLDER --checkpoint CHECKPOINT [--harm 0.1]

FOLDER is made by bench.sessions. --harm SHARE makes mistakes in so many of the transcript's lines: a third of them is
removed, a third is swapped with the next line, and a third is replaced by a line of another session.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import soundfile

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.decoding import transcription
from stages.records import paths
from stages.wer import normalisers
from tools import sources
from tools.align.alignment import Placed
from tools.align.session import align
from tools.align.transcript import Line

CLOSE = 0.5  # a line is in the right place if it overlaps its true place by this share of the shorter of the two


def line_of(speaker: str, text: str) -> Line:
    """A line of a transcript; its number is not used."""
    return Line(0, speaker, text, text)


def with_mistakes(
    truth: list[dict], share: float, foreign: list[str], random: np.random.Generator
) -> list[tuple[Line, dict | None]]:
    """The lines of a transcript with mistakes, and the true place of each line; None where it is not spoken at all.

    Parameters
    ----------
    truth : the places of the right transcript's lines
    share : of the lines that are changed
    foreign : texts of other sessions
    """
    lines = [(line_of(place["speaker"], place["text"]), place) for place in truth]
    count = round(share * len(lines) / 3)
    for index in sorted(random.choice(len(lines), count, replace=False), reverse=True):
        del lines[index]
    for index in random.choice(len(lines) - 1, count, replace=False):
        lines[index], lines[index + 1] = lines[index + 1], lines[index]
    for index in random.choice(len(lines), count, replace=False):
        speaker = lines[index][0].speaker
        lines[index] = (line_of(speaker, foreign[random.integers(len(foreign))]), None)
    return lines


def read_places(session: Path) -> list[dict]:
    """The places of a session that are in its transcript."""
    places = json.loads(session.read_text())
    return [place for place in places if place["transcribed"]]


def texts_of_others(truths: dict[Path, list[dict]], session: Path) -> list[str]:
    """The texts of all sessions but one."""
    texts = []
    for other, places in truths.items():
        if other != session:
            texts += [place["text"] for place in places]
    return texts


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of bench.sessions")
    parser.add_argument("--checkpoint", required=True, help="a folder, or a model of the hub")
    parser.add_argument("--harm", type=float, default=0.0, help="share of the lines to change; default: 0")
    arguments = parser.parse_args()
    settings = params.load()
    decoder = transcription.prepare(sources.load_checkpoint(arguments.checkpoint), settings)
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    random = np.random.default_rng(1)
    sessions = sorted(arguments.folder.glob("*.json"))
    truths = {path: read_places(path) for path in sessions}
    errors: list[float] = []
    counts = {"lines": 0, "placed": 0, "wrong": 0, "spoken": 0}
    began, seconds = time.perf_counter(), 0.0
    for path in sessions:
        samples, rate = soundfile.read(path.with_suffix(".wav"), dtype="float32")
        seconds += len(samples) / rate
        lines = with_mistakes(truths[path], arguments.harm, texts_of_others(truths, path), random)
        result = align(decoder, samples, [line for line, _ in lines], normalise)
        for placed, (_, place) in zip(result.placed, lines, strict=True):
            count(placed, place, counts, errors)
        print(path.name, counts, flush=True)
    sizes = np.abs(errors)
    placed_share = 100 * counts["placed"] / counts["spoken"]
    wrong_share = 100 * counts["wrong"] / counts["lines"]
    speed = seconds / (time.perf_counter() - began)
    print(f"{placed_share:.1f} % of the {counts['spoken']} lines that are spoken in the recordings were placed")
    print(f"{wrong_share:.1f} % of all lines are in a wrong place")
    print(f"borders: median error {np.median(sizes):.3f} s, 95th percentile {np.quantile(sizes, 0.95):.3f} s")
    print(f"{seconds / 60:.0f} minutes of recordings, {speed:.1f} times as fast as they last")


def count(placed: Placed, place: dict | None, counts: dict[str, int], errors: list[float]) -> None:
    """Add a line to the counts and, if it is in the right place, the errors of its start and end to `errors`.

    Parameters
    ----------
    place : the true place; None: the line is not spoken at all
    """
    counts["lines"] += 1
    counts["spoken"] += place is not None
    if placed.start is None:
        return
    counts["placed"] += place is not None
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
