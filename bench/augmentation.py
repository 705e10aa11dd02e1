"""Measure the effect of each augmentation: train on the sample with and without it, with several seeds.

    python -m bench.augmentation --work /tmp/parity   # 30 trainings; a stopped bench resumes

The folder may be the one of bench.parity: runs that both need are made once. If the difference is negative, the
augmentation helps.
"""

import argparse
import itertools
import json
from pathlib import Path

from bench import sample_runs
from bench.sample_runs import Run
from stages.common.errors import exit_on_user_error
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


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs; it is not deleted")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    arguments = parser.parse_args()
    runs: dict[tuple[str, str], list[Run]] = {}
    waiting = []
    for seed in arguments.seeds:  # in the outer loop, so that a stopped bench has all runs of the first seeds
        for strategy, (name, changes) in itertools.product(TUNED, AUGMENTATIONS.items()):
            run = Run("ours", strategy, seed, changes)
            runs.setdefault((strategy, name), []).append(run)
            waiting.append(run)
    result_of = sample_runs.carry_out(waiting, arguments.work, arguments.jobs)
    rows = [HEADER]
    figures = {}
    for (strategy, name), group in runs.items():
        without = list(map(result_of.get, runs[strategy, "none"]))
        comparison = sample_runs.compare(without, list(map(result_of.get, group)), ("own", "own"))
        figures.setdefault(strategy, {})[name] = comparison
        rows.append([strategy, name, *sample_runs.cells(comparison, is_baseline=name == "none")])
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
