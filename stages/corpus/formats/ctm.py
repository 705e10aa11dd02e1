"""CTM files: the time of every word. They give no utterances, only the places where long ones can be split.

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
    for found in words.values():
        found.sort(key=_middle)
    sources = {row.source for row in reading.utterances}
    named = defaultdict(list)
    for source in sources:
        named[PurePosixPath(source).stem].append(source)
    for name in sorted(words.keys() - named.keys() - {row.id for row in reading.utterances}):
        reading.warn("word times of a recording that has no utterances", f"{places[name]} ({name})")
    for name in sorted(name for name, same in named.items() if len(same) > 1 and name in words):
        reading.warn("word times that fit several recordings, passed over", f"{places[name]} ({name})")
    of_one = {name for name, same in named.items() if len(same) == 1}
    reading.utterances = [row if row.words else _with_words(row, words, of_one) for row in reading.utterances]


def _words(text: str, place: str, reading: SplitContents) -> Iterator[tuple[str, Word, int]]:
    """(recording or utterance, word, line) for every line of a CTM file."""
    passed_over = False
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if not cells or cells[0].startswith(";;"):
            continue
        if len(cells) > 4 and cells[4].upper() in ALTERNATIVES:
            passed_over = cells[4].upper() == "<ALT>"
            continue
        try:
            start, duration, spoken = float(cells[2]), float(cells[3]), cells[4]
        except (IndexError, ValueError):
            duration = math.nan
        if not (duration >= 0 and math.isfinite(start + duration)):
            reading.warn("a broken line of word times, passed over", f"{place}:{number}")
        elif not passed_over and spoken not in NO_WORDS:
            yield cells[0], Word(start, start + duration, spoken), number
    if passed_over:
        reading.warn("<ALT> without <ALT_END>, the rest of the word times passed over", place)


def _with_words(row: Utterance, words: dict[str, list[Word]], of_one: set[str]) -> Utterance:
    recording = PurePosixPath(row.source).stem
    if row.id in words and row.id != recording:
        shift = row.start or 0.0
        return replace(row, words=tuple(Word(shift + one.start, shift + one.end, one.text) for one in words[row.id]))
    if recording not in words or recording not in of_one:
        return row
    found = words[recording]
    first = 0 if row.start is None else bisect_left(found, row.start, key=_middle)
    last = len(found) if row.end is None else bisect_right(found, row.end, key=_middle)
    return replace(row, words=tuple(found[first:last]))


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2
