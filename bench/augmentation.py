"""What each augmentation brings: the sample trained with and without, several seeds each, scored on its test children.

    python -m bench.augmentation --work /tmp/parity   # 30 trainings; stopped, it goes on

The folder may be bench.parity's: runs that both need are made once. Negative differences are in favour of augmenting.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from bench.sample_runs import Run, carry_out, difference, wer
from stages.common.text_table import aligned

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
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs, kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    arguments = parser.parse_args()
    runs = {
        (strategy, name): [Run("ours", strategy, seed, changes) for seed in arguments.seeds]
        for strategy in ("lora", "selective")
        for name, changes in AUGMENTATIONS.items()
    }
    by_seed = [run for same_seed in zip(*runs.values(), strict=True) for run in same_seed]
    done = carry_out(by_seed, arguments.work, arguments.jobs)
    rows, figures = [HEADER], {}
    for (strategy, name), group in runs.items():
        results, plain = ([done[run] for run in chosen] for chosen in (group, runs[strategy, "none"]))
        rates = wer(results, "own")
        mean, low, high = difference(plain, results, ("own", "own"))
        figures.setdefault(strategy, {})[name] = {"wer": rates, "difference": [mean, low, high]}
        compared = ("", "") if name == "none" else (f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}")
        rows.append((strategy, name, " ".join(f"{rate:.2f}" for rate in rates), f"{np.mean(rates):.2f}", *compared))
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
