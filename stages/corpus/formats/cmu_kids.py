"""CMU Kids, LDC97S63: 76 children of 6 to 11 years read sentences aloud, 5180 utterances.

    kids/fabm/signal/fabm2aa1.sph     speaker, sentence, and 1 or 2 for a good or a poor reader; f and m are the sexes
    kids/fabm/trans/fabm2aa1.trn      what was said
    tables/transcrp.tbl               the same in one table: fabm2aa1 HUNDREDS OF GREEN ...
    tables/sentence.tbl               the prompts: not used, as children do not read them exactly
    tables/speaker.tbl                fabm  SUM95  3/9  100  62       (the third is grade and age, or NA)

Noises are in [ ], mispronounced words in phones between slashes.
"""

import re
from pathlib import Path
from typing import NamedTuple

from stages.corpus.formats.text_files import whole_recording, words_in
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused, SplitContents

NAME = re.compile(r"([fm][a-z]{3})([0-9][a-z0-9]{2})[12]", re.IGNORECASE)
ROW = re.compile(r"([fm][a-z]{3}[0-9][a-z0-9]{2}[12])\s+(.*)", re.IGNORECASE)
SPEAKER = re.compile(r"([fm][a-z]{3})\s+\S+\s+([0-9]{1,2}|NA)/([0-9]{1,2}|NA)\b", re.IGNORECASE)
GENDERS = {"f": "female", "m": "male"}


class Transcript(NamedTuple):
    """Where an utterance's words are: a file of its own, or a row of the table."""

    path: Path
    text: str | None = None  # of the table; None: all of the file
    line: int | None = None


def claims(files: Files) -> list[Path]:
    """The transcripts and the tables, if there are recordings of the corpus."""
    if not any(_is_recording(path) for path in files.recordings):
        return []
    transcripts = [path for path in files.with_suffix(".trn") if _is_transcript(path)]
    return transcripts + files.with_suffix(".tbl")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    if not paths:
        return
    recordings = {path.stem.lower(): path for path in files.recordings if _is_recording(path)}
    tables = {path.name.lower(): path for path in paths if path.suffix.lower() == ".tbl"}
    ages = _ages(tables.get("speaker.tbl"), files, reading)
    transcripts = _rows_of_table(tables.get("transcrp.tbl"), files, reading)
    for path in paths:  # a .trn file goes before the table
        if path.suffix.lower() == ".trn":
            transcripts[path.stem.lower()] = Transcript(path)
    missing = len(transcripts.keys() - recordings.keys())
    if missing:
        reading.left_out["transcripts without a recording here"] += missing
    for id, audio in sorted(recordings.items()):
        if id not in transcripts:
            continue  # counted as untranscribed
        path, text, line = transcripts[id]
        try:
            if text is None:
                text = _without_id(words_in(path, files, reading), id)
            row = whole_recording(
                audio,
                path,
                text,
                speaker_of(audio),
                files,
                reading,
                format="cmu-kids",
                id=audio.stem,
                line=line,
                age=ages.get(id[:4], ""),
                gender=GENDERS[id[0]],
            )
            reading.add(row)
        except Refused as refused:
            reading.refuse(audio.stem, files.shown(path), line, refused.reason, refused.detail)


def speaker_of(path: Path) -> str:
    """The speaker whom the name of a recording of the corpus tells; "" for other recordings."""
    return f"cmu-{path.stem[:4].lower()}" if _is_recording(path) else ""


def _is_recording(path: Path) -> bool:
    name = NAME.fullmatch(path.stem)
    if not name or path.parent.name.lower() != "signal":
        return False
    return path.parent.parent.name.lower() == name[1].lower()


def _is_transcript(path: Path) -> bool:
    return path.parent.name.lower() == "trans" and bool(NAME.fullmatch(path.stem))


def _without_id(text: str, id: str) -> str:
    """The words of a .trn file; some copies of the corpus begin them with the utterance's id, as the table does."""
    row = ROW.fullmatch(text)
    return row[2] if row and row[1].lower() == id else text


def _rows_of_table(path: Path | None, files: Files, reading: SplitContents) -> dict[str, Transcript]:
    """The transcripts of transcrp.tbl by utterance."""
    transcripts: dict[str, Transcript] = {}
    if path is None:
        return transcripts
    for number, line in enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1):
        row = ROW.fullmatch(line.strip())
        if row:
            transcripts[row[1].lower()] = Transcript(path, row[2], number)
    return transcripts


def _ages(path: Path | None, files: Files, reading: SplitContents) -> dict[str, str]:
    """The age in years of each speaker, or else the grade; "" where both are NA."""
    ages: dict[str, str] = {}
    if path is None:
        return ages
    for line in read_text(path, files.shown(path), reading).split("\n"):
        row = SPEAKER.match(line)
        if row:
            ages[row[1].lower()] = _age(row[2], row[3])
    return ages


def _age(grade: str, age: str) -> str:
    if age.isdecimal():
        return age
    return f"grade {grade}" if grade.isdecimal() else ""
