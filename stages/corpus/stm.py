"""STM reference files of NIST's SCTK: a line a segment, often several recordings in one file.

;; comment
recording 1 anna 107.675 110.695 <O,F,C1> (%HESITATION) with {among / between} us
recording 1 anna 111.000 112.000 IGNORE_TIME_SEGMENT_IN_SCORING
"""

import re
from collections import Counter, defaultdict
from pathlib import Path

from stages.corpus.session import Session, Turn
from stages.corpus.text import read_text
from stages.corpus.utterance import Reading, Refused

SUFFIXES = (".stm",)
LABELS = re.compile(r"<([^<>\s]*)>(?:\s+|$)")
IGNORED = "ignore_time_segment_in_scoring"
NOBODY = ("inter_segment_gap", "excluded_region")  # as speakers
CHANNELS = {"1": 1, "a": 1, "2": 2, "b": 2}
GENDERS = ("f", "m", "female", "male")


def sessions(path: Path, place: str, reading: Reading) -> list[Session]:
    """A session for each recording of an STM file, in the order of their names.

    Raises
    ------
    Refused
        broken-stm where no line is a segment
    """
    turns: dict[str, list[Turn]] = defaultdict(list)
    channels: dict[str, set[str]] = defaultdict(set)
    left_out: Counter[str] = Counter()
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        cells = line.split(maxsplit=5)
        if not cells or cells[0].startswith(";;"):
            continue
        if len(cells) < 5:
            reading.refuse("", place, number, "broken-row", "expected: recording channel speaker start end text")
            continue
        recording, channel = cells[0], cells[1].lower()
        channels[recording].add(channel)
        turns[recording].append(_turn(cells, number, left_out))
    if not turns:
        raise Refused("broken-stm", "no line is a segment")
    found = []
    for recording, rows in sorted(turns.items()):
        # Most files say 1 or A everywhere, whatever the recording: a channel is one only beside another.
        several = len(channels[recording]) > 1
        rows = rows if several else [Turn(**{**vars(turn), "channel": None}) for turn in rows]
        found.append(Session((recording,), rows, "stm", left_out=left_out, own_stem=len(turns) == 1))
        left_out = Counter()
    return found


def _turn(cells: list[str], line: int, left_out: Counter[str]) -> Turn:
    _, channel, speaker, start, end, *rest = cells
    text, gender = rest[0].strip() if rest else "", ""
    if labels := LABELS.match(text):
        text = text[labels.end() :]
        gender = next((label.lower() for label in labels[1].split(",") if label.lower() in GENDERS), "")
    if text.lower() == IGNORED or speaker.lower() in NOBODY:
        left_out["stretches that are ignored in scoring"] += 1
        text = ""
    try:
        times = float(start), float(end)
    except ValueError:
        refused = Refused("bad-time", f"from {start} to {end}")
        return Turn(speaker, text, None, None, line, refused=refused)
    return Turn(speaker, text, *times, line, gender=gender, channel=CHANNELS.get(channel.lower()))
