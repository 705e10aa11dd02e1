"""What was heard in a recording, as plain text, subtitles (SRT, WebVTT) or JSON."""

import html
import json
from collections.abc import Callable, Sequence

from stages.decoding.transcription import Segment
from stages.records.transcripts import compression_ratio
from stages.records.units import Seconds


def text(name: str, stretches: Sequence[Segment]) -> str:
    """A line a stretch."""
    return "".join(f"{stretch.answer.text}\n" for stretch in _spoken(stretches))


def srt(name: str, stretches: Sequence[Segment]) -> str:
    """SubRip; a cue a stretch."""
    cues = enumerate(_spoken(stretches), start=1)
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.answer.text}\n\n" for number, cue in cues
    )


def vtt(name: str, stretches: Sequence[Segment]) -> str:
    """WebVTT; a cue a stretch, with what would be markup escaped."""
    cues = (
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{html.escape(cue.answer.text, quote=False)}\n\n"
        for cue in _spoken(stretches)
    )
    return "WEBVTT\n\n" + "".join(cues)


def as_json(name: str, stretches: Sequence[Segment]) -> str:
    """A JSON object on one line: the file, its text, and every stretch with what tells doubtful ones."""
    rows = [
        {
            "start": round(stretch.start, 3),
            "end": round(stretch.end, 3),
            "text": stretch.answer.text,
            "log_probability": stretch.answer.log_probability,
            "compression_ratio": round(compression_ratio(stretch.answer.text), 4),
        }
        for stretch in stretches
    ]
    whole = {"file": name, "text": " ".join(row["text"] for row in rows if row["text"]), "segments": rows}
    return json.dumps(whole, ensure_ascii=False) + "\n"


FORMATS: dict[str, tuple[str, Callable[[str, Sequence[Segment]], str]]] = {  # with the ending of their files
    "text": (".txt", text),
    "srt": (".srt", srt),
    "vtt": (".vtt", vtt),
    "json": (".json", as_json),
}


def _spoken(stretches: Sequence[Segment]) -> list[Segment]:
    return [stretch for stretch in stretches if stretch.answer.text]


def _clock(seconds: Seconds, point: str) -> str:
    """00:00:01.500, with the format's decimal point."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
