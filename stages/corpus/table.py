"""Tables of utterances: metadata.jsonl, metadata.csv or metadata.tsv, with paths relative to the table.

    file_name,text,speaker,age,gender
    clips/0001.wav,we call it bear,anna,6,f

With start and end (seconds) a row is a stretch of a longer recording.
"""

from pathlib import Path

from stages.corpus.files import Files, read_rows
from stages.corpus.speakers import SPEAKER_COLUMNS, age_in_months, cell, gender_of
from stages.corpus.utterance import Reading, Refused, Utterance
from stages.errors import UserError
from stages.units import Seconds

NAMES = ("metadata.jsonl", "metadata.csv", "metadata.tsv")

# The first of each row is the name in the documentation; the others are what common corpora call it.
FILE_COLUMNS = ("file_name", "path", "file", "audio", "audio_path", "filename", "audio_filepath")
TEXT_COLUMNS = ("text", "sentence", "transcript", "transcription", "orthographic_text")
ID_COLUMNS = ("id", "utterance_id")
GENDER_COLUMNS = ("gender", "sex")


def tables(files: Files) -> list[Path]:
    return [path for path in files.paths if path.name.lower() in NAMES]


def read(path: Path, files: Files, reading: Reading) -> None:
    """Add the utterances of one table.

    Raises
    ------
    UserError
        No row has a column for the file or for the text.
    """
    place = files.shown(path)
    columns: set[str] = set()
    for line, row in read_rows(path, place, reading):
        columns.update(row)
        try:
            reading.add(_utterance(row, path, line, files, reading))
        except Refused as refused:
            id = cell(row, ID_COLUMNS) or cell(row, FILE_COLUMNS)
            reading.refuse(id, place, line, refused.reason, refused.detail)
    for wanted in (FILE_COLUMNS, TEXT_COLUMNS):
        if columns and not columns & set(wanted):
            raise UserError(
                f"data/{place} has no column {wanted[0]} (or {', '.join(wanted[1:])});"
                f" its columns are {', '.join(sorted(columns))}"
            )


def _utterance(row: dict, path: Path, line: int, files: Files, reading: Reading) -> Utterance:
    name = cell(row, FILE_COLUMNS)
    if not name:
        raise Refused("no-file-name", "the row names no recording")
    audio = files.resolve(name, path.parent, foreign=False)
    start, end = _seconds(row, "start"), _seconds(row, "end")
    start = 0.0 if start is None and end is not None else start
    derived_id = files.named(audio) if start is None else f"{files.named(audio)}-{1000 * start:06.0f}"
    place = f"{files.shown(path)}:{line}"
    speaker = cell(row, SPEAKER_COLUMNS)
    if not speaker:
        reading.warn("unknown speakers are one per recording", place)
    return Utterance(
        id=cell(row, ID_COLUMNS) or derived_id,
        audio=audio,
        source=files.shown(audio),
        text_raw=cell(row, TEXT_COLUMNS),
        speaker=speaker or files.named(audio),
        speaker_known=bool(speaker),
        start=start,
        end=end,
        age_months=age_in_months(cell(row, ["age"]), cell(row, ["age_months"]), place, reading),
        gender=gender_of(cell(row, GENDER_COLUMNS)),
        file=files.shown(path),
        line=line,
    )


def _seconds(row: dict, column: str) -> Seconds | None:
    text = cell(row, [column])
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Refused("bad-time", f"{column} is {text!r}, expected seconds") from None
