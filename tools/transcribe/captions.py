"""Format the segments of a recording as plain text, subtitles (SRT, WebVTT) or JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stages.records import spacing
from stages.records.transcripts import compression_ratio
from stages.records.units import Seconds

if TYPE_CHECKING:  # it imports torch
    from stages.decoding.spoken_segments import SpokenSegment


def text(name: str, segments: Sequence[SpokenSegment], language: str = "en") -> str:
    """Return one line per segment."""
    return "".join(f"{segment.hypothesis.text}\n" for segment in _spoken(segments))


def srt(name: str, segments: Sequence[SpokenSegment], language: str = "en") -> str:
    """Return SubRip with one cue per segment."""
    cues = []
    for number, segment in enumerate(_spoken(segments), start=1):
        times = f"{_clock(segment.start, ',')} --> {_clock(segment.end, ',')}"
        cues.append(f"{number}\n{times}\n{segment.hypothesis.text}\n\n")
    return "".join(cues)


def vtt(name: str, segments: Sequence[SpokenSegment], language: str = "en") -> str:
    """Return WebVTT with one cue per segment; <, > and & are escaped, and a doubtful text has the class `doubtful`."""
    cues = ["WEBVTT\n\n"]
    for segment in _spoken(segments):
        times = f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}"
        content = html.escape(segment.hypothesis.text, quote=False)
        if segment.doubtful:
            content = f"<c.doubtful>{content}</c>"
        cues.append(f"{times}\n{content}\n\n")
    return "".join(cues)


def as_json(name: str, segments: Sequence[SpokenSegment], language: str = "en") -> str:
    """Return a JSON object on one line: the file, its text, and every segment, and whether its text is doubtful."""
    rows = []
    for segment in segments:
        row = {
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.hypothesis.text,
            "log_probability": segment.hypothesis.log_probability,
            "compression_ratio": round(compression_ratio(segment.hypothesis.text), 4),
            "doubtful": segment.doubtful,
        }
        rows.append(row)
    whole_text = spacing.join((row["text"] for row in rows if row["text"]), language)
    whole = {"file": name, "text": whole_text, "segments": rows}
    return json.dumps(whole, ensure_ascii=False) + "\n"


# The suffix of a format's files, and the function that writes it from a recording's name, segments and language.
FORMATS: dict[str, tuple[str, Callable[[str, Sequence[SpokenSegment], str], str]]] = {
    "text": (".txt", text),
    "srt": (".srt", srt),
    "vtt": (".vtt", vtt),
    "json": (".json", as_json),
}


def _spoken(segments: Sequence[SpokenSegment]) -> list[SpokenSegment]:
    """Return the segments that have text."""
    return [segment for segment in segments if segment.hypothesis.text]


def _clock(seconds: Seconds, point: str) -> str:
    """Format a time as 00:00:01.500, with the decimal point of the format."""
    milliseconds = round(1000 * seconds)
    whole_seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, whole_seconds = divmod(whole_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{whole_seconds:02d}{point}{milliseconds:03d}"
