"""metrics/interpolation.png: the children's error rate and the adults', along alpha, a line a model."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common.errors import UserError
from stages.records.error_unit import ErrorUnit
from stages.records.paths import METRICS, TUNED
from stages.results import figures
from tools.interpolate import results

FIGURE_FILE = METRICS / "interpolation.png"
LABEL_POINTS = 7  # size of the alphas beside their points


def write(newest: dict, unit: ErrorUnit) -> tuple[Path, list[str]]:
    """Draw all models whose files can be compared with the newest one.

    Parameters
    ----------
    newest : the contents of the file that was just written

    Returns
    -------
    The figure's path, and a sentence for each file that is left out of it.
    """
    drawn, left_out = {}, []
    for name in TUNED:
        if name == newest["model"]:
            drawn[name] = newest
            continue
        problem = None
        try:
            content = results.read(name)
        except UserError as error:
            problem = str(error)
        else:
            if content is None:
                continue
            if results.comparable(content, newest):
                drawn[name] = content
            else:
                problem = f"{results.path_of(name)} was made from another base, other sets or another decoding"
        if problem:
            left_out.append(f"not in {FIGURE_FILE}: {problem}")
    FIGURE_FILE.write_bytes(figures.png(draw(drawn, unit)))
    return FIGURE_FILE, left_out


def draw(contents: dict[str, dict], unit: ErrorUnit) -> Figure:
    """A line a model from alpha 0 to 1, with the alphas as labels and a ring around the chosen one.

    Parameters
    ----------
    contents : by model, what its file contains; all with the same set of adults
    """
    adults = next(iter(contents.values()))["adults"]
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=figures.SIZE, layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel=f"children (dev), {unit.rate} %", ylabel=f"adults ({adults}), {unit.rate} %")
        for number, (name, content) in enumerate(contents.items()):
            _draw_line(axes, name, content, figures.MARKERS[(1 + number) % len(figures.MARKERS)])
        axes.margins(0.1)  # room for the rings and the alphas
        axes.legend(ncols=len(contents), loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def _draw_line(axes: Axes, name: str, content: dict, marker: str) -> None:
    x, y = [], []
    for at_alpha in content["alphas"].values():
        x.append(100 * at_alpha["sets"][results.CHILDREN]["wer"])
        y.append(100 * at_alpha["sets"][content["adults"]]["wer"])
    colour = figures.COLOURS[name]
    axes.plot(x, y, marker=marker, ms=4, color=colour, label=name)
    label = {"textcoords": "offset points", "fontsize": LABEL_POINTS, "color": colour}
    for number, key in enumerate(content["alphas"]):
        alpha = float(key)
        axes.annotate(f"{alpha:g}", (x[number], y[number]), (4, 3), **label)
        if alpha == content["chosen"]:
            axes.plot(x[number], y[number], marker="o", ms=10, mfc="none", mec=colour)
