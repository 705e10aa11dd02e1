"""Plot of a recipe's experiments: python -m experiments.plot NAME --vary KEY [KEY] [--models MODEL ...] [--log]

Takes the experiments called NAME-... of the commit that is checked out and writes experiments/plots/NAME.png: WER with
its interval against the first key, a line for each value of the second, or for each model. The same experiments give
the same bytes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from experiments.shown import DONE, Experiment, experiments, flat
from stages.common.errors import UserError, exit_on_user_error
from stages.results import figures

FOLDER = Path("experiments/plots")
# Where lines are no models: the models' two colours, and more of Okabe and Ito's.
LINE_COLOURS = (figures.COLOURS["lora"], figures.COLOURS["selective"], "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = "os^Dvp"
APART = 4 / 72  # inches between the intervals of two lines, which would hide one another
Value = int | float | str | bool


@dataclass(frozen=True)
class Point:
    """A model's score in an experiment."""

    line: Value  # what the line is called that it is on
    x: Value
    wer: float  # all in per cent
    low: float
    high: float


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="what the names of the experiments begin with, before a hyphen")
    parser.add_argument("--vary", nargs="+", required=True, metavar="KEY", help="of params.yaml: one, or two")
    parser.add_argument("--models", nargs="+", default=["lora"], help="whose scores are drawn")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis")
    arguments = parser.parse_args()
    found = [row for row in experiments() if row.name.startswith(f"{arguments.name}-") and row.state == DONE]
    if not found:
        raise UserError(f"no experiment of this commit that is done is called {arguments.name}-...; run its recipe")
    points = [read(row, model, arguments.vary) for row in found for model in arguments.models]
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{arguments.name}.png"
    path.write_bytes(figures.png(draw(points, arguments.vary, base_wer(found), arguments.log)))
    print(path)


def read(experiment: Experiment, model: str, keys: list[str]) -> Point:
    """A model's score; UserError where the experiment lacks it or a key."""
    values, block = flat(experiment.params), experiment.scores.get(model)
    if block is None:
        raise UserError(f"experiment {experiment.name} has no scores of {model!r}; it has {sorted(experiment.scores)}")
    for key in keys:
        if key not in values:
            raise UserError(f"--vary {key}: params.yaml has no such key")
    wer, *ends = (100 * block.get(key, block["wer"]) for key in ("wer", "wer_low", "wer_high"))
    return Point(values[keys[1]] if keys[1:] else model, values[keys[0]], wer, *ends)


def base_wer(found: list[Experiment]) -> float:
    """The base's WER in per cent: the same in all of them."""
    return 100 * found[0].scores["base"]["wer"]


@mpl.rc_context(figures.STYLE)
def draw(points: list[Point], keys: list[str], base: float, log: bool) -> Figure:
    """WER against the first key; numbers at their place on the axis, words beside each other."""
    figure = Figure(figsize=figures.SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(ylabel="word error rate, %", xlabel=keys[0])
    places = set_axis(axes, sorted({point.x for point in points}, key=_order), log)
    lines = sorted({point.line for point in points}, key=_order)
    for number, line in enumerate(lines):
        row = sorted((point for point in points if point.line == line), key=lambda p: _order(p.x))
        rates = [point.wer for point in row]
        ends = [[p.wer - p.low for p in row], [p.high - p.wer for p in row]]
        colour = LINE_COLOURS[number % len(LINE_COLOURS)] if keys[1:] else figures.COLOURS[line]
        style = {"color": colour, "marker": MARKS[number % len(MARKS)], "ms": 5, "elinewidth": 1, "capsize": 2}
        aside = ScaledTranslation((number - (len(lines) - 1) / 2) * APART, 0, figure.dpi_scale_trans)
        style["transform"] = axes.transData + aside
        at = [places[point.x] for point in row]
        axes.errorbar(at, rates, yerr=ends, label=_text(line), **style)
        axes.plot(at, [point.high for point in row], linestyle="none")  # what is set aside widens no axis
    axes.set_ylim(bottom=0)
    title = f"base: {base:.1f} %" + (f"\n{keys[1]}" if keys[1:] else "")
    axes.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def set_axis(axes: Axes, values: list[Value], log: bool) -> dict[Value, float]:
    """Mark the values on the axis of abscissae; returns where each is."""
    numbers = all(isinstance(value, int | float) for value in values)
    places = dict(zip(values, values if numbers else range(len(values)), strict=True))
    if numbers and log:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), [_text(value) for value in values])
    axes.set_xticks([], minor=True)
    if not numbers:
        axes.margins(x=0.15)
    return places


def _order(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value  # numbers before words


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
