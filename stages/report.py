"""Figures of the results."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")  # no screen is needed
from matplotlib import pyplot as plt

BAR = 0.8  # width of all bars of one evaluation set together, in axis units


def wer_figure(rates: dict[str, dict[str, float]], path: Path) -> None:
    """Draw the WER of every model on every evaluation set as grouped bars, the same bytes for the same figures.

    Parameters
    ----------
    rates : model -> evaluation set -> WER as a share
    """
    sets = list(next(iter(rates.values())))
    figure, axes = plt.subplots(figsize=(2 + 2 * len(sets), 4), layout="constrained")
    width = BAR / len(rates)
    for place, (name, by_set) in enumerate(rates.items()):
        positions = np.arange(len(sets)) + (place - (len(rates) - 1) / 2) * width
        bars = axes.bar(positions, [100 * by_set[key] for key in sets], 0.9 * width, label=name)
        axes.bar_label(bars, fmt="%.1f", padding=2)
    axes.set_xticks(range(len(sets)), sets)
    axes.set_ylabel("word error rate, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
