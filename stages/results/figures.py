"""Figures of the results: PNG for `dvc plots`, and SVG that follows the page's colours for the report."""

import io
import re

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.paths import BASE, METRICS
from stages.records.strategies import STRATEGIES
from stages.scores import scoreboard, unknown_speakers
from stages.scores.scoreboard import HEADLINE_SET, Results

FOLDER = METRICS / "figures"
SIZE = (4.4, 2.9)  # inches; as wide as a phone's screen, so that text of 10 points stays about 10 pixels high there
PNG_DPI = 180
# By model: in figures and on the page, and on the page in dark mode.
COLOURS = {BASE: "#767676"} | {name: strategy.colour for name, strategy in STRATEGIES.items()}
DARK_COLOURS = {BASE: "#9e9e9e"} | {name: strategy.dark_colour for name, strategy in STRATEGIES.items()}
INK = "#000001"
# Models differ by these too, for print without colours and where two lines lie on each other; by the model's place.
MARKERS = "os^Dv"
DASHES = ("-", "--", ":", "-.", (0, (1, 1)))
POSITIONS = 10  # parts of an utterance
HEADROOM = 0.12  # of the highest value: the y axis ends so far above it, which is room for a bar's number

# Of these figures alone: matplotlib's own settings stay as they are.
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "",  # else the ids differ every time
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def draw_all(
    content: dict, slices: dict, curves: dict[str, list[dict]], board: Results, unit: ErrorUnit = WORDS
) -> dict[str, Figure]:
    """Every figure by its name.

    Parameters
    ----------
    content, slices : of scores.json and slices.json
    curves : of `learning_curves.read_all`
    board : of all models
    unit : what was counted
    """
    with mpl.rc_context(STYLE):
        return {
            "wer": _wer(content, unit),
            "wer_by_age": _wer_by_age(slices, unit),
            "learning": _learning(curves, unit),
            "loss": _loss(curves),
            "errors": _errors(content, unit),
            "insertions": _insertions(board, unit),
        }


def png(figure: Figure) -> bytes:
    """The same bytes for the same figure."""
    return _saved(figure, "png", dpi=PNG_DPI, metadata={"Software": None}, facecolor="white")


def svg(figure: Figure) -> str:
    """An <svg> element to be put into a page that defines --ink and a colour for every model (--base and so on)."""
    text = _saved(figure, "svg", transparent=True, metadata={"Date": None, "Creator": None}).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)  # as wide as the page allows
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for name, colour in COLOURS.items():
        text = text.replace(mpl.colors.to_hex(colour), f"var(--{name})")  # as matplotlib writes it
    return text.replace(INK, "var(--ink)")


def _saved(figure: Figure, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):  # some of it, such as ticks, is drawn only now
        figure.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def _axes(ylabel: str, xlabel: str = "") -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(ylabel=ylabel, xlabel=xlabel)
    return figure, axes


def _finish(axes: Axes, columns: int) -> None:
    """Let the y axis reach from 0 to above all that is drawn, and put the legend where it covers nothing."""
    highest = axes.dataLim.y1
    axes.set_ylim(0, (1 + HEADROOM) * highest if np.isfinite(highest) and highest > 0 else 1)
    axes.legend(ncols=columns, loc="lower center", bbox_to_anchor=(0.5, 1))


def _percent(blocks: list[dict], key: str) -> np.ndarray:
    """A rate of each block in per cent; NaN where a block has none."""
    return np.array([100 * block.get(key, np.nan) for block in blocks])


def _grouped(axes: Axes, groups: list[str], values: dict[str, list[dict]], marks: bool) -> None:
    """Rates of every model for every group, with intervals: bars beside each other, or points where there are many."""
    width = 0.8 / len(values)
    for number, (name, blocks) in enumerate(values.items()):
        beside_middle = (number - (len(values) - 1) / 2) * width  # of this model's bars or points in every group
        positions = np.arange(len(groups)) + beside_middle
        rates = _percent(blocks, "wer")
        low, high = _percent(blocks, "wer_low"), _percent(blocks, "wer_high")
        lengths = np.abs(np.array([low, high]) - rates)  # of an interval's lower and upper part
        style = {"yerr": lengths, "ecolor": INK, "elinewidth": 1, "capsize": 2}
        if marks:
            marker = MARKERS[number % len(MARKERS)]
            # Not clipped: of a point at 0, half lies below the axis.
            axes.errorbar(
                positions, rates, fmt=marker, color=COLOURS.get(name), label=name, ms=5, clip_on=False, **style
            )
        else:
            axes.bar(positions, rates, 0.9 * width, color=COLOURS.get(name), label=name)
            axes.errorbar(positions, rates, fmt="none", **style)
            size = min(8, 90 / (len(groups) * len(values)))
            _write_above(axes, positions, rates, np.fmax(rates, high), size)
    crowded = max(map(len, groups)) * len(groups) > 45  # letters; more would overlap
    axes.set_xticks(range(len(groups)), groups, rotation=45 if crowded else 0)
    _finish(axes, columns=len(values))


def _write_above(axes: Axes, positions: np.ndarray, rates: np.ndarray, tops: np.ndarray, size: float) -> None:
    """Write each rate above its bar and interval; size in points."""
    for position, rate, top in zip(positions, rates, tops, strict=True):
        if np.isfinite(rate):
            axes.annotate(
                f"{rate:.1f}", (position, top), (0, 3), textcoords="offset points", ha="center", fontsize=size
            )


def _wer(content: dict, unit: ErrorUnit) -> Figure:
    figure, axes = _axes(f"{unit.rate_in_full}, %")
    scores = scoreboard.by_model(content)
    values = {model: list(sets.values()) for model, sets in scores.items()}
    _grouped(axes, list(scores["base"]), values, marks=False)
    sets_with_unknown = []
    for name, block in scores["base"].items():
        if unknown_speakers.UNKNOWN in block:
            sets_with_unknown.append(name)
    _note_unknown_speakers(figure, sets_with_unknown)
    return figure


def _wer_by_age(slices: dict, unit: ErrorUnit) -> Figure:
    figure, axes = _axes(f"{unit.rate_in_full}, %", "age, years")
    values = {name: list(sets[HEADLINE_SET]["age"].values()) for name, sets in slices.items()}
    ages = list(slices["base"][HEADLINE_SET]["age"])
    _grouped(axes, ages, values, marks=True)
    if any(unknown_speakers.UNKNOWN in block for block in values["base"]):
        _note_unknown_speakers(figure, [HEADLINE_SET])
    return figure


def _note_unknown_speakers(figure: Figure, sets: list[str]) -> None:
    """Write below the axes what the intervals of these sets are over; nothing if there are none."""
    if sets:
        text = f"speakers unknown in {', '.join(sets)}: intervals over recordings, maybe too narrow"
        figure.supxlabel(text, fontsize=7)


def _learning(curves: dict[str, list[dict[str, float]]], unit: ErrorUnit) -> Figure:
    figure, axes = _axes(f"{unit.rate_in_full}, %", "step")
    for number, (name, evaluations) in enumerate(curves.items()):
        marker = MARKERS[(1 + number) % len(MARKERS)]
        _plot_curve(axes, evaluations, "dev_wer", name, marker=marker, label=name, scale=100)
    axes.set_xlim(left=0)  # a curve of a single evaluation would get a scale of fractions of a step
    _finish(axes, columns=len(curves))
    return figure


def _loss(curves: dict[str, list[dict[str, float]]]) -> Figure:
    figure, axes = _axes("loss", "step")
    for number, (name, evaluations) in enumerate(curves.items()):
        marker = MARKERS[(1 + number) % len(MARKERS)]
        _plot_curve(axes, evaluations, "dev_loss", name, marker=marker, label=f"{name}, dev")
        _plot_curve(axes, evaluations, "train_loss", name, marker=marker, label=f"{name}, train", ls="--", mfc="none")
    axes.set_xlim(left=0)  # a curve of a single evaluation would get a scale of fractions of a step
    _finish(axes, columns=len(curves))
    return figure


def _plot_curve(axes: Axes, evaluations: list[dict], key: str, name: str, scale: float = 1, **style) -> None:
    """One column of a model's learning curve by step; the markers show a curve of a single evaluation, too."""
    steps, values = [], []
    for row in evaluations:
        steps.append(row["step"])
        values.append(scale * row[key])
    axes.plot(steps, values, ms=4, color=COLOURS[name], **style)


def _errors(content: dict, unit: ErrorUnit) -> Figure:
    figure, axes = _axes(f"errors per 100 {unit.plural}")
    kinds = ["substitutions", "deletions", "insertions"]
    # As shares of the words they are rates like any other; intervals they have none.
    shares = {}
    for name, sets in scoreboard.by_model(content).items():
        block = sets[HEADLINE_SET]
        shares[name] = [{"wer": block[kind] / block["words"]} for kind in kinds]
    _grouped(axes, kinds, shares, marks=False)
    return figure


def _insertions(board: Results, unit: ErrorUnit) -> Figure:
    figure, axes = _axes(f"insertions per 1,000 {unit.plural}", "place in the utterance")
    for number, (name, sets) in enumerate(board.items()):
        errors = sets[HEADLINE_SET].errors
        parts = np.floor(errors.inserted_at * POSITIONS).astype(int)  # POSITIONS itself: after the last word
        counts = np.bincount(parts, minlength=POSITIONS + 1)
        rates = 1000 * counts / max(1, errors.words.sum())
        axes.stairs(rates, color=COLOURS[name], label=name, ls=DASHES[number % len(DASHES)], lw=1.5)
    edges = range(0, POSITIONS, 2)
    labels = [f"{100 * edge // POSITIONS} %" for edge in edges]
    axes.set_xticks([*edges, POSITIONS + 0.5], [*labels, "after"])
    axes.axvline(POSITIONS, color=INK, lw=0.5)
    _finish(axes, columns=len(board))
    return figure
