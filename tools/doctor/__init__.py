"""The checks behind `python -m tools.doctor`, which find problems before a run does. They change nothing.

Each module checks one thing and yields findings.
"""

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """The result of one check."""

    level: Level
    text: str
    cure: str = ""  # what to do: a sentence or a command
