"""Figures of the results: PNG for `dvc plots`, and SVG that follows the page's colours for the report."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common.errors import UserError
from stages.records.paths import METRICS
from stages.scores import scoreboard
from stages.scores.scoreboard import HEADLINE_SET, Results

FOLDER = METRICS / "figures"
SIZE = (5.4, 3.2)  # inches: legible on a phone without zooming
PNG_DPI = 150
# Colours that the colour-blind tell apart (Okabe and Ito), by model; and ink and paper. The page has its own for each.
COLOURS = {"base": "#767676", "lora": "#0072b2", "selective": "#d55e00"}
INK = "#000001"
POSITIONS = 10  # parts of an utterance

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


def draw_all(content: dict, slices: dict, curves: dict[str, list[dict]], board: Results) -> dict[str, Figure]:
    """Every figure by its name.

    Parameters
    ----------
    content, slices : of scores.json and slices.json
    curves : see `read_curves`
    board : of all models
    """
    with mpl.rc_context(STYLE):
        return {
            "wer": _wer(content),
            "wer_by_age": _wer_by_age(slices),
            "learning": _learning(curves),
            "errors": _errors(content),
            "insertions": _insertions(board),
        }


def read_curves(paths: dict[str, Path]) -> dict[str, list[dict[str, float]]]:
    """The learning curve of each model, a dict of numbers an evaluation; UserError where a file is not one."""
    curves = {}
    for name, path in paths.items():
        try:
            with open(path, encoding="utf-8", newline="") as file:
                curves[name] = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        except FileNotFoundError:
            raise UserError(f"{path} is missing; make it with: dvc repro train_{name}") from None
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is no learning curve ({error}); restore it with git or train again") from None
    return curves


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
        text = text.replace(colour, f"var(--{name})")
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


def _grouped(axes: Axes, groups: Sequence[str], values: dict[str, list[dict]], marks: bool) -> None:
    """Rates of every model for every group, with intervals: bars beside each other, or points where there are many."""
    width = 0.8 / len(values)
    for place, (name, blocks) in enumerate(values.items()):
        positions = np.arange(len(groups)) + (place - (len(values) - 1) / 2) * width
        rates = np.array([100 * block.get("wer", np.nan) for block in blocks])
        ends = [[100 * block.get(key, np.nan) for block in blocks] for key in ("wer_low", "wer_high")]
        around = np.abs(np.array(ends) - rates)
        line = {"yerr": around, "ecolor": INK, "elinewidth": 1, "capsize": 2}
        if marks:
            axes.errorbar(positions, rates, fmt="os^"[place % 3], color=COLOURS.get(name), label=name, ms=5, **line)
        else:
            axes.bar(positions, rates, 0.9 * width, color=COLOURS.get(name), label=name)
            axes.errorbar(positions, rates, fmt="none", **line)
            for position, rate, high in zip(positions, rates, np.nan_to_num(ends[1]), strict=True):
                place = (position, np.fmax(rate, high))
                axes.annotate(f"{rate:.1f}", place, (0, 3), textcoords="offset points", ha="center", fontsize=7)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylim(bottom=0)
    axes.legend(ncols=len(values), loc="lower center", bbox_to_anchor=(0.5, 1))


def _wer(content: dict) -> Figure:
    figure, axes = _axes("word error rate, %")
    blocks = {name: scoreboard.by_set(block) for name, block in scoreboard.by_model(content).items()}
    sets = list(next(iter(blocks.values())))
    _grouped(axes, sets, {name: list(of.values()) for name, of in blocks.items()}, marks=False)
    return figure


def _wer_by_age(slices: dict) -> Figure:
    figure, axes = _axes("word error rate, %", "age, years")
    ages = {name: sets[HEADLINE_SET]["age"] for name, sets in slices.items()}
    _grouped(axes, list(next(iter(ages.values()))), {name: list(of.values()) for name, of in ages.items()}, marks=True)
    return figure


def _learning(curves: dict[str, list[dict[str, float]]]) -> Figure:
    figure = Figure(figsize=SIZE, layout="constrained")
    rates, losses = figure.subplots(1, 2)
    for name, rows in curves.items():
        steps = [row["step"] for row in rows]
        rates.plot(steps, [100 * row["dev_wer"] for row in rows], "o-", ms=3, color=COLOURS[name], label=name)
        losses.plot(steps, [row["train_loss"] for row in rows], "--", color=COLOURS[name], label="train")
        losses.plot(steps, [row["dev_loss"] for row in rows], "-", color=COLOURS[name], label="dev")
    rates.set(xlabel="step", ylabel="dev word error rate, %", ylim=(0, None))
    losses.set(xlabel="step", ylabel="loss (dashed: train, solid: dev)", ylim=(0, None))
    rates.legend()
    return figure


def _errors(content: dict) -> Figure:
    figure, axes = _axes(f"errors in 100 spoken words, {HEADLINE_SET}")
    blocks = scoreboard.by_model(content)
    kinds = ("substitutions", "deletions", "insertions")
    # As shares of the words they are rates like any other; intervals they have none.
    shares = {name: [{"wer": block[kind] / block["words"]} for kind in kinds] for name, block in blocks.items()}
    _grouped(axes, kinds, shares, marks=False)
    return figure


def _insertions(board: Results) -> Figure:
    figure, axes = _axes(f"insertions in 1000 spoken words, {HEADLINE_SET}", "where in the utterance")
    labels = [f"{100 * part // POSITIONS}" for part in range(POSITIONS)]
    for name, sets in board.items():
        found = sets[HEADLINE_SET]
        counts = np.bincount(np.floor(found.errors.inserted_at * POSITIONS).astype(int), minlength=POSITIONS + 1)
        rates = 1000 * counts / max(1, found.errors.words.sum())
        axes.step(range(POSITIONS + 1), rates, where="mid", color=COLOURS[name], label=name)
    axes.set_xticks(range(POSITIONS + 1), [*(f"{label} %" for label in labels), "after"], fontsize=7)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
