"""Measure whether training at the utterance's length costs accuracy: the stock recipe and ours on the sample.

    python -m bench.parity --work /tmp/parity            # over an hour on two CPU cores; a stopped bench resumes

Both recipes train the sample's base with the same rates, epochs and choice of the best checkpoint. The stock model is
decoded at the full window, as it was trained. Ours is decoded as it was trained, and at the full window like in a stock
pipeline. A negative difference means that ours is better.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from bench.sample_runs import Run, carry_out, difference, wer
from stages.common.text_table import aligned
from stages.records.paths import TUNED

HEADER = ("strategy", "recipe", "decoded", "WER % by seed", "mean", "minus stock", "95 % interval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs; it is not deleted")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--window-shares", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    arguments = parser.parse_args()
    recipes = {"stock": ("stock", ())}
    for share in arguments.window_shares:
        recipes[f"ours, {share:.0%} at window"] = ("ours", (("train.window_share", share),))
    runs: dict[tuple[str, str], list[Run]] = {}
    waiting = []
    for strategy, (name, (recipe, changes)) in itertools.product(TUNED, recipes.items()):
        runs[strategy, name] = [Run(recipe, strategy, seed, changes) for seed in arguments.seeds]
        waiting += runs[strategy, name]
    done = carry_out(waiting, arguments.work, arguments.jobs)
    rows, figures = [HEADER], {}
    for (strategy, name), group in runs.items():
        results = [done[run] for run in group]
        stock = [done[run] for run in runs[strategy, "stock"]]
        for decoded in ("window",) if name == "stock" else ("own", "window"):
            rates = wer(results, decoded)
            mean, low, high = difference(stock, results, ("window", decoded))
            figures.setdefault(strategy, {})[f"{name}, {decoded}"] = {"wer": rates, "difference": [mean, low, high]}
            cells = [strategy, name, decoded, " ".join(f"{rate:.2f}" for rate in rates), f"{np.mean(rates):.2f}"]
            cells += ["", ""] if name == "stock" else [f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}"]
            rows.append(cells)
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
