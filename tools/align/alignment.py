"""What an alignment is: where the lines of a transcript are spoken in a recording."""

from dataclasses import dataclass

from stages.records.units import Seconds
from tools.align.transcript import Line


@dataclass(frozen=True)
class Placed:
    """Where a line is spoken; start, end and confidence are None if it was not found."""

    line: Line
    start: Seconds | None
    end: Seconds | None
    confidence: float | None  # 0 to 1: geometric mean of the probabilities of the line's tokens there


@dataclass(frozen=True)
class Alignment:
    """Where all lines of a transcript are spoken, and the speech for which there is no line."""

    placed: list[Placed]
    without_text: list[tuple[Seconds, Seconds]]  # stretches of speech for which there is no line
