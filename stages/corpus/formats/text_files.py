"""Recordings with a text of the same stem: anna/0001.wav and anna/0001.txt (or .trn, .lab), all that is said in it.

The speaker is the folder that holds them; folders such as wav and clips are passed over.
"""

import re
from pathlib import Path

from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import PAPERS, Files
from stages.corpus.rows.session import is_first_annotation
from stages.corpus.rows.speaker_names import folders_of_speaker
from stages.corpus.rows.speakers import gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance

SUFFIXES = (".trn", ".txt", ".lab")

TEXTGRID = re.compile(r"\s*File type = \"oo(?:TextFile|ShortTextFile)")
# At the beginning of a line, before other columns: recordings/0001.wav 95.08
RECORDING_NAME = re.compile(
    r"^(?:/[^\t\n,;|]{0,300}|[^\s,;|]{1,300})\.(?:wav|flac|mp3|ogg|opus|m4a|mp4|sph)(?=[\s,;|]|$)",
    re.IGNORECASE | re.MULTILINE,
)


def claims(files: Files) -> list[Path]:
    """In the order of SUFFIXES: where a recording has several, the first is read."""
    paths = []
    for suffix in SUFFIXES:
        for path in files.with_suffix(suffix):
            if path.stem.lower() not in PAPERS or files.recordings_beside(path):
                paths.append(path)
    return paths


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in paths:
        if is_first_annotation(path, files, reading):
            _read_transcript(path, files, reading)


def _read_transcript(path: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterance of one transcript."""
    folders = folders_of_speaker(path, files)
    is_known = bool(folders)
    if not is_known:
        reading.warn_unknown_speaker(files.shown(path))
    speaker = folders[-1] if is_known else files.named(path)
    try:
        audio = files.beside(path)
        text = words_in(path, files, reading)
        row = whole_recording(audio, path, text, speaker, files, reading, format="text", speaker_known=is_known)
        reading.add(row)
    except Refused as refused:
        reading.refuse(files.named(path), files.shown(path), None, refused.reason, refused.detail)


def words_in(path: Path, files: Files, reading: SplitContents) -> str:
    """The text of a transcript.

    Raises
    ------
    Refused
        not-text (binary data) or other-format: it is a TextGrid, or names recordings
    """
    text = read_text(path, files.shown(path), reading)
    if "\0" in text:
        raise Refused("not-text", "it holds binary data")
    if TEXTGRID.match(text):
        raise Refused("other-format", f"it is a TextGrid: rename it to {path.stem}.TextGrid")
    recording = RECORDING_NAME.search(text)
    if recording:
        detail = f"it names a recording, {recording[0].strip()!r}: it is a list, and not what is said in one of them"
        raise Refused("other-format", detail)
    return text.strip()


def whole_recording(
    audio: Path,
    path: Path,
    text: str,
    speaker: str,
    files: Files,
    reading: SplitContents,
    *,
    format: str,
    id: str = "",
    line: int | None = None,
    speaker_known: bool = True,
    age: str = "",
    gender: str = "",
    markup: str = "plain",
    flags: tuple[str, ...] = (),
) -> Utterance:
    """The utterance of a recording that is transcribed as a whole in the file `path`.

    Parameters
    ----------
    id : "": derived from the path
    age, gender : as the corpus writes them; "" where it does not
    """
    place = files.shown(path)
    return Utterance(
        id=id or files.named(path),
        audio=audio,
        source=files.shown(audio),
        text_raw=text,
        speaker=speaker,
        speaker_known=speaker_known,
        start=None,
        end=None,
        age=age or None,
        age_months=age_in_months(age, place, reading),
        gender=gender_of(gender),
        file=place,
        line=line,
        format=format,
        markup=markup,
        flags=flags,
    )
