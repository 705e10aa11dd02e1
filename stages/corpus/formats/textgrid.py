"""Praat TextGrids: one interval tier a speaker, named after the speaker.

As the Montreal Forced Aligner writes them, "anna - words" (or just "words") holds the word times of the speaker anna,
and "anna - phones" is left out. Where a speaker has words and no tier of utterances, the words are one utterance.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from praatio.utilities.constants import INTERVAL_TIER
from praatio.utilities.textgrid_io import parseTextgridStr

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import START_SLACK, Refused, SplitContents, Word
from stages.records.units import Seconds

WORDS = re.compile(r"(?:(.*?)\s*[-_/]\s*)?words?", re.IGNORECASE)
NO_UTTERANCES = re.compile(r"(.*[-_/]\s*)?(phones?|phonemes?|segments?|syllables?|pho|syl)", re.IGNORECASE)
# How many intervals or points a tier has: in the long form, or after the name and two times in the short form.
SIZE = re.compile(
    r"(?:intervals|points): size = ([0-9]+)|^\"(?:IntervalTier|TextTier)\"\n\"(?:[^\"]|\"\")*\"\n\S+\n\S+\n([0-9]+)$",
    re.MULTILINE,
)
NEGATIVE = re.compile(r"^\s*(?:x(?:min|max)|number|time) = (-[0-9]+(?:\.[0-9]+)?)\s*$", re.MULTILINE)


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".textgrid")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a TextGrid, of the tiers whose names match preprocess.tiers as a whole.

    Raises
    ------
    Refused
        broken-textgrid
    """
    tiers, words, left_out = [], {}, Counter()
    for tier in _tiers(read_text(path, place, reading)):
        name = nfc(tier["name"]).strip()
        wanted = re.fullmatch(reading.options.tiers or ".*", name)
        if tier["class"] == INTERVAL_TIER and (found := WORDS.fullmatch(name)):
            words[found[1] or ""] = _words(tier["entries"])
        elif tier["class"] != INTERVAL_TIER or NO_UTTERANCES.fullmatch(name) or not wanted:
            left_out[f"tier {name}"] += 1
        else:
            tiers.append((name, tier["entries"]))
    named = {name for name, _ in tiers}
    # Word tiers that belong to no tier of utterances.
    tiers += [
        (name, [_joined(row)]) for name, row in words.items() if row and name not in named and (name or not tiers)
    ]
    return [Session((), list(turns_of(tiers, words)), "textgrid", left_out=left_out)]


def _tiers(text: str) -> list[dict]:
    # Not praatio's openTextgrid: it refuses a whole file for one interval that ends before it starts,
    # and reads neither Windows-1252 nor UTF-8 with a byte-order mark.
    try:
        tiers = parseTextgridStr(text, includeEmptyIntervals=True)["tiers"]
    except Exception as error:  # its string handling raises whatever it meets: ValueError, IndexError, AttributeError
        raise Refused("broken-textgrid", f"praatio cannot read it ({type(error).__name__}: {error})") from None
    _check_complete(text, [len(tier["entries"]) for tier in tiers])
    return [{**tier, "entries": [row for row in tier["entries"] if row[-1].strip()]} for tier in tiers]


def _check_complete(text: str, sizes: list[int]) -> None:
    """Refuse what praatio changes in silence: it drops the end of a truncated file, and minus signs."""
    stated = [int(one or other) for one, other in SIZE.findall(text)]
    if stated != sizes:
        raise Refused("broken-textgrid", f"its tiers should have {stated} intervals and have {sizes}; is it truncated?")
    if any(float(time) <= -START_SLACK for time in NEGATIVE.findall(text)):
        raise Refused("broken-textgrid", "it has times before zero")


def _words(entries: list) -> list[Word]:
    rows = []
    for entry in entries:
        try:
            rows.append(Word(*_times(entry), entry[2]))
        except Refused:  # without this word, the words do not match the utterance, and it is not split by them
            continue
    return rows


def _joined(words: list[Word]) -> tuple[Seconds, Seconds, str]:
    return words[0].start, max(word.end for word in words), " ".join(word.text for word in words)


def turns_of(tiers: list[tuple[str, list]], words: dict[str, list[Word]]) -> Iterator[Turn]:
    """The turns of all tiers, each with the words whose middle lies in it.

    Parameters
    ----------
    tiers : name and entries (start, end, text) of each
    words : of each speaker; under "" those of nobody in particular, which only a single tier gets
    """
    only_tier = len(tiers) == 1
    for name, entries in tiers:
        inside = _Middles(words.get(name) or (words.get("", []) if only_tier else []))
        for entry in entries:
            try:
                start, end = _times(entry)
            except Refused as refused:
                yield Turn(name, entry[2], None, None, refused=refused)
                continue
            yield Turn(name, entry[2], start, end, words=inside.between(start, end))


class _Middles:
    """The words of a tier by the middle of each, to find those of an interval without looking at all of them."""

    def __init__(self, words: list[Word]):
        middles = [(word.start + word.end) / 2 for word in words]
        self._words = words
        self._order = sorted(
            (place for place, time in enumerate(middles) if not math.isnan(time)), key=middles.__getitem__
        )
        self._middles = [middles[place] for place in self._order]

    def between(self, start: Seconds, end: Seconds) -> tuple[Word, ...]:
        """In the order of the file."""
        if not start <= end:  # also where one of them is no number
            return ()
        found = self._order[bisect_left(self._middles, start) : bisect_right(self._middles, end)]
        return tuple(self._words[place] for place in sorted(found))


def _times(entry: tuple) -> tuple[Seconds, Seconds]:
    try:
        return float(entry[0]), float(entry[1])
    except ValueError:
        raise Refused("bad-time", f"from {entry[0]} to {entry[1]}") from None
