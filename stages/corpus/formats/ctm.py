"""CTM files: the time of every word. They have no utterances; with the times, long utterances can be split.

    recording 1 11.34 0.2 yes 0.98              (start and duration in seconds, confidence)
    recording 1 * * <ALT_BEGIN>                 (other ways to hear it follow after <ALT>; the first is taken)

Kaldi writes them by recording or by utterance; then the times count from the utterance's start.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import SplitContents, Utterance, Word
from stages.records.units import Seconds

ALTERNATIVES = ("<ALT_BEGIN>", "<ALT>", "<ALT_END>")
NO_WORDS = ("@", "<eps>")  # of an alternative without words; of a decoder


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".ctm")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    """Set the word times of utterances that have none. All utterances must have been read before."""
    words: dict[str, list[Word]] = defaultdict(list)
    places: dict[str, str] = {}  # where the first word of each recording or utterance stands
    for path in paths:
        place = files.shown(path)
        for name, word, line in _words(read_text(path, place, reading), place, reading):
            words[name].append(word)
            places.setdefault(name, f"{place}:{line}")
    if not words:
        return
    for words_of_name in words.values():
        words_of_name.sort(key=_middle)
    sources: dict[str, set[str]] = defaultdict(set)  # the recordings by their names without folder and extension
    for row in reading.utterances:
        sources[PurePosixPath(row.source).stem].add(row.source)
    ids = {row.id for row in reading.utterances}
    for name in sorted(words.keys() - sources.keys() - ids):
        reading.warn("word times of a recording that has no utterances", f"{places[name]} ({name})")
    unambiguous = set()
    for name in sorted(words.keys() & sources.keys()):
        if len(sources[name]) == 1:
            unambiguous.add(name)
        else:
            reading.warn("word times that fit several recordings, passed over", f"{places[name]} ({name})")
    reading.utterances = [row if row.words else _with_words(row, words, unambiguous) for row in reading.utterances]


def _words(text: str, place: str, reading: SplitContents) -> Iterator[tuple[str, Word, int]]:
    """(recording or utterance, word, line number) for every line of a CTM file."""
    is_alternative = False
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if not cells or cells[0].startswith(";;"):
            continue
        if len(cells) > 4 and cells[4].upper() in ALTERNATIVES:
            is_alternative = cells[4].upper() == "<ALT>"
            continue
        try:
            start, duration, text = float(cells[2]), float(cells[3]), cells[4]
        except (IndexError, ValueError):
            duration = math.nan
        if not (duration >= 0 and math.isfinite(start + duration)):
            reading.warn("a broken line of word times, passed over", f"{place}:{number}")
        elif not is_alternative and text not in NO_WORDS:
            yield cells[0], Word(start, start + duration, text), number
    if is_alternative:
        reading.warn("<ALT> without <ALT_END>, the rest of the word times passed over", place)


def _with_words(row: Utterance, words: dict[str, list[Word]], unambiguous: set[str]) -> Utterance:
    """The utterance with its words, if there are any.

    Parameters
    ----------
    words : those of each recording or utterance, by name, sorted by their middle
    unambiguous : the names that only one recording has
    """
    recording = PurePosixPath(row.source).stem
    if row.id in words and row.id != recording:
        shift = row.start or 0.0
        shifted = [Word(shift + word.start, shift + word.end, word.text) for word in words[row.id]]
        return replace(row, words=tuple(shifted))
    if recording not in unambiguous:
        return row
    of_recording = words[recording]
    first = 0 if row.start is None else bisect_left(of_recording, row.start, key=_middle)
    last = len(of_recording) if row.end is None else bisect_right(of_recording, row.end, key=_middle)
    return replace(row, words=tuple(of_recording[first:last]))


def _middle(word: Word) -> Seconds:
    return (word.start + word.end) / 2
