"""Recordings with a text of the same stem: anna/0001.wav and anna/0001.txt (or .trn), the words of the whole file.

The speaker is the folder that holds them.
"""

from pathlib import Path

from stages.corpus.files import PAPERS, Files, nfc, read_text
from stages.corpus.utterance import Reading, Refused, Utterance

SUFFIXES = (".trn", ".txt")


def transcripts(files: Files) -> list[Path]:
    return [path for path in files.paths if path.suffix.lower() in SUFFIXES and path.stem.lower() not in PAPERS]


def read(path: Path, files: Files, reading: Reading) -> None:
    """Add the utterance of one transcript."""
    place = files.shown(path)
    try:
        audio = files.beside(path)
        text = read_text(path, place, reading)
        if "\0" in text:
            raise Refused("not-text", "it holds binary data")
    except Refused as refused:
        reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
        return
    known = path.parent != files.folder
    if not known:
        reading.warn("unknown speakers are one per recording", place)
    reading.add(
        Utterance(
            id=files.named(path),
            audio=audio,
            source=files.shown(audio),
            text_raw=text.strip(),
            speaker=nfc(path.parent.name if known else path.stem),
            speaker_known=known,
            start=None,
            end=None,
            age_months=None,
            gender=None,
            file=place,
            line=None,
        )
    )
