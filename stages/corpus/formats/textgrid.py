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

from stages.corpus.formats import praat_text, tier_labels
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import START_SLACK, Refused, SplitContents, Word
from stages.records import spacing
from stages.records.units import Seconds

WORDS = re.compile(r"(?:(.*?)\s*[-_/]\s*)?words?", re.IGNORECASE)
NO_UTTERANCES = re.compile(r"(.*[-_/]\s*)?(phones?|phons?|phonemes?|segments?|syllables?|pho|syl)", re.IGNORECASE)
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
    tiers: list[tuple[str, list[tuple]]] = []
    words: dict[str, list[Word]] = {}  # by speaker
    left_out: Counter[str] = Counter()
    for tier in _tiers(read_text(path, place, reading)):
        name = nfc(tier["name"]).strip().strip('"')
        is_wanted = re.fullmatch(reading.options.tiers or ".*", name)
        word_tier = WORDS.fullmatch(name) if tier["class"] == INTERVAL_TIER else None
        if word_tier:
            words[word_tier[1] or ""] = _words(tier["entries"])
        elif tier["class"] != INTERVAL_TIER or NO_UTTERANCES.fullmatch(name) or not is_wanted:
            left_out[f"tier {name}"] += 1
        else:
            tiers.append((name, tier["entries"]))
    if reading.options.tiers is None:
        tiers = _without_names_and_numbers(tiers, words, left_out, place, reading)
    for name, entries in tiers:
        _check_labels(name, entries, place, reading)
    tiers += _words_only(tiers, words, reading.language)
    return [Session((), list(turns_of(tiers, words)), "textgrid", left_out=left_out)]


def _check_labels(name: str, entries: list[tuple], place: str, reading: SplitContents) -> None:
    """Warn of a tier whose labels do not look like words, and whose name does not say so."""
    if not reading.is_speech(name):
        return
    doubt = tier_labels.doubt([entry[2] for entry in entries])
    if not doubt and tier_labels.are_words_of_phrases(_words(entries)):
        doubt = "a tier of single words that follow each other; if they are word times, call it words"
    if doubt:
        reading.warn(doubt, f"{place} {name}")


def _without_names_and_numbers(
    tiers: list[tuple[str, list[tuple]]],
    words: dict[str, list[Word]],
    left_out: Counter[str],
    place: str,
    reading: SplitContents,
) -> list[tuple[str, list[tuple]]]:
    """The tiers without those that say who speaks when, and those of numbers beside the only tier of words.

    With one of these, the tier of words would be taken for the word times of what it holds.
    """
    names = {name for name, _ in tiers} | words.keys() - {""}
    words_of_all = [word.text for word in words.get("", [])]
    transcripts = []
    for name, entries in tiers:
        labels = [entry[2] for entry in entries]
        if tier_labels.are_names(labels, names - {name}):
            message = "a tier that holds only names of other tiers, passed over"
        elif tier_labels.are_numbers(labels) and tier_labels.have_words(words_of_all):
            message = "a tier that holds only numbers, beside one of words, passed over"
        else:
            transcripts.append((name, entries))
            continue
        reading.warn(message, f"{place} {name}")
        left_out[f"no speech: {name}"] += len(entries)
    return transcripts


def _words_only(
    tiers: list[tuple[str, list[tuple]]], words: dict[str, list[Word]], language: str
) -> list[tuple[str, list[tuple]]]:
    """A tier for each speaker who has words and no tier of utterances: one interval with all of them."""
    speakers = {name for name, _ in tiers}
    more_tiers = []
    for name, words_of_tier in words.items():
        if not words_of_tier or name in speakers or (not name and tiers):
            continue
        end = max(word.end for word in words_of_tier)
        text = spacing.join((word.text for word in words_of_tier), language)
        more_tiers.append((name, [(words_of_tier[0].start, end, text)]))
    return more_tiers


def _tiers(text: str) -> list[dict]:
    """The tiers, without intervals that have no label: dicts with name, class and entries (start, end, label)."""
    if text.startswith("ooBinaryFile"):
        raise Refused("broken-textgrid", "it is a binary TextGrid; open it in Praat and save it as a text file")
    # Not praatio's openTextgrid: it refuses a whole file for one interval that ends before it starts,
    # and reads neither Windows-1252 nor UTF-8 with a byte-order mark.
    try:
        tiers = parseTextgridStr(text, includeEmptyIntervals=True)["tiers"]
    except Exception:  # its string handling raises whatever it meets: ValueError, IndexError, AttributeError
        tiers = None
    if tiers is None or not _is_complete(text, [len(tier["entries"]) for tier in tiers]):
        try:
            tiers = praat_text.tiers(text)
        except praat_text.NotTextGrid as error:
            detail = f"it is no complete TextGrid: {error}; is it truncated? Save it again in Praat, as a text file"
            raise Refused("broken-textgrid", detail) from None
    if any(float(time) <= -START_SLACK for time in NEGATIVE.findall(text)):
        raise Refused("broken-textgrid", "it has times before zero")
    for tier in tiers:
        tier["entries"] = [entry for entry in tier["entries"] if entry[-1].strip()]
    return tiers


def _is_complete(text: str, sizes: list[int]) -> bool:
    """Whether praatio has read all: without an error, it drops the end of a truncated file.

    `sizes` are the numbers of intervals and points that it has read in each tier.
    """
    stated = []
    for long_form, short_form in SIZE.findall(text):
        stated.append(int(long_form or short_form))
    return bool(stated) and stated == sizes


def _words(entries: list[tuple]) -> list[Word]:
    words = []
    for entry in entries:
        try:
            start, end = _times(entry)
        except Refused:  # without this word, the words do not match the utterance, and it is not split by them
            continue
        words.append(Word(start, end, entry[2]))
    return words


def turns_of(tiers: list[tuple[str, list[tuple]]], words: dict[str, list[Word]]) -> Iterator[Turn]:
    """A turn for each interval, with the words of its speaker whose middle is inside.

    Parameters
    ----------
    tiers : name and intervals (start, end, label)
    words : by speaker; those without a speaker ("") belong to the only tier there is
    """
    for name, entries in tiers:
        words_of_tier = words.get(name)
        if not words_of_tier and len(tiers) == 1:
            words_of_tier = words.get("")
        index = _WordIndex(words_of_tier or [])
        for entry in entries:
            try:
                start, end = _times(entry)
            except Refused as refused:
                yield Turn(name, entry[2], None, None, refused=refused)
                continue
            yield Turn(name, entry[2], start, end, words=index.between(start, end))


class _WordIndex:
    """The words of a tier by the middle of each, to find those of an interval without looking at all of them."""

    def __init__(self, words: list[Word]):
        self._words = words
        middles = []
        for place, word in enumerate(words):
            middle = (word.start + word.end) / 2
            if not math.isnan(middle):
                middles.append((middle, place))
        middles.sort()
        self._middles = [middle for middle, _ in middles]
        self._places = [place for _, place in middles]

    def between(self, start: Seconds, end: Seconds) -> tuple[Word, ...]:
        """The words whose middle is between two times, in the order of the file."""
        if not start <= end:  # also where one of them is no number
            return ()
        places = self._places[bisect_left(self._middles, start) : bisect_right(self._middles, end)]
        return tuple(self._words[place] for place in sorted(places))


def _times(entry: tuple) -> tuple[Seconds, Seconds]:
    """Start and end of an interval. Raises Refused (bad-time) where they are no numbers."""
    try:
        return float(entry[0]), float(entry[1])
    except ValueError:
        raise Refused("bad-time", f"from {entry[0]} to {entry[1]}") from None
