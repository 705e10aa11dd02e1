"""Praat's text files as Praat reads them: numbers, quoted strings and flags that stand alone; all else is a comment.

So it is the same for the long form, the short form and the chronological one, and labels may hold anything. praatio
looks for the words of the long form, such as item [1]:, which may be in a label too.
"""

import re
from collections.abc import Iterator

from praatio.utilities.constants import INTERVAL_TIER, POINT_TIER

CHRONOLOGICAL = "Praat chronological TextGrid text file"
TOKEN = re.compile(
    r'"(?P<string>(?:[^"]|"")*)"|(?<!\S)(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)(?!\S)'
    r"|(?P<flag><\w+>)|(?<!\S)![^\n]*",
    re.IGNORECASE,
)
MAX_TIERS = 10_000


class NotTextGrid(Exception):
    """The text is no complete TextGrid; the message says where it stops being one."""


def tiers(text: str) -> list[dict]:
    """The tiers of a TextGrid in any of Praat's text forms: dicts with name, class and entries (times, label).

    Raises
    ------
    NotTextGrid
    """
    tokens = _Tokens(text)
    if tokens.first_string() == CHRONOLOGICAL:
        return _chronological(tokens)
    tokens.string("its class")
    tokens.number("its start")
    tokens.number("its end")
    if tokens.flag() != "<exists>":
        raise NotTextGrid("it has no tiers")
    read = []
    for place in range(1, tokens.count("the number of tiers", MAX_TIERS) + 1):
        tier = _tier(tokens, place)
        for _ in range(tokens.count(f"the size of tier {place}", len(text))):
            tier["entries"].append(_entry(tier, tokens))
        read.append(tier)
    tokens.check_end()
    return read


def _chronological(tokens: "_Tokens") -> list[dict]:
    """The tiers of a file that lists the intervals of all tiers by time, each with the number of its tier."""
    tokens.number("its start")
    tokens.number("its end")
    read = [_tier(tokens, place) for place in range(1, tokens.count("the number of tiers", MAX_TIERS) + 1)]
    while not tokens.at_end():
        place = tokens.count("the tier of an interval", len(read))
        if place == 0:
            raise NotTextGrid("an interval is of tier 0")
        tier = read[place - 1]
        tier["entries"].append(_entry(tier, tokens))
    return read


def _tier(tokens: "_Tokens", place: int) -> dict:
    kind = tokens.string(f"the class of tier {place}")
    if kind not in (INTERVAL_TIER, POINT_TIER):
        raise NotTextGrid(f"tier {place} is of the class {kind!r}")
    name = tokens.string(f"the name of tier {place}")
    tokens.number(f"the start of tier {name}")
    tokens.number(f"the end of tier {name}")
    return {"class": kind, "name": name, "entries": []}


def _entry(tier: dict, tokens: "_Tokens") -> tuple[str, ...]:
    """The times and the label of an interval or a point."""
    times = [tokens.number(f"a time of tier {tier['name']}")]
    if tier["class"] == INTERVAL_TIER:
        times.append(tokens.number(f"a time of tier {tier['name']}"))
    return (*times, tokens.string(f"a label of tier {tier['name']}"))


class _Tokens:
    """The tokens of a file, one after the other; each is asked for by its kind."""

    def __init__(self, text: str):
        self._tokens: Iterator[re.Match[str]] = (match for match in TOKEN.finditer(text) if match.lastgroup)
        self._next = next(self._tokens, None)

    def first_string(self) -> str:
        return self.string("its type")

    def string(self, what: str) -> str:
        return self._take("string", what).replace('""', '"')

    def number(self, what: str) -> str:
        return self._take("number", what)

    def flag(self) -> str:
        return self._take("flag", "<exists>").lower()

    def count(self, what: str, largest: int) -> int:
        number = self.number(what)
        if not number.isdecimal() or int(number) > largest:
            raise NotTextGrid(f"{number} is given as {what}")
        return int(number)

    def at_end(self) -> bool:
        return self._next is None

    def check_end(self) -> None:
        if self._next is not None:
            raise NotTextGrid(f"there is {self._next[0][:20]!r} after its last tier")

    def _take(self, kind: str, what: str) -> str:
        match = self._next
        if match is None:
            raise NotTextGrid(f"it ends before {what}")
        if match.lastgroup != kind:
            raise NotTextGrid(f"there is {match[0][:20]!r} where {what} should be")
        self._next = next(self._tokens, None)
        return match[kind]
