"""Audacity label tracks: text files beside a recording, a line a stretch, times in seconds.

    0.000<TAB>2.680<TAB>from fairest creatures
    \\<TAB>200.0<TAB>4000.0                       (the frequencies of a spectral selection, passed over)

Where the computer writes decimal commas, so does Audacity.
"""

import re
from pathlib import Path

from stages.corpus.session import Session, Turn
from stages.corpus.text import read_text
from stages.corpus.utterance import Reading, Refused

SUFFIXES = (".txt",)
TIME = r"-?[0-9]+(?:[.,][0-9]+)?"
LABEL = re.compile(rf"({TIME})\t({TIME})(?:\t(.*))?")
LOOKED_AT = 4096  # bytes


def is_label_track(path: Path) -> bool:
    """Whether a text file begins like a label track."""
    try:
        with open(path, "rb") as file:
            head = file.read(LOOKED_AT)
    except OSError:
        return False  # whoever reads it says why
    first = head.decode("utf-8-sig", errors="replace").split("\n")[0].rstrip("\r")
    return bool(LABEL.fullmatch(first))


def sessions(path: Path, place: str, reading: Reading) -> list[Session]:
    """The one session of a label track."""
    turns = []
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        found = LABEL.fullmatch(line)
        if not found:
            refused = Refused("bad-time", f"expected start, end and label between tabs: {line[:80]!r}")
            turns.append(Turn("", line, None, None, number, refused=refused))
            continue
        start, end = (float(time.replace(",", ".")) for time in found.group(1, 2))
        turns.append(Turn("", (found[3] or "").strip(), start, end, number))
    return [Session((), turns, "audacity")]
