"""Measure how the time of three steps grows with the corpus: ten times the size should take ten times as long.

    python -m bench.costs

textgrid: reading one TextGrid with a tier of utterances and a tier of words, four words an utterance.
scores: all figures of metrics/scores.json and metrics/slices.json, for three models, five utterances a speaker.
doctor: comparing the objects of a folder that DVC tracks with the list of those that a remote holds.

Processor time is measured, so that other work on the machine changes it little. Each step first runs on a tiny input,
so that the time for loading libraries is not measured.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from praatio.data_classes.interval_tier import IntervalTier
from praatio.data_classes.textgrid import Textgrid

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.corpus.formats import registry
from stages.records import light_normaliser
from stages.records.paths import MODELS
from stages.records.shards import Clip
from stages.records.transcripts import Transcript
from stages.records.units import Seconds
from stages.scores import scoreboard, slicing
from tools.doctor import remote

ROOT = Path(__file__).parent.parent
ROW = "{:<10}{:<12}{:>8}{:>9}{:>9}{:>7}"
WORDS = ("we", "call", "it", "bear")
TEXT = " ".join(WORDS)
LARGER = 10  # the second measurement has so many times the input of the first
UTTERANCES = 5  # of each speaker
WRONG_SHARE = 0.3  # of the hypotheses
DVC_CONFIG = """
[core]
    remote = storage
    no_scm = true
['remote "storage"']
    url = {folder}/remote
    verify = true
"""


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    arguments = parser.parse_args()
    steps = (
        ("textgrid", "utterances", 1000, read_textgrid),
        ("scores", "speakers", 800, compute_scores),
        ("doctor", "objects", 10_000, look_for_objects),
    )
    growth = {}
    print(ROW.format("step", "of", "number", "seconds", "ms each", "times"))
    for step, unit, number, prepared in steps:
        measure(prepared, 10)
        seconds = measure(prepared, number)
        print(ROW.format(step, unit, number, f"{seconds:.2f}", f"{1000 * seconds / number:.3f}", ""), flush=True)
        number *= LARGER
        larger_seconds = measure(prepared, number)
        growth[step] = larger_seconds / seconds
        each = f"{1000 * larger_seconds / number:.3f}"
        print(ROW.format(step, unit, number, f"{larger_seconds:.2f}", each, f"{growth[step]:.1f}"), flush=True)
    if arguments.json:
        print(json.dumps({"growth": growth}))


def measure(prepared: Callable, number: int) -> Seconds:
    """Return the processor time of a step.

    Parameters
    ----------
    prepared : a context manager that makes the input in a folder and yields the function to measure
    number : how large the input is
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, prepared(Path(scratch), number) as run:
        start = time.process_time()
        run()
        return time.process_time() - start


@contextlib.contextmanager
def read_textgrid(scratch: Path, utterances: int) -> Iterator[Callable]:
    """Prepare reading a split with one TextGrid."""
    folder = scratch / "data/train/anna"
    folder.mkdir(parents=True)
    (folder / "a.wav").touch()  # it must exist, but is not opened
    intervals, words = [], []
    for number in range(utterances):
        start = 2.0 * number
        intervals.append((start, start + 1.6, TEXT))
        for place, word in enumerate(WORDS):
            words.append((start + 0.4 * place, start + 0.4 * (place + 1), word))
    file = Textgrid()
    file.addTier(IntervalTier("anna", intervals, 0, 2.0 * utterances))
    file.addTier(IntervalTier("anna - words", words, 0, 2.0 * utterances))
    file.save(str(folder / "a.TextGrid"), format="long_textgrid", includeBlankSpaces=True)
    options = params.load(ROOT / "params.yaml").preprocess

    def run() -> None:
        reading = registry.read_split(scratch / "data", "train", options)
        check(len(reading.utterances) == utterances, f"{len(reading.utterances)} utterances were read")

    yield run


@contextlib.contextmanager
def compute_scores(scratch: Path, speakers: int) -> Iterator[Callable]:
    """Prepare aligning, scoring and resampling the transcripts of three models."""
    generator = np.random.default_rng(0)
    clips = []
    transcripts: dict[str, list[Transcript]] = {name: [] for name in MODELS}
    for number in range(speakers * UTTERANCES):
        clips.append(clip(f"{number}", f"speaker-{number // UTTERANCES}"))
        for name in MODELS:
            is_wrong = generator.random() < WRONG_SHARE
            hypothesis = "we call it there" if is_wrong else TEXT
            transcripts[name].append(Transcript("test", f"{number}", TEXT, hypothesis, -0.5, 1.0))
    rules = {"whisper": light_normaliser.light, "light": light_normaliser.light}

    def run() -> None:
        results = {}
        for name, rows in transcripts.items():
            results[name] = scoreboard.results_by_set(rows, {"test": clips}, rules["whisper"])
        scoreboard.figures(results, rules)
        slicing.slices(results)

    yield run


def clip(id: str, speaker: str) -> Clip:
    """Return a clip of a child; its audio does not exist, as scoring opens none."""
    return Clip(
        id=id,
        text=TEXT,
        text_raw="",
        speaker=speaker,
        age="7",
        age_months=84 + len(speaker) % 12,
        gender=None,
        format="table",
        source="a.wav",
        source_rate=16_000,
        start=None,
        end=None,
        flags=[],
        duration=1.6,
        shard="shard-00000.tar",
        offset=0,
        size=0,
    )


@contextlib.contextmanager
def look_for_objects(scratch: Path, objects: int) -> Iterator[Callable]:
    """Prepare the doctor's comparison of a folder that DVC tracks with what a remote holds."""
    entries = []
    for number in range(objects):
        entries.append({"md5": f"{number:032x}", "relpath": f"{number}.wav"})
    list_oid = "f" * 32 + ".dir"
    oids = [list_oid] + [entry["md5"] for entry in entries]
    list_file = scratch / ".dvc/cache/files/md5" / list_oid[:2] / list_oid[2:]
    list_file.parent.mkdir(parents=True)
    list_file.write_text(json.dumps(entries), encoding="utf-8")
    (scratch / ".dvc/config").write_text(DVC_CONFIG.format(folder=scratch), encoding="utf-8")
    (scratch / "data.dvc").write_text(f"outs:\n- md5: {list_oid}\n  hash: md5\n  path: data\n", encoding="utf-8")
    with contextlib.chdir(scratch):

        def listed(store) -> dict[str, dict]:
            return {store.oid_to_path(oid): {} for oid in oids}

        def run() -> None:
            for finding in remote.findings(read=False):
                check(finding.level == "ok", finding.text)

        with mock.patch.object(remote, "_list", listed):  # no server is asked, as its time is not measured
            yield run


def check(is_right: bool, result: str) -> None:
    """Stop if a step did not do what is to be measured."""
    if not is_right:
        raise SystemExit(f"bench.costs: a step did not do its work, so its time means nothing: {result}")


if __name__ == "__main__":
    main()
