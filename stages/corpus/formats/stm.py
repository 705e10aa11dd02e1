"""STM reference files of NIST's SCTK: one segment a line, often several recordings in one file.

    ;; comment
    recording 1 anna 107.675 110.695 <O,F,C1> (%HESITATION) with {among / between} us
    recording 1 anna 111.000 112.000 IGNORE_TIME_SEGMENT_IN_SCORING

The labels before the text may be missing; of them, only the gender is used. Most files say 1 or A for the channel
whatever the recording, so a channel is one only where the recording has others as well.
"""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents

# With a comma, empty, or the two that stand alone; <breath> at the start of a text is no label.
LABELS = re.compile(r"<([^<>\s,]*,[^<>\s]*|o|na|)>(?:\s+|$)", re.IGNORECASE)
IGNORED = "ignore_time_segment_in_scoring"
NO_SPEAKERS = ("inter_segment_gap", "excluded_region")  # in the speaker's column
CHANNELS = {"1": 1, "a": 1, "2": 2, "b": 2}
GENDERS = ("f", "m", "female", "male")


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".stm")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """A session for each recording of an STM file, in the order of their names.

    Raises
    ------
    Refused
        broken-stm where no line is a segment
    """
    turns: dict[str, list[Turn]] = defaultdict(list)
    channels: dict[str, set[str]] = defaultdict(set)
    left_out: dict[str, Counter[str]] = defaultdict(Counter)
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        cells = line.split(maxsplit=5)
        if not cells or cells[0].startswith(";;"):
            continue
        if len(cells) < 5:
            reading.refuse("", place, number, "broken-row", "expected: recording channel speaker start end text")
            continue
        recording, channel = cells[0], cells[1].lower()
        channels[recording].add(channel)
        turns[recording].append(_turn(cells, number, left_out[recording]))
    if not turns:
        raise Refused("broken-stm", "no line is a segment")
    sessions = []
    for recording, rows in sorted(turns.items()):
        if len(channels[recording]) == 1:
            rows = [replace(turn, channel=None) for turn in rows]
        session = Session((recording,), rows, "stm", left_out=left_out[recording], own_stem=len(turns) == 1)
        sessions.append(session)
    return sessions


def _turn(cells: list[str], line: int, left_out: Counter[str]) -> Turn:
    """The turn of a line that was split into its five or six columns."""
    channel, speaker, start, end = cells[1:5]
    text = cells[5].strip() if len(cells) > 5 else ""
    gender = ""
    labels = LABELS.match(text)
    if labels:
        text = text[labels.end() :]
        for label in labels[1].lower().split(","):
            if label in GENDERS:
                gender = label
                break
    if text.lower() == IGNORED or speaker.lower() in NO_SPEAKERS:
        left_out["stretches that are ignored in scoring"] += 1
        text = ""
    elif not text:
        left_out["segments without text"] += 1
    turn = Turn(speaker, text, None, None, line, gender=gender, channel=CHANNELS.get(channel.lower()))
    try:
        return replace(turn, start=float(start), end=float(end))
    except ValueError:
        return replace(turn, refused=Refused("bad-time", f"from {start} to {end}"))
