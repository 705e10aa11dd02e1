"""Audacity label tracks: text files beside a recording, one label a line, times in seconds.

    0.000<TAB>2.680<TAB>from fairest creatures
    \\<TAB>200.0<TAB>4000.0                       (the frequencies of a spectral selection, passed over)

Where the computer writes decimal commas, so does Audacity. A label has no speaker: the speaker is the folder's.
"""

import codecs
import re
from collections import Counter
from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.records.units import Seconds

TIME = r"-?[0-9]+(?:[.,][0-9]+)?"
LABEL = re.compile(rf"({TIME})\t({TIME})(?:\t(.*))?")
HEAD_BYTES = 4096  # how much of a file is_label_track looks at


def claims(files: Files) -> list[Path]:
    """Text files that begin like a label track: many other files are called .txt too."""
    return [path for path in files.with_suffix(".txt") if is_label_track(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def is_label_track(path: Path) -> bool:
    """Whether a text file begins like a label track: at least half of its first lines are labels."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False  # the format that reads the file reports the error
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    labels = others = 0
    for line in head.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace").splitlines():
        if not line.strip() or line.startswith("\\"):
            continue
        if LABEL.fullmatch(line):
            labels += 1
        else:
            others += 1
    return labels > 0 and labels >= others


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a label track."""
    turns = []
    left_out: Counter[str] = Counter()
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        label = LABEL.fullmatch(line)
        if not label:
            refused = Refused("bad-time", f"expected start, end and label between tabs: {line[:80]!r}")
            turns.append(Turn("", line, None, None, number, refused=refused))
            continue
        text = (label[3] or "").strip()
        if not text:
            left_out["labels without text"] += 1
        turns.append(Turn("", text, _seconds(label[1]), _seconds(label[2]), number))
    return [Session((), turns, "audacity", left_out=left_out)]


def _seconds(text: str) -> Seconds:
    return float(text.replace(",", "."))
