"""CTM files: the time of every word. They give no utterances, only the places where long ones can be split.

    recording 1 11.34 0.2 yes 0.98              (start and duration in seconds, confidence)

Kaldi writes them by recording or by utterance; then the times count from the utterance's start.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace
from pathlib import PurePosixPath

from stages.corpus.files import Files
from stages.corpus.text import read_text
from stages.corpus.utterance import Reading, Utterance, Word

SUFFIX = ".ctm"


def read(files: Files, reading: Reading) -> None:
    """Give the utterances that have no word times those of the split's CTM files."""
    words, places = _words(files, reading)
    if not words:
        return
    used: set[str] = set()
    reading.utterances = [row if row.words else _with_words(row, words, used) for row in reading.utterances]
    for name in sorted(words.keys() - used):
        reading.warn("word times of a recording that has no utterances", f"{places[name]} ({name})")


def _words(files: Files, reading: Reading) -> tuple[dict[str, list[Word]], dict[str, str]]:
    """The words of each recording in order of time, and where the first of them stands."""
    words: dict[str, list[Word]] = defaultdict(list)
    places: dict[str, str] = {}
    for path in files.paths:
        if path.suffix.lower() != SUFFIX:
            continue
        file = files.shown(path)
        alternatives = 0  # how many <ALT> have been passed since <ALT_BEGIN>: only the first way is taken
        for number, line in enumerate(read_text(path, file, reading).split("\n"), start=1):
            cells = line.split()
            if not cells or cells[0].startswith(";;"):
                continue
            mark = cells[4].upper() if len(cells) > 4 else ""
            if mark in ("<ALT_BEGIN>", "<ALT>", "<ALT_END>"):
                alternatives = alternatives + 1 if mark == "<ALT>" else 0
                continue
            try:
                start, duration, text = float(cells[2]), float(cells[3]), cells[4]
            except (IndexError, ValueError):
                reading.warn("a broken line of word times, passed over", f"{file}:{number}")
                continue
            if not alternatives:
                words[cells[0]].append(Word(start, start + duration, text))
                places.setdefault(cells[0], f"{file}:{number}")
    return {name: sorted(found, key=lambda word: word.start) for name, found in words.items()}, places


def _with_words(row: Utterance, words: dict[str, list[Word]], used: set[str]) -> Utterance:
    recording = PurePosixPath(row.source).stem
    if row.id in words and row.id != recording:
        used.add(row.id)
        shift = row.start or 0.0
        return replace(row, words=tuple(Word(shift + one.start, shift + one.end, one.text) for one in words[row.id]))
    if recording not in words:
        return row
    used.add(recording)
    found = words[recording]
    if row.start is None:
        return replace(row, words=tuple(found))
    end = float("inf") if row.end is None else row.end
    first = bisect_left(found, row.start, key=lambda word: (word.start + word.end) / 2)
    last = bisect_left(found, end, key=lambda word: (word.start + word.end) / 2)
    return replace(row, words=tuple(found[first:last]))
