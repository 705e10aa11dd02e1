"""Subtitles and captions: SubRip (.srt) and WebVTT (.vtt).

    00:05:04.080 --> 00:05:05.069 align:start
    <v Anna>this<00:05:04.199> will<00:05:04.379> happen

Speakers come from WebVTT's voice tags; in a file without any, from "ANNA: ..." if at least half of the cues begin so,
and then hold until the next name. Times within a cue are word times.

Rolling captions, as YouTube makes them, show what was said before above what is said now. What a cue repeats of the one
before is dropped, in files that have times within cues or where at least half of the cues of several rows repeat.

The files are read here and not by pysubs2 (1.8.1): it takes a cue whose time it cannot read for more text of the one
before, loses voices and what looks like a tag (<unk>), drops minus signs and a number that ends a cue, reads 5.50 as
5.05 s, and cuts a cue in two at a row with two times in it.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.records.units import Seconds

TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2})[.,]([0-9]{1,3})"
TIMING = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?")
# Damaged arrows as well: such a line is no text.
ROUGHLY_TIMING = re.compile(r"-->|^[0-9:]{4,12}[.,][0-9]{1,3}[-\u2013\u2014\u2192>\s]{1,9}[0-9:]{4,12}[.,][0-9]")
INLINE_TIME = re.compile(rf"<{TIME}>")
ROUGHLY_CUE = re.compile(r"\s*(?:[0-9]+\s*$|[0-9]{1,4}:[0-9])")  # how a paragraph begins that was meant to be a cue
NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]{1,100})>")
NAME = re.compile(r"^(?:[-\u2013\u2014] ?)?([^\W\d_a-z][\w .'-]{0,30}):(?:[ \t]+|$)", re.MULTILINE)
DASH = re.compile(r"[-\u2013\u2014]+\s+")  # of a row: somebody else speaks
# Styling only: other words in angle brackets, as <laugh>, are the transcriber's.
TAG = re.compile(
    r"</?(?:c|b|i|u|s|ruby|rt|lang|font|span)(?:[.\s][^<>]*)?>|</v\s*>|<v(?:\.[^\s<>]*)?\s*>", re.IGNORECASE
)
OVERRIDE = re.compile(r"\{\\[^{}]*\}")  # {\an8}, of SubStation Alpha
BREAK = re.compile(r"<br\s?/?>|\\[Nnh]", re.IGNORECASE)
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{1,31}[0-9]{0,2});")
MOST_ROWS = 4  # of a rolling caption


@dataclass(frozen=True)
class Cue:
    line: int  # of the times, counted from 1
    timing: str  # as it stands
    rows: list[str]  # without styling, but with voices and inline times


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
    cues = list(_cues(read_text(path, place, reading).split("\n"), format == "vtt", place, reading))
    if not cues:
        raise Refused("broken-subtitles", "it has no line with -->")
    left_out: Counter[str] = Counter()
    if _are_rolling(cues):
        cues = list(_without_repetition(cues, left_out))
    turns = [turn for cue, parts in zip(cues, _parts(cues), strict=True) for turn in _turns(cue, parts, place, reading)]
    left_out["captions without text"] += sum(not turn.text and not turn.refused for turn in turns)
    return [Session((), turns, format, left_out=+left_out)]


def _cues(lines: list[str], vtt: bool, place: str, reading: SplitContents) -> Iterator[Cue]:
    """From each line of times to the next.

    An empty line ends a WebVTT cue. In SubRip it may stand within one, and more text follows; not if that looks like
    a cue of its own whose times are broken.
    """
    heads = [index for index, line in enumerate(lines) if ROUGHLY_TIMING.search(line.lstrip())]
    if not heads:
        return
    for head, following in pairwise([-1, *heads, len(lines)]):
        end = following
        if following < len(lines) and _is_cue_name(lines, following - 1, head, vtt):
            end -= 1
        rows, inside = [], head >= 0
        for first, paragraph in _paragraphs(lines, head + 1, end, vtt):
            if first > head + 1 and (vtt or ROUGHLY_CUE.match(paragraph[0])):
                inside = False
            if inside:
                rows += [row for line in paragraph for row in _unstyled(line)]
            elif not (vtt and NO_CUE.match(paragraph[0])):
                reading.warn("text outside of captions, passed over", f"{place}:{first + 1}")
        if head >= 0:
            yield Cue(head + 1, lines[head].strip(), rows)


def _is_cue_name(lines: list[str], index: int, head: int, vtt: bool) -> bool:
    """Whether the line above a line of times names the cue: SubRip numbers them, WebVTT may after an empty line."""
    if index <= head:
        return False
    if not vtt:
        return lines[index].strip().isdigit()
    return bool(lines[index].strip()) and (index == 0 or (index - 1 > head and not lines[index - 1]))


def _paragraphs(lines: list[str], first: int, end: int, vtt: bool) -> Iterator[tuple[int, list[str]]]:
    """The runs of lines that are not empty, each with the index of its first.

    In WebVTT, a line of spaces is not empty: YouTube's captions often begin with one.
    """
    paragraph: list[str] = []
    for index in range(first, end + 1):
        if index < end and (lines[index] if vtt else lines[index].strip()):
            paragraph.append(lines[index])
        else:
            if any(line.strip() for line in paragraph):
                yield index - len(paragraph), paragraph
            paragraph = []


def _unstyled(line: str) -> list[str]:
    rows = BREAK.sub("\n", OVERRIDE.sub("", TAG.sub("", line))).split("\n")
    return [" ".join(row.split()) for row in rows if row.strip()]


def _are_rolling(cues: list[Cue]) -> bool:
    if any(INLINE_TIME.search(row) for cue in cues for row in cue.rows):
        return True
    of_several = [(before, cue) for before, cue in pairwise(cues) if len(cue.rows) > 1]
    repeating = sum(before.rows[-1:] == cue.rows[:1] for before, cue in of_several)
    return repeating > 1 and 2 * repeating >= len(of_several)


def _without_repetition(cues: list[Cue], left_out: Counter[str]) -> Iterator[Cue]:
    before: list[str] = []
    for cue in cues:
        shown = [INLINE_TIME.sub("", row) for row in cue.rows]
        said_now = next((index for index, row in enumerate(cue.rows) if INLINE_TIME.search(row)), len(shown))
        longest = min(len(before), said_now, MOST_ROWS)
        repeated = next((size for size in range(longest, 0, -1) if shown[:size] == before[-size:]), 0)
        before = shown
        if repeated and repeated == len(shown):
            left_out["repeated captions"] += 1
        else:
            yield replace(cue, rows=cue.rows[repeated:])


def _parts(cues: list[Cue]) -> Iterator[list[tuple[str, str]]]:
    """What each speaker says in each cue, as (name, rows between newlines)."""
    texts = ["\n".join(cue.rows) for cue in cues]
    voices = any(map(VOICE.search, texts))
    names = not voices and 2 * sum(bool(NAME.match(text)) for text in texts) >= len(texts)
    name = ""
    for text in texts:
        if not voices and not names:
            yield [("", text)]
            continue
        found = list((VOICE if voices else NAME).finditer(text))
        if voices:
            name = ""
        speakers = [name, *(_plain(one[1]) for one in found)]
        edges = [0, *(edge for one in found for edge in one.span()), len(text)]
        said = [text[first:last].strip() for first, last in zip(edges[::2], edges[1::2], strict=True)]
        yield [pair for pair in zip(speakers, said, strict=True) if pair[1]] or [(speakers[-1], "")]
        name = speakers[-1]


def _turns(cue: Cue, parts: list[tuple[str, str]], place: str, reading: SplitContents) -> Iterator[Turn]:
    found = TIMING.fullmatch(cue.timing)
    for name, said in parts:
        rows = said.split("\n")
        if sum(bool(DASH.match(row)) for row in rows) > 1:
            reading.warn("captions of several speakers in one, taken for one", f"{place}:{cue.line}")
        said = " ".join(DASH.sub("", row, count=1) if DASH.match(row) else row for row in rows)
        text = _plain(INLINE_TIME.sub("", said))
        if not found:
            refused = Refused("bad-time", f"expected <time> --> <time>: {cue.timing[:80]!r}")
            yield Turn(name, text, None, None, cue.line, refused=refused)
            continue
        start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        words = _words(said, start, end) if len(parts) == 1 else []
        if any(word.end < word.start for word in words):
            reading.warn("word times out of order, passed over", f"{place}:{cue.line}")
            words = []
        yield Turn(name, text, start, end, cue.line, words=tuple(words))


def _words(said: str, start: Seconds, end: Seconds) -> list[Word]:
    """What stands between inline times; none without them."""
    found = list(INLINE_TIME.finditer(said))
    if not found:
        return []
    times = [start, *(_seconds(one.groups()) for one in found), end]
    edges = [0, *(edge for one in found for edge in one.span()), len(said)]
    texts = [_plain(said[first:last]) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return [Word(*span, text) for span, text in zip(pairwise(times), texts, strict=True) if text]


def _seconds(parts: tuple[str | None, ...]) -> Seconds:
    """Of hours (or None), minutes, seconds and a decimal fraction."""
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return (1000 * (3600 * int(hours) + 60 * int(minutes) + int(seconds)) + int(fraction.ljust(3, "0"))) / 1000


def _plain(text: str) -> str:
    """With characters for entities such as &amp;, and single spaces."""
    return " ".join(nfc(ENTITY.sub(lambda found: html.unescape(found[0]), text)).split())
