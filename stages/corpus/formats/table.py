"""Tables of utterances: .jsonl, .json, .csv, .tsv and .xlsx files with a file and a text column.

Paths are relative to the table.

    file_name,text,speaker,age,gender
    clips/0001.wav,we call it bear,anna,6,f

With start and end, a row is a stretch of a longer recording. Hugging Face's audiofolder, Common Voice, Samrómur,
Pasketti and NeMo call the columns differently; stages/corpus/rows/layout.py and row_times.py have their names.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.formats import lhotse
from stages.corpus.formats.whisper_json import is_of_recogniser
from stages.corpus.rows.columns import cell, columns_named
from stages.corpus.rows.files import Files
from stages.corpus.rows.headers import QUOTES, delimiter_of, first_line, is_first_row
from stages.corpus.rows.layout import KNOWN, Layout, known_names, layout_of
from stages.corpus.rows.list_lines import head_of, is_listed, is_text_of, may_be_list
from stages.corpus.rows.listed_speakers import speaker_of_recording
from stages.corpus.rows.other_splits import is_row_of_another_split, tables_of_split
from stages.corpus.rows.row_recordings import find_recording, is_recording, named_recording, warn_of_other_name
from stages.corpus.rows.row_times import start_and_end
from stages.corpus.rows.row_utterance import add_rows, check_valid, note_unused, utterance_of
from stages.corpus.rows.speakers import SPEAKER_LISTS
from stages.corpus.rows.table_rows import Rows, read_tables
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.corpus.rows.workbooks import WORKBOOK_SUFFIX

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
    names = [name.strip(QUOTES) for name in cells]
    has_both = bool(columns_named(names, KNOWN["file_name"]) and columns_named(names, KNOWN["text"]))
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
                for row in _utterances(path, table_place, rows, files, reading, mistimed):
                    if path.suffix.lower() != ".txt" or is_text_of(row.audio, f"{row.file}:{row.line}", files, reading):
                        utterances.append(row)
        except Refused as refused:
            reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
    add_rows(utterances, mistimed, files, reading)


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
        reading.warn("a table without rows", place)
        return
    present: dict[str, None] = {}  # in the order of the table
    for _, row in first_rows:
        present.update(dict.fromkeys(row))
    table = layout_of(present, reading.options.columns)
    missing = [field for field in ("file_name", "text") if not table.fields[field]]
    if missing:
        del reading.refusals[refused_before:]  # broken rows of a table that is not one of utterances
        other_kind = _kind_of_json(path, [row for _, row in first_rows])
        if other_kind:
            reading.warn(f"{other_kind}, passed over", place)
        else:
            _pass_over(path, place, set(present), missing, reading)
        return
    note_unused(table, place, reading)
    layouts = {frozenset(): table}
    for line, row in chain(first_rows, rows):
        further = frozenset(row.keys() - present)  # a line of JSON has only the columns that hold something
        if further not in layouts:
            layouts[further] = layout_of([*present, *sorted(further)], reading.options.columns)
            note_unused(layouts[further], place, reading)
        layout = layouts[further]
        try:
            if not is_row_of_another_split(row, reading):
                yield _utterance(row, layout, path, place, line, files, reading, mistimed)
        except Refused as refused:
            id = cell(row, layout.fields["id"]) or cell(row, layout.fields["file_name"])
            reading.refuse(id, place, line, refused.reason, refused.detail)


def _kind_of_json(path: Path, rows: list[dict]) -> str:
    """What a .json file is that may hold utterances in a form that is not read, and what to do; "" for others."""
    if path.suffix.lower() != ".json":
        return ""
    if any(map(lhotse.kind_of_row, rows)):
        return "a manifest of lhotse in .json (write it as .jsonl)"
    values = [value for row in rows for value in row.values()]
    if len(rows) == 1 and values and all(isinstance(value, dict) for value in values):
        return "an object with a row under each id (if it has transcripts, write it as a list of rows)"
    return ""


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
    try:
        check_valid(row)
    except Refused:
        is_recording(name, path.parent, files)  # which notes that the recording is named: it is not untranscribed
        raise
    audio = find_recording(name, path.parent, files, is_foreign)
    warn_of_other_name(name, audio, f"{table}:{line}", files, reading)
    try:
        times = start_and_end(row, layout.times)
    except Refused:
        mistimed.add((table, audio))
        raise
    speaker = ""
    if table in reading.without_header:
        folder, is_known = speaker_of_recording(audio, files)
        speaker = folder if is_known else ""
    return utterance_of(row, layout, audio, times, table, line, files, reading, format="table", speaker=speaker)
