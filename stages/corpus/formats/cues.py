"""The cues of SubRip (.srt) and WebVTT (.vtt) files: a line of times, and the rows of text under it.

They are read here and not by pysubs2 (1.8.1): it takes a cue whose time it cannot read for more text of the one
before, loses voices and what looks like a tag (<unk>), drops minus signs and a number that ends a cue, reads 5.50 as
5.05 s, and cuts a cue in two at a row with two times in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from stages.corpus.rows.utterance import SplitContents

# Damaged arrows as well: such a line is no text.
ROUGHLY_TIMING = re.compile(r"-->|^[0-9:]{4,12}[.,][0-9]{1,3}[-\u2013\u2014\u2192>\s]{1,9}[0-9:]{4,12}[.,][0-9]")
ROUGHLY_CUE = re.compile(r"\s*(?:[0-9]+\s*$|[0-9]{1,4}:[0-9])")  # how a paragraph begins that was meant to be a cue
NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")
# Styling only: other words in angle brackets, as <laugh>, are the transcriber's.
TAG = re.compile(
    r"</?(?:c|b|i|u|s|ruby|rt|lang|font|span)(?:[.\s][^<>]*)?>|</v\s*>|<v(?:\.[^\s<>]*)?\s*>", re.IGNORECASE
)
OVERRIDE = re.compile(r"\{\\[^{}]*\}")  # {\an8}, of SubStation Alpha
BREAK = re.compile(r"<br\s?/?>|\\[Nnh]", re.IGNORECASE)


@dataclass(frozen=True)
class Cue:
    """A caption."""

    line: int  # of the times, counted from 1
    timing: str  # as it stands
    rows: list[str]  # without styling, but with voices and inline times


def cues_of(lines: list[str], is_vtt: bool, place: str, reading: SplitContents) -> Iterator[Cue]:
    """The cues of a file, each from its line of times to the next one.

    An empty line ends a WebVTT cue. In SubRip, a cue may hold empty lines with more text after them; text that looks
    like a cue of its own whose times are broken does not belong to it.

    Parameters
    ----------
    is_vtt : the file is WebVTT, else SubRip
    place : its path as messages show it
    """
    heads = [index for index, line in enumerate(lines) if ROUGHLY_TIMING.search(line.lstrip())]
    if not heads:
        return
    for head, following in pairwise([-1, *heads, len(lines)]):
        end = following
        if following < len(lines) and _is_cue_name(lines, following - 1, head, is_vtt):
            end -= 1
        rows: list[str] = []
        is_inside = head >= 0
        for first, paragraph in _paragraphs(lines, head + 1, end, is_vtt):
            if first > head + 1 and (is_vtt or ROUGHLY_CUE.match(paragraph[0])):
                is_inside = False
            if is_inside:
                for line in paragraph:
                    rows += _unstyled(line)
            elif not (is_vtt and NO_CUE.match(paragraph[0])):
                reading.warn("text outside of captions, passed over", f"{place}:{first + 1}")
        if head >= 0:
            yield Cue(head + 1, lines[head].strip(), rows)


def _is_cue_name(lines: list[str], index: int, head: int, is_vtt: bool) -> bool:
    """Whether the line above a line of times names the cue: SubRip numbers them, WebVTT may after an empty line.

    Parameters
    ----------
    index : of the line above
    head : of the line of times before it
    """
    if index <= head:
        return False
    if not is_vtt:
        return lines[index].strip().isdigit()
    return bool(lines[index].strip()) and (index == 0 or (index - 1 > head and not lines[index - 1]))


def _paragraphs(lines: list[str], first: int, end: int, is_vtt: bool) -> Iterator[tuple[int, list[str]]]:
    """The runs of lines that are not empty, each with the index of its first.

    In WebVTT, a line of spaces is not empty: YouTube's captions often begin with one.
    """
    paragraph: list[str] = []
    for index in range(first, end + 1):
        if index < end and (lines[index] if is_vtt else lines[index].strip()):
            paragraph.append(lines[index])
        else:
            if any(line.strip() for line in paragraph):
                yield index - len(paragraph), paragraph
            paragraph = []


def _unstyled(line: str) -> list[str]:
    """The rows of a line, which may hold line breaks, without styling."""
    rows = []
    for row in BREAK.sub("\n", OVERRIDE.sub("", TAG.sub("", line))).split("\n"):
        if row.strip():
            rows.append(" ".join(row.split()))
    return rows
