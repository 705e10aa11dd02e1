"""Tables of utterances, with paths relative to the table: .jsonl, .csv and .tsv files with a file and a text column.

    file_name,text,speaker,age,gender
    clips/0001.wav,we call it bear,anna,6,f

With start and end (seconds) a row is a stretch of a longer recording. Hugging Face's audiofolder, Common Voice,
Samrómur, Pasketti and NeMo call the columns differently, and people differently again: preprocess.columns.
"""

import math
from itertools import chain, islice
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Columns
from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.encodings import read_rows
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speakers import SPEAKER_COLUMNS, age_of, cell, gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.units import Seconds

SUFFIXES = (".jsonl", ".csv", ".tsv")
SPEAKER_LISTS = ("speakers.csv", "speakers.tsv")
METADATA = "metadata"  # a table by this name has to be one of utterances
FIRST_ROWS = 20  # tell which columns there are: a line of JSON has only those that hold something

# The first of each row is the name in the documentation; the others are what common corpora call it.
KNOWN = {
    "file_name": (
        "file_name",
        "path",
        "file",
        "audio",
        "audio_path",
        "filename",
        "audio_filepath",
        "audio_file",
        "wav",
    ),
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
EVERYTHING = "validated"


def claims(files: Files) -> list[Path]:
    """All tables but the lists of speakers, which stages/corpus/rows/speakers.py reads."""
    return [path for path in files.with_suffix(*SUFFIXES) if path.name.lower() not in SPEAKER_LISTS]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in _tables_of_split(paths, files, reading):
        _read_table(path, files, reading)


def _tables_of_split(tables: list[Path], files: Files, reading: SplitContents) -> list[Path]:
    """The tables without those whose name says that they are another split's."""
    stems = {(path.parent, path.stem.lower()) for path in tables}
    kept = []
    for path in tables:
        stem = path.stem.lower()
        elsewhere = SPLITS.get(stem, reading.split) != reading.split and reading.split in SPLITS.values()
        repeated = stem == EVERYTHING and (path.parent, reading.split) in stems
        if elsewhere or repeated or stem in ASIDE:
            reading.warn("a table of another split, passed over", files.shown(path))
        else:
            kept.append(path)
    return kept


def _read_table(path: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterances of one table; what is no table of utterances is passed over, and said.

    Raises
    ------
    UserError
        A metadata file has no column for the file or for the text.
    """
    place = files.shown(path)
    before = len(reading.refusals)
    rows = read_rows(path, place, reading)
    first = list(islice(rows, FIRST_ROWS))
    if not first:
        return
    present = set().union(*(row for _, row in first))
    columns = {field: _names(field, present, reading.options.columns) for field in KNOWN}
    if missing := [field for field in ("file_name", "text") if present.isdisjoint(columns[field])]:
        del reading.refusals[before:]  # broken rows of what is no table of utterances
        _pass_over(path, place, present, missing, reading)
        return
    for line, row in chain(first, rows):
        try:
            if not _of_another_split(row, reading):
                reading.add(_utterance(row, columns, path, line, files, reading))
        except Refused as refused:
            id = cell(row, columns["id"]) or cell(row, columns["file_name"])
            reading.refuse(id, place, line, refused.reason, refused.detail)


def _names(field: str, present: set[str], own: Columns) -> tuple[str, ...]:
    """What a field's column may be called in a table with these columns."""
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


def _of_another_split(row: dict, reading: SplitContents) -> bool:
    """Whether the row says that it belongs elsewhere: such tables come whole with every part of their corpus."""
    named = (cell(row, [column]).lower() for column in SPLIT)
    theirs = next((SPLITS[name] for name in named if name in SPLITS), reading.split)
    if theirs == reading.split or reading.split not in SPLITS.values():
        return False
    reading.left_out[f"rows of the {theirs} split"] += 1
    return True


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
    """Samrómur says which rows were listened to and found to be what was to be read."""
    valid, empty = cell(row, ["is_valid"]).lower(), cell(row, ["empty"]).lower()
    if valid in ("0", "0.0", "false") or empty in ("1", "1.0", "true"):
        raise Refused("marked-invalid", f"the corpus says is_valid {valid or 'nothing'}, empty {empty or 'nothing'}")


def _recording(name: str, row: dict, folder: Path, files: Files) -> Path:
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
    """How long the recording is said to be. What cannot be read is no reason to refuse the row."""
    try:
        seconds = _seconds(row, DURATION)
    except Refused:
        seconds = math.nan
    if seconds is None or math.isfinite(seconds):
        return seconds
    reading.warn("a duration that is no number of seconds, passed over", place)
    return None


def _seconds(row: dict, names: tuple[str, ...]) -> Seconds | None:
    text = cell(row, names)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Refused("bad-time", f"{names[0]} is {text!r}, expected seconds") from None
