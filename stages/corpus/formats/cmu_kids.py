"""CMU Kids, LDC97S63: 76 children of 6 to 11 years read sentences aloud, 5180 utterances.

    kids/fabm/signal/fabm2aa1.sph     speaker, sentence, and 1 or 2 for a good or a poor reader; f and m are the sexes
    kids/fabm/trans/fabm2aa1.trn      what was said
    tables/transcrp.tbl               the same in one table: fabm2aa1 HUNDREDS OF GREEN ...
    tables/sentence.tbl               what was to be said: never used, though some published recipes take it
    tables/speaker.tbl                fabm  SUM95  3/9  100  62       (the third is grade and age, or NA)

Noises are in [ ], mispronounced words in phones between slashes.
"""

import re
from pathlib import Path

from stages.corpus.formats.text_files import whole_recording, words_in
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused, SplitContents

NAME = re.compile(r"([fm][a-z]{3})([0-9][a-z0-9]{2})[12]", re.IGNORECASE)
ROW = re.compile(r"([fm][a-z]{3}[0-9][a-z0-9]{2}[12])\s+(.*)", re.IGNORECASE)
SPEAKER = re.compile(r"([fm][a-z]{3})\s+\S+\s+([0-9]{1,2}|NA)/([0-9]{1,2}|NA)\b", re.IGNORECASE)
GENDERS = {"f": "female", "m": "male"}


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
    spoken = {path.stem.lower(): (path, None) for path in paths if path.suffix.lower() == ".trn"}
    said = _table(tables.get("transcrp.tbl"), files, reading)
    missing = len((said.keys() | spoken.keys()) - recordings.keys())
    if missing:
        reading.left_out["transcripts without a recording here"] += missing
    for id, audio in sorted(recordings.items()):
        path, text, line = (*spoken[id], None) if id in spoken else said.get(id, (None, None, None))
        if path is None:
            continue  # counted as untranscribed
        try:
            text = _without_id(words_in(path, files, reading), id) if text is None else text
            more = {"id": audio.stem, "line": line, "age": ages.get(id[:4], ""), "gender": GENDERS[id[0]]}
            reading.add(whole_recording(audio, path, text, f"cmu-{id[:4]}", files, reading, format="cmu-kids", **more))
        except Refused as refused:
            reading.refuse(audio.stem, files.shown(path), line, refused.reason, refused.detail)


def _is_recording(path: Path) -> bool:
    named = NAME.fullmatch(path.stem)
    return bool(named) and path.parent.name.lower() == "signal" and path.parent.parent.name.lower() == named[1].lower()


def _is_transcript(path: Path) -> bool:
    return path.parent.name.lower() == "trans" and bool(NAME.fullmatch(path.stem))


def _without_id(text: str, id: str) -> str:
    """The words of a .trn file; some copies of the corpus begin them with the utterance's id, as the table does."""
    named = ROW.fullmatch(text)
    return named[2] if named and named[1].lower() == id else text


def _table(path: Path | None, files: Files, reading: SplitContents) -> dict[str, tuple[Path, str, int]]:
    """The transcripts of transcrp.tbl: the file, the text and its line, by utterance."""
    if path is None:
        return {}
    lines = enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1)
    rows = ((number, ROW.fullmatch(line.strip())) for number, line in lines)
    return {row[1].lower(): (path, row[2], number) for number, row in rows if row}


def _ages(path: Path | None, files: Files, reading: SplitContents) -> dict[str, str]:
    """The age in years of each speaker, or else the grade; "" where both are NA."""
    if path is None:
        return {}
    rows = map(SPEAKER.match, read_text(path, files.shown(path), reading).split("\n"))
    return {row[1].lower(): _age(row[2], row[3]) for row in rows if row}


def _age(grade: str, age: str) -> str:
    if age.isdecimal():
        return age
    return f"grade {grade}" if grade.isdecimal() else ""
