"""A transcript in its recording."""

from dataclasses import dataclass

from stages.records.units import Seconds
from tools.align.transcript import Line


@dataclass(frozen=True)
class Placed:
    """Where a line is spoken; start, end and confidence are None where it was not found."""

    line: Line
    start: Seconds | None
    end: Seconds | None
    confidence: float | None  # 0 to 1: geometric mean probability of the text's tokens in its place


@dataclass(frozen=True)
class Alignment:
    """A transcript in its recording."""

    placed: list[Placed]
    without_text: list[tuple[Seconds, Seconds]]  # stretches in which somebody speaks what no line says
