"""Format the segments of a recording as plain text, subtitles (SRT, WebVTT) or JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stages.records import spacing
from stages.records.transcripts import compression_ratio
from stages.records.units import Seconds

if TYPE_CHECKING:  # it imports torch
    from stages.decoding.spoken_segments import SpokenSegment


@dataclass(frozen=True)
class Word:
    """A word, when it is spoken, and how probable the model finds it there."""

    text: str
    start: Seconds
    end: Seconds
    probability: float


@dataclass(frozen=True)
class Caption:
    """A segment with what else is known of it."""

    segment: SpokenSegment
    speaker: str = ""  # "" where it is not known
    words: Sequence[Word] | None = None  # None: not asked for, or not known


def text(name: str, captions: Sequence[Caption], language: str = "en") -> str:
    """Return one line per segment."""
    return "".join(f"{_with_name(caption)}\n" for caption in _spoken(captions))


def srt(name: str, captions: Sequence[Caption], language: str = "en") -> str:
    """Return SubRip with one cue per segment.

    Where words are known, a segment has a cue for each word, in which that word is underlined, and one for each pause
    between words, as openai/whisper writes with --highlight_words.
    """
    cues: list[str] = []
    for caption in _spoken(captions):
        for start, end, content in _srt_cues(caption):
            times = f"{_clock(start, ',')} --> {_clock(end, ',')}"
            cues.append(f"{len(cues) + 1}\n{times}\n{content}\n\n")
    return "".join(cues)


def _srt_cues(caption: Caption) -> Iterator[tuple[Seconds, Seconds, str]]:
    """Start, end and text of the cues of a segment."""
    shown = caption.segment.start
    plain = _with_name(caption)
    position = len(plain) - len(caption.segment.hypothesis.text)
    for word in caption.words or ():
        first = plain.index(word.text, position)
        position = first + len(word.text)
        if round(1000 * word.start) > round(1000 * shown):
            yield shown, word.start, plain
        yield word.start, word.end, f"{plain[:first]}<u>{word.text}</u>{plain[position:]}"
        shown = word.end
    if round(1000 * caption.segment.end) > round(1000 * shown):
        yield shown, caption.segment.end, plain


def vtt(name: str, captions: Sequence[Caption], language: str = "en") -> str:
    """Return WebVTT with one cue per segment; <, > and & are escaped, and a doubtful text has the class `doubtful`.

    The speaker is a voice (<v Anna>), and the start of each word is a time within the cue (<00:00:01.240>).
    """
    cues = ["WEBVTT\n\n"]
    for caption in _spoken(captions):
        segment = caption.segment
        times = f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}"
        content = _vtt_text(caption)
        if segment.doubtful:
            content = f"<c.doubtful>{content}</c>"
        if caption.speaker:
            content = f"<v {html.escape(caption.speaker, quote=False)}>{content}</v>"
        cues.append(f"{times}\n{content}\n\n")
    return "".join(cues)


def _vtt_text(caption: Caption) -> str:
    """The escaped text of a cue with the time before each word: in WebVTT, times rise and are inside their cue."""
    text = caption.segment.hypothesis.text
    content = ""
    position = 0
    last_time, end = _clock(caption.segment.start, "."), _clock(caption.segment.end, ".")
    for word in caption.words or ():
        first = text.index(word.text, position)
        content += html.escape(text[position:first], quote=False)
        time = _clock(word.start, ".")
        if last_time < time < end:
            content += f"<{time}>"
            last_time = time
        content += html.escape(word.text, quote=False)
        position = first + len(word.text)
    return content + html.escape(text[position:], quote=False)


def as_json(name: str, captions: Sequence[Caption], language: str = "en") -> str:
    """Return a JSON object on one line: the file, its text, and every segment, and whether its text is doubtful."""
    rows = []
    for caption in captions:
        segment = caption.segment
        row: dict = {
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.hypothesis.text,
            "log_probability": segment.hypothesis.log_probability,
            "compression_ratio": round(compression_ratio(segment.hypothesis.text), 4),
            "doubtful": segment.doubtful,
        }
        if caption.speaker:
            row["speaker"] = caption.speaker
        if caption.words is not None:
            row["words"] = [_word_row(word) for word in caption.words]
        rows.append(row)
    whole_text = spacing.join((row["text"] for row in rows if row["text"]), language)
    whole = {"file": name, "text": whole_text, "segments": rows}
    return json.dumps(whole, ensure_ascii=False) + "\n"


def _word_row(word: Word) -> dict:
    return {
        "word": word.text,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "probability": word.probability,
    }


# The suffix of a format's files, and the function that writes it from a recording's name, captions and language.
FORMATS: dict[str, tuple[str, Callable[[str, Sequence[Caption], str], str]]] = {
    "text": (".txt", text),
    "srt": (".srt", srt),
    "vtt": (".vtt", vtt),
    "json": (".json", as_json),
}


def _spoken(captions: Sequence[Caption]) -> list[Caption]:
    """Return the captions whose segments have text."""
    return [caption for caption in captions if caption.segment.hypothesis.text]


def _with_name(caption: Caption) -> str:
    """The text of a segment, after its speaker's name where that is known."""
    text = caption.segment.hypothesis.text
    return f"{caption.speaker}: {text}" if caption.speaker else text


def _clock(seconds: Seconds, point: str) -> str:
    """Format a time as 00:00:01.500, with the decimal point of the format."""
    milliseconds = round(1000 * seconds)
    whole_seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, whole_seconds = divmod(whole_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{whole_seconds:02d}{point}{milliseconds:03d}"
