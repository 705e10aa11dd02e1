"""Audacity label tracks: text files beside a recording, a line a stretch, times in seconds.

    0.000<TAB>2.680<TAB>from fairest creatures
    \\<TAB>200.0<TAB>4000.0                       (the frequencies of a spectral selection, passed over)

Where the computer writes decimal commas, so does Audacity. A label says what, not who: the speaker is the folder's.
"""

import codecs
import re
from collections import Counter
from pathlib import Path

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents

TIME = r"-?[0-9]+(?:[.,][0-9]+)?"
LABEL = re.compile(rf"({TIME})\t({TIME})(?:\t(.*))?")
LOOKED_AT = 4096  # bytes


def claims(files: Files) -> list[Path]:
    """Text files that begin like a label track: many other files are called .txt too."""
    return [path for path in files.with_suffix(".txt") if is_label_track(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def is_label_track(path: Path) -> bool:
    """Whether a text file begins like a label track: at least half of its first lines are labels."""
    try:
        with open(path, "rb") as file:
            head = file.read(LOOKED_AT)
    except OSError:
        return False  # whoever reads it says why
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    lines = head.decode("utf-16" if utf16 else "utf-8-sig", errors="replace").splitlines()
    written = [line for line in lines if line.strip() and not line.startswith("\\")]
    return 0 < len(written) <= 2 * sum(bool(LABEL.fullmatch(line)) for line in written)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a label track."""
    turns = []
    left_out: Counter[str] = Counter()
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        found = LABEL.fullmatch(line)
        if not found:
            refused = Refused("bad-time", f"expected start, end and label between tabs: {line[:80]!r}")
            turns.append(Turn("", line, None, None, number, refused=refused))
            continue
        start, end = (float(time.replace(",", ".")) for time in found.group(1, 2))
        text = (found[3] or "").strip()
        left_out["labels without text"] += not text
        turns.append(Turn("", text, start, end, number))
    return [Session((), turns, "audacity", left_out=+left_out)]
