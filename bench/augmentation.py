"""Measure the effect of each augmentation: train on the sample with and without it, several seeds.

    python -m bench.augmentation --work /tmp/parity   # 30 trainings; a stopped bench resumes

The folder may be that of bench.parity: runs that both need are made once. A negative difference means that augmentation
helps.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from bench.sample_runs import Run, carry_out, difference, wer
from stages.common.text_table import aligned
from stages.records.paths import TUNED

MASKS = (("train.augment.time_masks", 2), ("train.augment.frequency_masks", 2))
SPEEDS = (("train.augment.speeds", (0.9, 1.0, 1.1)),)
VTLP = (("train.augment.vtlp", 0.1),)
NONE = (("train.window_share", 0.0),)
AUGMENTATIONS = {
    "none": NONE,
    "SpecAugment": NONE + MASKS,
    "speed": NONE + SPEEDS,
    "VTLP": NONE + VTLP,
    "all three": NONE + MASKS + SPEEDS + VTLP,
}
HEADER = ("strategy", "augmentation", "WER % by seed", "mean", "minus none", "95 % interval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs; it is not deleted")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    arguments = parser.parse_args()
    runs: dict[tuple[str, str], list[Run]] = {}
    waiting = []
    for seed in arguments.seeds:  # the seeds in the outer loop, so that a stopped bench has whole seeds
        for strategy, (name, changes) in itertools.product(TUNED, AUGMENTATIONS.items()):
            run = Run("ours", strategy, seed, changes)
            runs.setdefault((strategy, name), []).append(run)
            waiting.append(run)
    done = carry_out(waiting, arguments.work, arguments.jobs)
    rows, figures = [HEADER], {}
    for (strategy, name), group in runs.items():
        results = [done[run] for run in group]
        without = [done[run] for run in runs[strategy, "none"]]
        rates = wer(results, "own")
        mean, low, high = difference(without, results, ("own", "own"))
        figures.setdefault(strategy, {})[name] = {"wer": rates, "difference": [mean, low, high]}
        cells = [strategy, name, " ".join(f"{rate:.2f}" for rate in rates), f"{np.mean(rates):.2f}"]
        cells += ["", ""] if name == "none" else [f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}"]
        rows.append(cells)
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
