"""What could go wrong before it does: the checks behind `python -m tools.doctor`. They change nothing.

Each module here looks at one thing and yields findings.
"""

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    text: str
    cure: str = ""  # what to do, a sentence or a command
