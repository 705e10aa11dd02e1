"""Subtitles and captions: SubRip (.srt) and WebVTT (.vtt).

    00:05:04.080 --> 00:05:05.069 align:start
    <v Anna>this<00:05:04.199> will<00:05:04.379> happen

Speakers come from WebVTT's voice tags, or from "ANNA: ..." where at least half of a file's cues begin so. Times within a
cue are word times, and mean rolling captions, as YouTube makes them: each cue repeats the line before, which is dropped.

pysubs2 reads the times and strips the styling of each cue; the cues are told apart here, since pysubs2 takes a cue whose
time it cannot read for more text of the one before, and loses the voices.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pysubs2 import SSAFile

from stages.corpus.session import Session, Turn
from stages.corpus.text import read_text
from stages.corpus.utterance import Reading, Refused, Word
from stages.units import Seconds

SUFFIXES = (".vtt", ".srt")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]{1,100})>")
SPEAKER = re.compile(r"([A-Z][\w .'-]{0,30}):\s+")
INLINE_TIME = re.compile(r"<(?:([0-9]{1,3}):)?([0-9]{1,2}):([0-9]{2}\.[0-9]{3})>")
NO_CUE = re.compile(r"(WEBVTT|NOTE|STYLE|REGION)\b")
MILLISECONDS = 1000  # in a second


@dataclass(frozen=True)
class Cue:
    line: int  # of the times
    start: Seconds | None  # None: the times cannot be read
    end: Seconds | None
    voice: str
    rows: list[str]  # without styling, but with inline times
    timing: str  # as it stands


def sessions(path: Path, place: str, reading: Reading) -> list[Session]:
    """The one session of a subtitle file.

    Raises
    ------
    Refused
        broken-subtitles where there is no cue
    """
    text = read_text(path, place, reading)
    format = path.suffix.lower()[1:]
    left_out: Counter[str] = Counter()
    cues = list(_cues(text.split("\n"), format, left_out))
    if not cues:
        raise Refused("broken-subtitles", "it has no line with -->")
    if any(INLINE_TIME.search(row) for cue in cues for row in cue.rows):
        cues = list(_without_repetition(cues, left_out))
    if not any(cue.voice for cue in cues):
        cues = _with_speakers(cues)
    return [Session((), [_turn(cue) for cue in cues], format, left_out=left_out)]


def _cues(lines: list[str], format: str, left_out: Counter[str]) -> Iterator[Cue]:
    """From each line of times to the next, or to an empty line."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if "-->" in line:
            first = number
            while number < len(lines) and lines[number].strip() and "-->" not in lines[number]:
                number += 1
            yield _cue(first, line, lines[first:number], format)
        elif NO_CUE.match(line):
            while number < len(lines) and lines[number].strip() and "-->" not in lines[number]:
                number += 1
        elif line.strip() and not (number < len(lines) and "-->" in lines[number]):  # that would be the cue's name
            left_out["text outside of cues"] += 1


def _cue(line: int, timing: str, rows: list[str], format: str) -> Cue:
    head = "WEBVTT\n\n" if format == "vtt" else "1\n"
    voice = VOICE.search("\n".join(rows))
    events = SSAFile.from_string(f"{head}{timing}\n" + "\n".join(rows), format_=format).events
    name = " ".join(voice[1].split()) if voice else ""
    if not events:
        return Cue(line, None, None, name, rows, timing)
    plain = html.unescape(events[0].plaintext).split("\n")
    start, end = events[0].start / MILLISECONDS, events[0].end / MILLISECONDS
    return Cue(line, start, end, name, [re.sub(r"^- ?", "", row.strip()) for row in plain if row.strip()], timing)


def _without_repetition(cues: list[Cue], left_out: Counter[str]) -> Iterator[Cue]:
    before: list[str] = []
    for cue in cues:
        rows = list(cue.rows)
        plain = [INLINE_TIME.sub("", row) for row in rows]
        while rows and plain[0] in before:
            rows.pop(0)
            plain.pop(0)
        before = [INLINE_TIME.sub("", row) for row in cue.rows]
        if rows or not cue.rows:
            yield replace(cue, rows=rows)
        else:
            left_out["repeated captions"] += 1


def _with_speakers(cues: list[Cue]) -> list[Cue]:
    named = [SPEAKER.match(" ".join(cue.rows)) for cue in cues]
    if 2 * sum(map(bool, named)) < len(cues):
        return cues
    return [
        replace(cue, voice=found[1], rows=[" ".join(cue.rows)[found.end() :]]) if found else cue
        for cue, found in zip(cues, named, strict=True)
    ]


def _turn(cue: Cue) -> Turn:
    text = " ".join(cue.rows)
    if cue.start is None:
        return Turn(cue.voice, text, None, None, cue.line, refused=Refused("bad-time", cue.timing.strip()))
    plain = " ".join(INLINE_TIME.sub(" ", text).split())
    return Turn(cue.voice, plain, cue.start, cue.end, cue.line, words=tuple(_words(text, cue.start, cue.end)))


def _words(text: str, start: Seconds, end: Seconds) -> Iterator[Word]:
    """The words between inline times; none without them."""
    found = list(INLINE_TIME.finditer(text))
    if not found:
        return
    times = [start, *(3600 * int(one[1] or 0) + 60 * int(one[2]) + float(one[3]) for one in found), end]
    edges = [0, *(edge for one in found for edge in one.span()), len(text)]
    for place, (first, last) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        if word := text[first:last].strip():
            yield Word(times[place], times[place + 1], word)
