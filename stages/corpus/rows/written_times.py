"""Times as people write them in cells of tables: 62.5, 62,5, 1:02.5, 0:01:02,500."""

import re

from stages.records.units import Seconds

SPECIAL = ("nan", "inf", "infinity")  # no times; check_times refuses them
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?([0-9]+),([0-9]+)")
CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{1,2})(?:[.,]([0-9]+))?")


def number_of(text: str) -> float:
    """The number that a cell holds, with a decimal point or a decimal comma.

    Raises
    ------
    ValueError
        It is no number, or may be two different ones: 1,500 is one and a half or fifteen hundred. Says which.
    """
    lower = text.lower()
    if NUMBER.fullmatch(lower) or lower.lstrip("+-") in SPECIAL:
        return float(text)
    comma = DECIMAL_COMMA.fullmatch(text)
    if not comma:
        raise ValueError("it is no number")
    whole, fraction = comma.groups()
    if len(fraction) == 3 and len(whole) <= 3 and int(whole) != 0:
        raise ValueError("the comma may be a decimal comma or one between thousands; write a decimal point")
    return float(text.replace(",", "."))


def clock_seconds(text: str) -> Seconds | None:
    """The seconds of a clock time, m:ss or h:mm:ss with or without a fraction; None where the text is none.

    Raises
    ------
    ValueError
        It has a part that is 60 or more.
    """
    clock = CLOCK.fullmatch(text)
    if not clock:
        return None
    hours, minutes, seconds, fraction = clock.groups()
    if int(seconds) > 59 or (hours is not None and int(minutes) > 59):
        raise ValueError("minutes and seconds end at 59")
    whole = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
    return float(f"{whole}.{fraction or 0}")
