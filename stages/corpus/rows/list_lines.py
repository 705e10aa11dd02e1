"""The lines of lists of transcripts: the name of a recording, spaces, and its text."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stages.corpus.rows import media
from stages.corpus.rows.files import PAPERS, RECORDING_SUFFIXES, Files
from stages.corpus.rows.utterance import Refused, SplitContents

HEAD_BYTES = 4096  # how much of a file head_of reads
COMPARED = 20  # lines
# Of annotation files of one recording, in lower case.
OWN_FILES = frozenset(".trn .txt .lab .textgrid .eaf .cha .trs .stm .srt .vtt".split())
OWN_TRANSCRIPT = "a list's text of a recording that has a transcript of its own name, passed over"


def lines_of(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number, name of the recording, text) of each line that is not blank."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split(maxsplit=1)
        if words:
            yield number, words[0], words[1].strip() if len(words) > 1 else ""


def head_of(path: Path) -> str:
    """The first whole lines of a text file; "" where it cannot be opened or is no UTF-8 or UTF-16 text."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return ""  # the format that reads the file reports the error
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = head.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return text.rpartition("\n")[0] if len(head) == HEAD_BYTES and "\n" in text else text


def may_be_list(path: Path, files: Files) -> bool:
    """Whether a .txt file is no transcript of one recording."""
    return path.stem.lower() not in PAPERS and not files.recordings_beside(path)


def is_list(path: Path, files: Files) -> bool:
    """Whether a .txt file is a list of transcripts: at least half of its first lines name recordings and have a text.

    One line counts only if it names the recording with its extension: other texts may begin with any word.
    """
    if not may_be_list(path, files):
        return False
    rows = list(lines_of(head_of(path)))[:COMPARED]
    naming = [name for _, name, text in rows if text and is_listed(name, path, files)]
    has_suffix = any(PurePosixPath(name).suffix.lower() in RECORDING_SUFFIXES for name in naming)
    return bool(naming) and 2 * len(naming) >= len(rows) and (has_suffix or len(set(naming)) > 1)


def is_listed(name: str, path: Path, files: Files) -> bool:
    """Whether the list `path` may mean a recording by this name."""
    try:
        listed_recording(name, path, files)
    except Refused as refused:
        return refused.reason == "ambiguous-audio"
    return True


def is_text_of(audio: Path, place: str, files: Files, reading: SplitContents) -> bool:
    """Whether the text that a list has of a recording is to be read; if not, a warning names the line, `place`.

    A transcript of the recording's name beside it says what was said; a list may hold what was to be read.
    """
    if not files.has_beside(audio, OWN_FILES):
        return True
    reading.warn(OWN_TRANSCRIPT, place)
    return False


def listed_recording(name: str, path: Path, files: Files) -> Path:
    """The recording that the list `path` names: beside it, or anywhere in the split; another extension will do.

    Raises
    ------
    Refused
        missing-audio, ambiguous-audio or outside-data
    """
    wanted = PurePosixPath(name.replace("\\", "/"))
    if len(wanted.parts) > 1:
        return files.resolve(name, path.parent, foreign=False)
    names = [name]
    if wanted.suffix.lower() in RECORDING_SUFFIXES:
        names.append(wanted.stem)
    return media.recording_of(path, names, files, own_stem=False)
