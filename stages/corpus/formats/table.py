"""Tables of utterances: .jsonl, .json, .csv, .tsv and .xlsx files with a file and a text column.

Paths are relative to the table.

    file_name,text,speaker,age,gender
    clips/0001.wav,we call it bear,anna,6,f

With start and end, a row is a stretch of a longer recording. Hugging Face's audiofolder, Common Voice, Samrómur,
Pasketti and NeMo call the columns differently; stages/corpus/rows/layout.py and row_times.py have their names.
"""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.formats.whisper_json import is_of_recogniser
from stages.corpus.rows.ages import UNKNOWN, age_in_months
from stages.corpus.rows.columns import cell, columns_named, is_column, yes_or_no
from stages.corpus.rows.files import Files
from stages.corpus.rows.headers import QUOTES, delimiter_of, first_line, is_first_row
from stages.corpus.rows.layout import EMPTY, KNOWN, VALID, Layout, known_names, layout_of
from stages.corpus.rows.list_lines import head_of, is_listed, may_be_list
from stages.corpus.rows.listed_speakers import speaker_of_recording
from stages.corpus.rows.row_recordings import find_recording, is_recording, named_recording
from stages.corpus.rows.row_times import seconds, start_and_end
from stages.corpus.rows.speakers import GRADES, SPEAKER_LISTS, age_of, gender_of
from stages.corpus.rows.table_rows import Rows, read_tables
from stages.corpus.rows.table_splits import is_of_another_split, tables_of_split
from stages.corpus.rows.uncertain_times import uncertain_times
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.corpus.rows.workbooks import WORKBOOK_SUFFIX
from stages.records.units import Seconds

METADATA = "metadata"  # a table by this name has to be one of utterances
FIRST_ROWS = 20  # are looked at for the columns: a line of JSON has only those that hold something


def claims(files: Files) -> list[Path]:
    """All tables but lists of speakers, which stages/corpus/rows/speakers.py reads, and what recognisers write."""
    tables = []
    for path in files.with_suffix(".jsonl", ".json", ".csv", ".tsv", ".xlsx"):
        is_other = path.name.lower() in SPEAKER_LISTS or (path.suffix.lower() == ".json" and is_of_recogniser(path))
        if not is_other:
            tables.append(path)
    texts = [path for path in files.with_suffix(".txt") if _is_table(path, files)]
    return tables + texts


def _is_table(path: Path, files: Files) -> bool:
    """Whether a .txt file is a table: its first line has columns for file and text, or names a recording."""
    if not may_be_list(path, files):
        return False
    lines = head_of(path).split("\n")
    known = (*KNOWN["file_name"], *KNOWN["text"])
    is_named = partial(is_listed, path=path, files=files)
    cells = first_line(lines).split(delimiter_of(lines, ".txt", known, is_named))
    has_both = all(
        columns_named([name.strip(QUOTES) for name in cells], KNOWN[field]) for field in ("file_name", "text")
    )
    return has_both or is_first_row(cells, known, is_named)


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    utterances: list[Utterance] = []
    mistimed: set[tuple[str, Path]] = set()  # (table, recording) of rows whose times are refused
    known = known_names(reading.options.columns)
    for path in tables_of_split(paths, files, reading):
        place = files.shown(path)
        is_named = partial(is_recording, folder=path.parent, files=files)
        try:
            for table_place, rows in read_tables(path, place, reading, known, is_named):
                utterances += _utterances(path, table_place, rows, files, reading, mistimed)
        except Refused as refused:
            reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
    uncertain = uncertain_times(utterances, mistimed)
    for utterance in utterances:
        try:
            if utterance in uncertain:
                raise _without_times(uncertain[utterance], reading.unused_columns[utterance.file])
            reading.add(utterance)
        except Refused as refused:
            reading.refuse(utterance.id, utterance.file, utterance.line, refused.reason, refused.detail)


def _without_times(reason: str, unused: tuple[str, ...]) -> Refused:
    columns = f"columns that are not used: {', '.join(unused)}" if unused else "all columns are used"
    return Refused("unclear-times", f"{reason} ({columns}); name the columns of times in preprocess.columns")


def _utterances(
    path: Path, place: str, rows: Rows, files: Files, reading: SplitContents, mistimed: set[tuple[str, Path]]
) -> Iterator[Utterance]:
    """The utterances of one table. A table that is not one of utterances is passed over, with a warning.

    Parameters
    ----------
    place : the table as messages show it: the file, and the sheet of a workbook
    mistimed : where a row's times are refused, (place, recording) is added

    Raises
    ------
    UserError
        A metadata file has no column for the file or for the text.
    """
    refused_before = len(reading.refusals)
    first_rows = list(islice(rows, FIRST_ROWS))
    if not first_rows:
        return
    present: dict[str, None] = {}  # in the order of the table
    for _, row in first_rows:
        present.update(dict.fromkeys(row))
    table = layout_of(present, reading.options.columns)
    missing = [field for field in ("file_name", "text") if not table.fields[field]]
    if missing:
        del reading.refusals[refused_before:]  # broken rows of a table that is not one of utterances
        _pass_over(path, place, set(present), missing, reading)
        return
    _note_unused(table, place, reading)
    layouts = {frozenset(): table}
    for line, row in chain(first_rows, rows):
        further = frozenset(row.keys() - present)  # a line of JSON has only the columns that hold something
        if further not in layouts:
            layouts[further] = layout_of([*present, *sorted(further)], reading.options.columns)
            _note_unused(layouts[further], place, reading)
        layout = layouts[further]
        try:
            if not is_of_another_split(row, reading):
                yield _utterance(row, layout, path, place, line, files, reading, mistimed)
        except Refused as refused:
            id = cell(row, layout.fields["id"]) or cell(row, layout.fields["file_name"])
            reading.refuse(id, place, line, refused.reason, refused.detail)


def _note_unused(layout: Layout, place: str, reading: SplitContents) -> None:
    """Keep the names of a table's unused columns for messages, and warn of those that look like times."""
    before = reading.unused_columns.get(place, ())
    reading.unused_columns[place] = tuple(sorted({*before, *layout.unused}))
    times = [name for name in layout.unused_times() if name not in before]
    if times:
        reading.warn(f"columns that look like times and are not used: {', '.join(times)}", place)


def _pass_over(path: Path, place: str, present: set[str], missing: list[str], reading: SplitContents) -> None:
    """Say why a table is not read."""
    columns = ", ".join(sorted(present))
    if path.stem.lower() == METADATA and path.suffix.lower() not in (".json", WORKBOOK_SUFFIX):
        names = KNOWN[missing[0]]
        raise UserError(
            f"data/{place} has no column {names[0]} (or {', '.join(names[1:])}); its columns are {columns}."
            f" Rename one, or name it in preprocess.columns.{missing[0]}"
        )
    if missing == ["text"] and path.suffix.lower() == ".json":  # corpora have .json files for all kinds of things
        reading.warn("a table that has no text, passed over", place)
    elif missing == ["text"]:
        detail = f"it names recordings and has no text; its columns are {columns}"
        reading.refuse(path.stem, place, None, "no-text-column", detail)
    else:
        reading.warn("a table that names no recordings, passed over", place)


def _utterance(
    row: dict,
    layout: Layout,
    path: Path,
    table: str,
    line: int,
    files: Files,
    reading: SplitContents,
    mistimed: set[tuple[str, Path]],
) -> Utterance:
    columns = layout.fields
    name, is_foreign = named_recording(row, columns["file_name"])
    if not name:
        raise Refused("no-file-name", "the row names no recording")
    _check_valid(row)
    audio = find_recording(name, path.parent, files, is_foreign)
    place = f"{table}:{line}"
    try:
        start, end = start_and_end(row, layout.times)
    except Refused:
        mistimed.add((table, audio))
        raise
    derived_id = files.named(audio) if start is None else f"{files.named(audio)}-{1000 * start:06.0f}"
    speaker = cell(row, columns["speaker"])
    speaker_known = speaker.lower() not in UNKNOWN
    if table in reading.without_header:
        speaker, speaker_known = speaker_of_recording(audio, files)
    if not speaker_known:
        reading.warn_unknown_speaker(place)
    age = _age(row, layout)
    return Utterance(
        id=cell(row, columns["id"]) or derived_id,
        audio=audio,
        source=files.shown(audio),
        text_raw=cell(row, columns["text"]),
        speaker=speaker if speaker_known else files.named(audio),
        speaker_known=speaker_known,
        start=start,
        end=end,
        age=age or None,
        age_months=age_in_months(age, place, reading),
        gender=gender_of(cell(row, columns["gender"])),
        file=table,
        line=line,
        format="table",
        check_name=True,
        stated_seconds=_stated_seconds(row, layout, place, reading) if start is None else None,
    )


def _check_valid(row: dict) -> None:
    """Refuse rows that Samrómur has listened to and found not to be what was to be read."""
    valid, empty = yes_or_no(row, VALID), yes_or_no(row, EMPTY)
    if valid in ("0", "0.0", "false") or empty in ("1", "1.0", "true"):
        raise Refused("marked-invalid", f"the corpus says is_valid {valid or 'nothing'}, empty {empty or 'nothing'}")


def _age(row: dict, layout: Layout) -> str:
    own = [name for name in layout.age if name in row]
    if not own:
        return age_of(row)
    return age_of({own[0]: row[own[0]]}, () if is_column(own[0], GRADES) else own)


def _stated_seconds(row: dict, layout: Layout, place: str, reading: SplitContents) -> Seconds | None:
    """How long the recording is, according to the row. If that cannot be read, a warning says so, and it is None."""
    try:
        duration = seconds(row, layout.times.duration + layout.times.recording_duration)
    except Refused:
        duration = math.nan
    if duration is None or math.isfinite(duration):
        return duration
    reading.warn("a duration that is no number of seconds, passed over", place)
    return None
