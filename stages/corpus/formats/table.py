"""Tables of utterances, with paths relative to the table: .jsonl, .csv and .tsv files with a file and a text column.

    file_name,text,speaker,age,gender
    clips/0001.wav,we call it bear,anna,6,f

With start and end (seconds) a row is a stretch of a longer recording. Hugging Face's audiofolder, Common Voice,
Samrómur, Pasketti and NeMo call the columns differently; KNOWN has their names, preprocess.columns further ones.
"""

import math
from itertools import chain, islice
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Columns
from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.encodings import read_rows
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speakers import SPEAKER_COLUMNS, SPEAKER_LISTS, age_of, cell, gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.units import Seconds

METADATA = "metadata"  # a table by this name has to be one of utterances
FIRST_ROWS = 20  # are looked at for the columns: a line of JSON has only those that hold something

# The first of each row is the name in the documentation; the others are what common corpora call it.
KNOWN = {
    "file_name": tuple("file_name path file audio audio_path filename audio_filepath audio_file wav".split()),
    "text": ("text", "sentence", "transcript", "transcription", "orthographic_text"),
    "id": ("id", "utterance_id", "utt_id"),
    "speaker": SPEAKER_COLUMNS,
    "gender": ("gender", "sex"),
    "start": ("start", "start_time", "offset"),
    "end": ("end", "end_time"),
}
DURATION = ("duration", "audio_duration_sec")  # of the row's stretch, or of the whole recording
SPLIT = ("split", "status", "partition", "set")
SPLITS = {"train": "train", "training": "train", "test": "test", "eval": "test", "evaluation": "test"}
SPLITS |= dict.fromkeys(("dev", "development", "valid", "validation", "val"), "dev")

# What Common Voice has beside train.tsv, dev.tsv and test.tsv.
ASIDE = frozenset("invalidated other reported unvalidated_sentences validated_sentences clip_durations times".split())
EVERYTHING = "validated"  # holds the rows of all splits


def claims(files: Files) -> list[Path]:
    """All tables but the lists of speakers, which stages/corpus/rows/speakers.py reads."""
    tables = files.with_suffix(".jsonl", ".csv", ".tsv")
    return [path for path in tables if path.name.lower() not in SPEAKER_LISTS]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in _tables_of_split(paths, files, reading):
        _read_table(path, files, reading)


def _tables_of_split(paths: list[Path], files: Files, reading: SplitContents) -> list[Path]:
    """The tables without those whose name says that they are another split's."""
    names = {(path.parent, path.stem.lower()) for path in paths}
    tables = []
    for path in paths:
        name = path.stem.lower()
        elsewhere = SPLITS.get(name, reading.split) != reading.split and reading.split in SPLITS.values()
        repeated = name == EVERYTHING and (path.parent, reading.split) in names
        if elsewhere or repeated or name in ASIDE:
            reading.warn("a table of another split, passed over", files.shown(path))
        else:
            tables.append(path)
    return tables


def _read_table(path: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterances of one table. A table that is not one of utterances is passed over, with a warning.

    Raises
    ------
    UserError
        A metadata file has no column for the file or for the text.
    """
    place = files.shown(path)
    refused_before = len(reading.refusals)
    rows = read_rows(path, place, reading)
    first_rows = list(islice(rows, FIRST_ROWS))
    if not first_rows:
        return
    present: set[str] = set()
    for _, row in first_rows:
        present.update(row)
    columns = {field: _names(field, present, reading.options.columns) for field in KNOWN}
    missing = [field for field in ("file_name", "text") if present.isdisjoint(columns[field])]
    if missing:
        del reading.refusals[refused_before:]  # broken rows of a table that is not one of utterances
        _pass_over(path, place, present, missing, reading)
        return
    for line, row in chain(first_rows, rows):
        try:
            if not _is_of_another_split(row, reading):
                reading.add(_utterance(row, columns, path, line, files, reading))
        except Refused as refused:
            id = cell(row, columns["id"]) or cell(row, columns["file_name"])
            reading.refuse(id, place, line, refused.reason, refused.detail)


def _names(field: str, present: set[str], own: Columns) -> tuple[str, ...]:
    """What a field's column may be called in a table.

    Parameters
    ----------
    present : the table's columns
    own : preprocess.columns, the user's names
    """
    name = _own_name(field, own)
    return (name,) if name and name in present else KNOWN[field]


def _own_name(field: str, own: Columns) -> str:
    """The user's name of a column as read_rows writes it; "" where the user names none."""
    return nfc(getattr(own, field) or "").strip().lower()


def _pass_over(path: Path, place: str, present: set[str], missing: list[str], reading: SplitContents) -> None:
    """Say why a table is not read."""
    columns = ", ".join(sorted(present))
    if path.stem.lower() == METADATA:
        names = KNOWN[missing[0]]
        raise UserError(
            f"data/{place} has no column {names[0]} (or {', '.join(names[1:])}); its columns are {columns}."
            f" Rename one, or name it in preprocess.columns.{missing[0]}"
        )
    if missing == ["text"]:
        detail = f"it names recordings and has no text; its columns are {columns}"
        reading.refuse(path.stem, place, None, "no-text-column", detail)
    else:
        reading.warn("a table that names no recordings, passed over", place)


def _is_of_another_split(row: dict, reading: SplitContents) -> bool:
    """Whether the row says so: some corpora have one table for all splits, and come with all of it in each."""
    if reading.split not in SPLITS.values():
        return False
    for column in SPLIT:
        split = SPLITS.get(cell(row, [column]).lower())
        if split is None:
            continue
        if split == reading.split:
            return False
        reading.left_out[f"rows of the {split} split"] += 1
        return True
    return False


def _utterance(row: dict, columns: dict, path: Path, line: int, files: Files, reading: SplitContents) -> Utterance:
    name = cell(row, columns["file_name"])
    if not name:
        raise Refused("no-file-name", "the row names no recording")
    _check_valid(row)
    audio = _recording(name, row, path.parent, files)
    place = f"{files.shown(path)}:{line}"
    start, end = _times(row, columns)
    derived_id = files.named(audio) if start is None else f"{files.named(audio)}-{1000 * start:06.0f}"
    speaker = cell(row, columns["speaker"])
    age = _age(row, reading.options.columns)
    if not speaker:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=cell(row, columns["id"]) or derived_id,
        audio=audio,
        source=files.shown(audio),
        text_raw=cell(row, columns["text"]),
        speaker=speaker or files.named(audio),
        speaker_known=bool(speaker),
        start=start,
        end=end,
        age=age or None,
        age_months=age_in_months(age, place, reading),
        gender=gender_of(cell(row, columns["gender"])),
        file=files.shown(path),
        line=line,
        format="table",
        check_name=True,
        stated_seconds=_stated_seconds(row, place, reading) if start is None else None,
    )


def _check_valid(row: dict) -> None:
    """Refuse rows that Samrómur has listened to and found not to be what was to be read."""
    valid, empty = cell(row, ["is_valid"]).lower(), cell(row, ["empty"]).lower()
    if valid in ("0", "0.0", "false") or empty in ("1", "1.0", "true"):
        raise Refused("marked-invalid", f"the corpus says is_valid {valid or 'nothing'}, empty {empty or 'nothing'}")


def _recording(name: str, row: dict, folder: Path, files: Files) -> Path:
    """The recording that a row of a table in `folder` names."""
    foreign = "audio_filepath" in row  # NeMo's manifests name files by their absolute paths, of whatever machine
    try:
        return files.resolve(name, folder, foreign=foreign)
    except Refused as refused:
        if refused.reason != "ambiguous-audio":
            raise
    # Two releases of Common Voice have the same names, each in the folder clips beside its tables.
    return files.resolve(f"clips/{name}", folder, foreign=foreign)


def _age(row: dict, own: Columns) -> str:
    name = _own_name("age", own)
    if not name or name not in row:
        return age_of(row)
    return age_of({name: row[name]}, () if name == "grade" else (name,))


def _times(row: dict, columns: dict) -> tuple[Seconds | None, Seconds | None]:
    """Start and end, if the row is a stretch of a recording."""
    start, end = _seconds(row, columns["start"]), _seconds(row, columns["end"])
    if start is None and end is None:
        return None, None
    if start is not None and end is None:  # as NeMo writes it
        duration = _seconds(row, DURATION)
        return start, None if duration is None else start + duration
    return start or 0.0, end


def _stated_seconds(row: dict, place: str, reading: SplitContents) -> Seconds | None:
    """How long the recording is, according to the row. If that cannot be read, a warning says so, and it is None."""
    try:
        seconds = _seconds(row, DURATION)
    except Refused:
        seconds = math.nan
    if seconds is None or math.isfinite(seconds):
        return seconds
    reading.warn("a duration that is no number of seconds, passed over", place)
    return None


def _seconds(row: dict, names: tuple[str, ...]) -> Seconds | None:
    """The first of the columns that holds something; None where none does."""
    text = cell(row, names)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Refused("bad-time", f"{names[0]} is {text!r}, expected seconds") from None
