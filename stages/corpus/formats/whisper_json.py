"""JSON files of recognisers, as openai-whisper, faster-whisper's programs and WhisperX write them beside recordings.

    a.json    {"segments": [{"start": 0.5, "end": 1.5, "text": " Hi.", "words": [...], "speaker": "SPEAKER_00"}]}

Nobody has checked these texts, so they are read only if a recording has no other transcript, and with a warning.
WhisperX numbers the speakers of each recording from 0.
"""

import json
import math
from collections import Counter
from pathlib import Path

from stages.corpus.rows.columns import columns_named
from stages.corpus.rows.files import Files
from stages.corpus.rows.layout import KNOWN
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.corpus.rows.whole_files import read_bytes
from stages.records.units import Seconds

NAMES = (b'"segments"', b'"text"')
LEARNED = "unverified transcripts, in the format of a recogniser: models learn its errors"
REFERENCE = (
    "unverified references, in the format of a recogniser: the WER counts differences from that recogniser, whose own"
    " errors count as right"
)
NUMBERED = "speakers that a program numbered: each is of one recording only, and may be an adult"
NOT_TOLD = "unknown"  # speaker of segments that name none, in a file in which others do


def claims(files: Files) -> list[Path]:
    return [path for path in files.with_suffix(".json") if is_of_recogniser(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def is_of_recogniser(path: Path) -> bool:
    """Whether a .json file holds segments with start, end and text, and names no recording as a row of a table does."""
    try:
        data = path.read_bytes()
        if not all(name in data for name in NAMES):
            return False
        content = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return False  # table.py reports what cannot be read
    if not isinstance(content, dict) or columns_named(content, KNOWN["file_name"]):
        return False
    segments = content.get("segments")
    if not isinstance(segments, list) or not segments:
        return False
    return all(isinstance(segment, dict) and {"start", "end", "text"} <= segment.keys() for segment in segments)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The session of a recogniser's file, in a list.

    Raises
    ------
    Refused
        broken-json: it holds characters that are no valid Unicode
    """
    content = json.loads(read_bytes(path, place))
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except ValueError as error:  # half of a surrogate pair
        raise Refused("broken-json", str(error)) from None
    segments = content["segments"]
    reading.warn(LEARNED if reading.split == "train" else REFERENCE, place)
    speakers = {str(segment["speaker"]) for segment in segments if segment.get("speaker")}
    if len(speakers) > 1:
        reading.warn(NUMBERED, place)
    left_out: Counter[str] = Counter()
    turns = []
    for number, segment in enumerate(segments, start=1):
        label = str(segment.get("speaker") or NOT_TOLD) if len(speakers) > 1 else ""
        turns.append(_turn(segment, number, label))
        if not turns[-1].text and not turns[-1].refused:
            left_out["segments without text"] += 1
    return [Session((), turns, "whisper", left_out=left_out, own_speakers=True)]


def _turn(segment: dict, number: int, label: str) -> Turn:
    """The turn of a segment.

    Parameters
    ----------
    number : of the segment, counted from 1
    label : of its speaker
    """
    text = segment["text"]
    start, end = _seconds(segment["start"]), _seconds(segment["end"])
    if start is None or end is None or not isinstance(text, str):
        refused = Refused("bad-time", f"segment {number} has no start, end and text: {str(segment)[:80]}")
        return Turn(label, "", None, None, refused=refused)
    if start >= end:
        refused = Refused("end-before-start", f"segment {number} is from {start} to {end} s")
        return Turn(label, text.strip(), start, end, refused=refused)
    return Turn(label, text.strip(), start, end, words=tuple(_words(segment.get("words"))))


def _words(words: object) -> list[Word]:
    """The words with their times; [] if any word has no times, as WhisperX gives numbers none."""
    timed = []
    for word in words if isinstance(words, list) else []:
        start = end = None
        if isinstance(word, dict):
            start, end = _seconds(word.get("start")), _seconds(word.get("end"))
        if start is None or end is None or start > end or not isinstance(word.get("word"), str):
            return []
        timed.append(Word(start, end, word["word"].strip()))
    return timed


def _seconds(value: object) -> Seconds | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:  # a whole number of more than 300 digits
        return None
    return seconds if math.isfinite(seconds) else None
