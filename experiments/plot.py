"""Plot a recipe's experiments: python -m experiments.plot NAME --vary KEY [KEY] [--models MODEL ...] [--log]

Reads the experiments called NAME-... of the commit that is checked out, and writes experiments/plots/NAME.png: WER (in
languages without spaces, CER) with its interval, by the first key. There is a line for each value of the second key, or
for each model if there is no second key. The same experiments give the same bytes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from experiments.shown import DONE, Experiment, experiments, flat
from stages.common.errors import UserError, exit_on_user_error
from stages.records.error_unit import CHARACTERS, WORDS, ErrorUnit
from stages.results import figures
from stages.scores import unknown_speakers

FOLDER = Path("experiments/plots")
SIZE = (5.4, 3.2)  # inches
# The palette of Okabe and Ito, for lines that are not models.
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "os^Dvp"
LINE_OFFSET = 4 / 72  # inches between the intervals of two lines, so that both are visible
Value = int | float | str | bool


@dataclass(frozen=True)
class Point:
    """The error rate of a model in an experiment."""

    line: Value  # label of the line that the point belongs to
    x: Value
    rate: float  # per cent
    low: float  # the lower end of its interval, per cent
    high: float  # the upper end
    has_unknown_speakers: bool  # then the interval is over recordings


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="first part of the experiments' names, before a hyphen")
    parser.add_argument("--vary", nargs="+", required=True, metavar="KEY", help="one or two keys of params.yaml")
    parser.add_argument("--models", nargs="+", default=["lora"], help="models to plot; default: lora")
    parser.add_argument("--log", action="store_true", help="logarithmic axis of the first key")
    arguments = parser.parse_args()
    done = [row for row in experiments() if row.name.startswith(f"{arguments.name}-") and row.state == DONE]
    if not done:
        raise UserError(f"no experiment {arguments.name}-... of this commit is done; run experiments/*.sh to make them")
    unit = counted(done)
    points = []
    for row in done:
        for model in arguments.models:
            points.append(read(row, model, arguments.vary))
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{arguments.name}.png"
    path.write_bytes(figures.png(draw(points, arguments.vary, base_rate(done), arguments.log, unit)))
    print(path)


def read(experiment: Experiment, model: str, keys: list[str]) -> Point:
    """Return a model's score as a point of the plot.

    Parameters
    ----------
    model : base, lora or selective
    keys : one or two keys of params.yaml, for the x axis and for the lines

    Raises
    ------
    UserError
        The experiment has no such model or key.
    """
    values, block = flat(experiment.params), scores_of(experiment, model)
    for key in keys:
        if key not in values:
            raise UserError(f"--vary {key}: params.yaml has no such key")
    key = unit_of(block).key
    rate = block[key]
    low, high = block.get(f"{key}_low", rate), block.get(f"{key}_high", rate)  # equal where there is no interval
    line = values[keys[1]] if len(keys) > 1 else model
    return Point(line, values[keys[0]], 100 * rate, 100 * low, 100 * high, unknown_speakers.UNKNOWN in block)


def scores_of(experiment: Experiment, model: str) -> dict:
    """Return a model's figures in wer.json; UserError if the experiment has none."""
    if model not in experiment.scores:
        raise UserError(f"experiment {experiment.name} has no scores of {model!r}; it has {sorted(experiment.scores)}")
    return experiment.scores[model]


def unit_of(block: dict) -> ErrorUnit:
    """Return what was counted for a model's figures in wer.json: those of characters have no WER."""
    return WORDS if WORDS.key in block else CHARACTERS


def counted(done: list[Experiment]) -> ErrorUnit:
    """Return what was counted in the experiments; UserError where they differ, and cannot be on one axis."""
    by_unit = {unit_of(scores_of(row, "base")): row.name for row in done}
    if len(by_unit) > 1:
        raise UserError(
            f"{by_unit[WORDS]} has a word error rate and {by_unit[CHARACTERS]} a character error rate, because their "
            "languages differ; plot them apart"
        )
    return next(iter(by_unit))


def base_rate(done: list[Experiment]) -> float:
    """Return the base model's error rate, per cent; it is the same in all experiments."""
    block = done[0].scores["base"]
    return 100 * block[unit_of(block).key]


@mpl.rc_context(figures.STYLE)
def draw(points: list[Point], keys: list[str], base: float, log: bool, unit: ErrorUnit = WORDS) -> Figure:
    """Draw the error rate by the first key.

    Parameters
    ----------
    keys : one or two keys of params.yaml, as for `read`
    base : the base model's error rate, per cent
    log : draw a logarithmic x axis, if its values are numbers
    unit : what was counted
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(ylabel=f"{unit.rate_in_full}, %", xlabel=keys[0])
    places = set_axis(axes, sorted({point.x for point in points}, key=_order), log)
    lines = sorted({point.line for point in points}, key=_order)
    for number, line in enumerate(lines):
        colour = LINE_COLOURS[number % len(LINE_COLOURS)] if len(keys) > 1 else figures.COLOURS[line]
        offset = (number - (len(lines) - 1) / 2) * LINE_OFFSET
        style = {"color": colour, "marker": MARKERS[number % len(MARKERS)], "ms": 5, "elinewidth": 1, "capsize": 2}
        style["transform"] = axes.transData + ScaledTranslation(offset, 0, figure.dpi_scale_trans)
        at, rate, low, high = [], [], [], []
        for point in sorted(points, key=lambda point: _order(point.x)):
            if point.line == line:
                at.append(places[point.x])
                rate.append(point.rate)
                low.append(point.low)
                high.append(point.high)
        axes.errorbar(at, rate, yerr=[np.subtract(rate, low), np.subtract(high, rate)], label=_text(line), **style)
        # Invisible points, because matplotlib does not widen the axis for lines that have their own transform.
        axes.plot(at, high, linestyle="none")
    axes.set_ylim(bottom=0)
    title = f"base: {base:.1f} %"
    if len(keys) > 1:
        title += f"\n{keys[1]}"
    if any(point.has_unknown_speakers for point in points):
        title += "\nspeakers unknown:\nintervals over recordings"
    axes.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def set_axis(axes: Axes, values: list[Value], log: bool) -> dict[Value, float]:
    """Label the values on the x axis and return the place of each: words have equal distances."""
    are_numbers = all(isinstance(value, int | float) for value in values)
    places = dict(zip(values, values if are_numbers else range(len(values)), strict=True))
    if are_numbers and log:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), list(map(_text, values)))
    axes.set_xticks([], minor=True)
    if not are_numbers:
        axes.margins(x=0.15)
    return places


def _order(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value  # numbers before words


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
