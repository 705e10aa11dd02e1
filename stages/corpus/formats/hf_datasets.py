"""Data sets of Hugging Face's `datasets`: parquet files, and folders written by Dataset.save_to_disk.

    train-00000-of-00002.parquet               data-00000-of-00001.arrow, state.json, dataset_info.json

Columns have the names that tables have. The sounds are in the file, in a column of structs {bytes, path} or of bytes; a
struct without bytes names a recording beside the file. This project decodes the sounds, not `datasets`.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stages.common.errors import UserError
from stages.corpus.formats.hf_columns import DataFile, open_file
from stages.corpus.rows import arrow_tables, whole_files
from stages.corpus.rows.embedded import Cell, path_of
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.other_splits import files_of_split, is_row_of_another_split
from stages.corpus.rows.row_recordings import find_recording, named_recording
from stages.corpus.rows.row_times import start_and_end
from stages.corpus.rows.row_utterance import add_rows, check_valid, note_unused, times_of_clip, utterance_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance

STATE = "state.json"  # lists the arrow files of a folder
DESCRIPTIONS = (STATE, "dataset_info.json", "dataset_dict.json")
CACHE = "cache-"  # the names of files that Dataset.map writes begin so


def claims(files: Files) -> list[Path]:
    """Parquet and arrow files, and the JSON files that `datasets` writes beside arrow files."""
    folders = {path.parent for path in files.with_suffix(".arrow")}
    paths = list(files.with_suffix(".arrow", ".parquet"))
    for path in files.with_suffix(".json"):
        if path.name in DESCRIPTIONS and any(folder.is_relative_to(path.parent) for folder in folders):
            paths.append(path)
    return paths


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    utterances: list[Utterance] = []
    mistimed: set[tuple[str, Path]] = set()  # (file, recording) of rows whose times are refused
    tables = files_of_split([path for path in paths if path.name not in DESCRIPTIONS], files, reading)
    states = [path for path in paths if path.name == STATE]
    for path in _without_caches(tables, states, files, reading):
        utterances += _utterances(path, files, reading, mistimed)
    add_rows(utterances, mistimed, files, reading)


def _without_caches(tables: list[Path], states: list[Path], files: Files, reading: SplitContents) -> list[Path]:
    """The tables without arrow files that Dataset.map has written: those that the folder's state.json does not list.

    Raises
    ------
    UserError
        A state.json is damaged, or lists a file that is not there.
    """
    listed: dict[Path, set[str]] = {}  # folder -> names of its files
    for state in states:
        listed[state.parent] = _listed_files(state, files)
    own_tables = []
    for path in tables:
        is_cache = path.suffix.lower() == ".arrow" and path.name.startswith(CACHE)
        if path.parent in listed:
            is_cache = path.suffix.lower() == ".arrow" and nfc(path.name) not in listed[path.parent]
        if is_cache:
            reading.warn("an arrow file that is not part of its data set, passed over", files.shown(path))
        else:
            own_tables.append(path)
    return own_tables


def _listed_files(state: Path, files: Files) -> set[str]:
    """The names of the arrow files that a state.json lists."""
    place = files.shown(state)
    try:
        names = [nfc(str(row["filename"])) for row in json.loads(state.read_bytes())["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise whole_files.damaged(place, error) from None
    present = {nfc(path.name) for path in files.paths if path.parent == state.parent}
    for name in names:
        if name not in present:
            raise UserError(f"data/{place} lists {name}, which is not beside it; copy the whole folder")
    return set(names)


def _utterances(
    path: Path, files: Files, reading: SplitContents, mistimed: set[tuple[str, Path]]
) -> Iterator[Utterance]:
    """The utterances of one file.

    Raises
    ------
    UserError
        The file is damaged.
    """
    place = files.shown(path)
    whole_files.check_is_whole(path, place)
    try:
        file = open_file(path, reading)
    except Refused as refused:
        reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
        return
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise whole_files.damaged(place, error) from None
    note_unused(file.layout, place, reading)
    for number, row, has_sound in whole_files.checked(_rows(file), place):
        try:
            if not is_row_of_another_split(row, reading):
                yield _utterance(number, row, has_sound, file, files, reading, mistimed)
        except Refused as refused:
            reading.refuse(f"{files.named(path)}-{number}", place, number + 1, refused.reason, refused.detail)


def _rows(file: DataFile) -> Iterator[tuple[int, dict, bool]]:
    """(number counted from 0, cells by column name, whether its sound is in the file) of each row."""
    columns = list(file.columns.values())
    if file.path_column:
        columns.append(file.path_column)
    are_empty = file.table.empty_cells(file.bytes_column) if file.sound else True
    if are_empty is None:
        columns.append(file.bytes_column)
    size = arrow_tables.ROWS_WITH_SOUND if are_empty is None else arrow_tables.ROWS_WITHOUT_SOUND
    for first, batch in file.table.batches(columns, size):
        names = [None] * batch.num_rows
        have_sound = [not are_empty] * batch.num_rows
        if file.path_column:
            names = arrow_tables.cells(batch, file.sound, "path").to_pylist()
        if are_empty is None:
            have_sound = arrow_tables.cells(batch, file.sound, "bytes").is_valid().to_pylist()
        for index, cells in enumerate(batch.select(list(file.columns.values())).to_pylist()):
            row = {name: _label(cells[column], file.labels.get(name)) for name, column in file.columns.items()}
            if file.sound:
                row[file.sound_name] = {"path": names[index]}
            yield first + index, row, have_sound[index]


def _label(value: object, labels: list[str] | None) -> object:
    """A cell; in a column of classes, the name of the class with this number, None for -1 (no class)."""
    if labels is None or not isinstance(value, int):
        return value
    return labels[value] if 0 <= value < len(labels) else None


def _utterance(
    number: int,
    row: dict,
    has_sound: bool,
    file: DataFile,
    files: Files,
    reading: SplitContents,
    mistimed: set[tuple[str, Path]],
) -> Utterance:
    """The utterance of a row. If its times are refused, its file and recording are added to `mistimed`."""
    check_valid(row)
    name, is_foreign = named_recording(row, file.layout.fields["file_name"])
    if not name and not has_sound:
        raise Refused("no-file-name", "the row holds no sound and names no recording")
    path, place, line = file.path, files.shown(file.path), number + 1
    if has_sound:
        inner_name = f"{number:06d}"  # in the order of the rows, so that each worker reads row after row
        if name:
            inner_name += "/" + PurePosixPath(name.replace("\\", "/")).name
        audio = path_of(path, inner_name)
        times, clip_seconds = times_of_clip(row, file.layout, reading)
        id = f"{files.named(path)}-{number:06d}"
    else:
        audio = find_recording(name, path.parent, files, is_foreign)
        clip_seconds, id = None, ""
        try:
            times = start_and_end(row, file.layout.times)
        except Refused:
            mistimed.add((place, audio))
            raise
    utterance = utterance_of(row, file.layout, audio, times, place, line, files, reading, format="datasets", id=id)
    if not has_sound:
        return utterance
    return replace(utterance, clip_seconds=clip_seconds, embedded=Cell(path, file.sound, number))
