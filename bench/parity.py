"""Measure whether training at the utterance's length costs accuracy: train the sample with the stock recipe and ours.

    python -m bench.parity --work /tmp/parity            # over an hour on two CPU cores; a stopped bench resumes

Both recipes train the sample's base with the same learning rates and epochs, and choose the best checkpoint in the same
way. The stock model is decoded at the full window, as it was trained. Ours is decoded as it was trained, and also at
the full window, as in a stock pipeline. If the difference is negative, ours is better.
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

HEADER = ("strategy", "recipe", "decoded", "WER % by seed", "mean", "minus stock", "95 % interval")


@exit_on_user_error
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
    result_of = sample_runs.carry_out(waiting, arguments.work, arguments.jobs)
    rows = [HEADER]
    figures = {}
    for (strategy, name), group in runs.items():
        results = list(map(result_of.get, group))
        stock = list(map(result_of.get, runs[strategy, "stock"]))
        for decoded in ("window",) if name == "stock" else ("own", "window"):
            comparison = sample_runs.compare(stock, results, ("window", decoded))
            figures.setdefault(strategy, {})[f"{name}, {decoded}"] = comparison
            rows.append([strategy, name, decoded, *sample_runs.cells(comparison, is_baseline=name == "stock")])
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
