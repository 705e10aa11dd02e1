"""Whether training at the utterance's length costs accuracy: the sample, stock recipe and ours, several seeds each.

    python -m bench.parity --work /tmp/parity            # over an hour on two CPU cores; stopped, it goes on

Both recipes train the sample's base with the same rates, epochs and choice of the best checkpoint. The stock model is
decoded at the full window, as it was trained; ours as it was trained, and at the full window as a stock pipeline does.
Negative differences are in favour of ours.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from bench.sample_runs import Run, carry_out, difference, wer
from stages.common.text_table import aligned

HEADER = ("strategy", "recipe", "decoded", "WER % by seed", "mean", "minus stock", "95 % interval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs, kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--window-shares", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    arguments = parser.parse_args()
    recipes = {"stock": ("stock", ())}
    for share in arguments.window_shares:
        recipes[f"ours, {share:.0%} at window"] = ("ours", (("train.window_share", share),))
    runs = {
        (strategy, name): [Run(recipe, strategy, seed, changes) for seed in arguments.seeds]
        for strategy in ("lora", "selective")
        for name, (recipe, changes) in recipes.items()
    }
    done = carry_out([run for group in runs.values() for run in group], arguments.work, arguments.jobs)
    rows, figures = [HEADER], {}
    for (strategy, name), group in runs.items():
        results, stock = ([done[run] for run in chosen] for chosen in (group, runs[strategy, "stock"]))
        for decoded in ("window",) if name == "stock" else ("own", "window"):
            rates = wer(results, decoded)
            mean, low, high = difference(stock, results, ("window", decoded))
            figures.setdefault(strategy, {})[f"{name}, {decoded}"] = {"wer": rates, "difference": [mean, low, high]}
            compared = ("", "") if name == "stock" else (f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}")
            told = " ".join(f"{rate:.2f}" for rate in rates)
            rows.append((strategy, name, decoded, told, f"{np.mean(rates):.2f}", *compared))
    print(aligned(rows, names=3))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
