"""Subtitles and captions: SubRip (.srt) and WebVTT (.vtt).

    00:05:04.080 --> 00:05:05.069 align:start
    <v Anna>this<00:05:04.199> will<00:05:04.379> happen

Speakers come from voice tags and names, see stages/corpus/formats/caption_speakers.py; a cue of two is refused.
Times within a cue are word times.

Rolling captions, as YouTube makes them, show what was said before above what is said now. What a cue repeats of the one
before is dropped, in files that have times within cues or where at least half of the cues of several rows repeat.
Where these files show two rows as two cues, each stays while the next one is said: at least half of the cues end after
the next one starts. Then they are cut there.
"""

import html
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from stages.corpus.formats.caption_speakers import Part, doubt_about, parts_of
from stages.corpus.formats.cues import Cue, cues_of
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.records import spacing
from stages.records.units import Seconds

TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2})[.,]([0-9]{1,3})"
TIMING = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?")
INLINE_TIME = re.compile(rf"<{TIME}>")
DASH = re.compile(r"[-\u2013\u2014]+\s+")  # of a row: somebody else speaks
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{1,31}[0-9]{0,2});")
SHORT_NUMBER = re.compile(r"[0-9]{1,2}")  # in place of a speaker's name
MOST_ROWS = 4  # of a rolling caption


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".vtt", ".srt")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a subtitle file.

    Raises
    ------
    Refused
        broken-subtitles where there is no cue
    """
    format = path.suffix.lower()[1:]
    cues = list(cues_of(read_text(path, place, reading).split("\n"), format == "vtt", place, reading))
    if not cues:
        raise Refused("broken-subtitles", "it has no line with -->")
    left_out: Counter[str] = Counter()
    if _are_rolling(cues):
        cues = list(_without_repetition(cues, left_out))
    turns: list[Turn] = []
    texts = ["\n".join(cue.rows) for cue in cues]
    for cue, text, parts in zip(cues, texts, parts_of(texts), strict=True):
        doubt = doubt_about(text, parts)
        if doubt:
            reading.warn(doubt, f"{place}:{cue.line}")
        turns += _turns(cue, parts, place, reading)
    if _stay_for_the_next(turns):
        turns = _cut_at_the_next(turns)
        reading.warn("captions that stay while the next one is said, cut to the start of the next", place)
    for turn in turns:
        if not turn.text and not turn.refused:
            left_out["captions without text"] += 1
    return [Session((), turns, format, left_out=left_out)]


def _are_rolling(cues: list[Cue]) -> bool:
    """Whether the captions of a file repeat what was said before."""
    repeating = of_several_rows = 0
    for cue in cues:
        if INLINE_TIME.search("\n".join(cue.rows)):
            return True
    for before, cue in pairwise(cues):
        if len(cue.rows) > 1:
            of_several_rows += 1
            if before.rows[-1:] == cue.rows[:1]:
                repeating += 1
    return repeating > 1 and 2 * repeating >= of_several_rows


def _without_repetition(cues: list[Cue], left_out: Counter[str]) -> Iterator[Cue]:
    """The cues without the rows that repeat the last ones of the cue before."""
    before: list[str] = []
    for cue in cues:
        shown = [INLINE_TIME.sub("", row) for row in cue.rows]
        first_timed = len(shown)  # rows with times within are said now
        for index, row in enumerate(cue.rows):
            if INLINE_TIME.search(row):
                first_timed = index
                break
        repeated = min(len(before), first_timed, MOST_ROWS)
        while repeated and shown[:repeated] != before[-repeated:]:
            repeated -= 1
        before = shown
        if repeated and repeated == len(shown):
            left_out["repeated captions"] += 1
        else:
            yield replace(cue, rows=cue.rows[repeated:])


def _turns(cue: Cue, parts: list[Part], place: str, reading: SplitContents) -> Iterator[Turn]:
    """A turn for each part of a cue."""
    times = TIMING.fullmatch(cue.timing)
    for part in parts:
        rows = part.text.split("\n")
        dashes = sum(DASH.match(row) is not None for row in rows)
        without_dashes = [DASH.sub("", row, count=1) if DASH.match(row) else row for row in rows]
        spoken = spacing.join(without_dashes, reading.language)
        text = _plain(INLINE_TIME.sub("", spoken))
        name = _plain(part.name)
        if SHORT_NUMBER.fullmatch(name):
            name = f"speaker {name}"  # as SPEAKER_01: another person in every recording
        if not times:
            refused = Refused("bad-time", f"expected <time> --> <time>: {cue.timing[:80]!r}")
            yield Turn(name, text, None, None, cue.line, refused=refused)
            continue
        start, end = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
        if len(parts) > 1 or dashes > 1:
            refused = Refused("two-voices", "the caption does not say which part of its time is whose")
            yield Turn(name, text, start, end, cue.line, refused=refused)
            continue
        words = _words(spoken, start, end)
        if any(word.end < word.start for word in words):
            reading.warn("word times out of order, passed over", f"{place}:{cue.line}")
            words = []
        yield Turn(name, text, start, end, cue.line, words=tuple(words))


def _stay_for_the_next(turns: list[Turn]) -> bool:
    """Whether captions without speakers, in the order of their starts, mostly end after the next one starts."""
    timed = [turn for turn in turns if turn.start is not None]
    pairs = [(turn, after) for turn, after in pairwise(timed) if turn.start < after.start]
    overlapping = sum(turn.end > after.start for turn, after in pairs)
    is_ordered = len(pairs) == len(timed) - 1
    return is_ordered and overlapping > 1 and 2 * overlapping >= len(pairs) and not any(turn.label for turn in turns)


def _cut_at_the_next(turns: list[Turn]) -> list[Turn]:
    """The turns, each until the next one starts at the latest; word times go with them."""
    cut = []
    following = math.inf  # when the next one starts
    for turn in reversed(turns):
        if turn.start is not None:
            if turn.end > following:
                words = [replace(word, end=min(word.end, following)) for word in turn.words]
                if any(word.start >= following for word in words):
                    words = []
                turn = replace(turn, end=following, words=tuple(words))
            following = turn.start
        cut.append(turn)
    return cut[::-1]


def _words(text: str, start: Seconds, end: Seconds) -> list[Word]:
    """The words between inline times, the first from `start`, the last until `end`; none without inline times."""
    times = list(INLINE_TIME.finditer(text))
    if not times:
        return []
    words = []
    begin = 0  # in the text
    for time in times:
        word_end = _seconds(time.groups())
        words.append(Word(start, word_end, _plain(text[begin : time.start()])))
        start, begin = word_end, time.end()
    words.append(Word(start, end, _plain(text[begin:])))
    return [word for word in words if word.text]


def _seconds(parts: tuple[str | None, ...]) -> Seconds:
    """The time of the four groups of TIME: hours (or None), minutes, seconds and a decimal fraction."""
    hours, minutes, seconds, fraction = parts
    milliseconds = int(fraction.ljust(3, "0"))
    return (1000 * (3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)) + milliseconds) / 1000


def _plain(text: str) -> str:
    """The text with characters for entities such as &amp;, and with single spaces."""
    return " ".join(nfc(ENTITY.sub(_character, text)).split())


def _character(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])
