"""Manifests of lhotse, as .jsonl or .jsonl.gz: recordings and supervisions, or cuts. lhotse itself is not needed.

    recordings    {"id": "r1", "sources": [{"type": "file", "channels": [0], "source": "wav/r1.wav"}], ...}
    supervisions  {"id": "s1", "recording_id": "r1", "start": 1.5, "duration": 2.0, "channel": 0, "text": "yes", ...}
    cuts          {"type": "MonoCut", "start": 1.0, "duration": 8.0, "recording": {...}, "supervisions": [...], ...}

The start of a supervision in a cut counts from the cut's start. Ages are in `custom`. If the source of a recording is a
command or an address, it is refused, and never run or fetched.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import UserError, first_lines
from stages.corpus.formats.lhotse_rows import Manifests, add_cut, add_supervision, unname_own_ids
from stages.corpus.rows.columns import columns_named
from stages.corpus.rows.files import Files
from stages.corpus.rows.layout import KNOWN
from stages.corpus.rows.other_splits import files_of_split
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.whole_files import check_is_whole, damaged

RECORDINGS, SUPERVISIONS, CUTS, FEATURES = "recordings", "supervisions", "cuts", "features"
# A file whose first line cannot be decompressed counts as a manifest if it has such a name.
NAME = re.compile(rf"(?:.*[._-])?({RECORDINGS}|{SUPERVISIONS}|{CUTS})(?:[._-].*)?\.jsonl\.gz", re.IGNORECASE)
LONGEST_LINE = 1 << 24  # bytes; a compressed file of a few KB could hold a line that fills the memory


def claims(files: Files) -> list[Path]:
    """Files of JSON lines whose first line is that of a manifest."""
    compressed = [path for path in files.with_suffix(".gz") if path.name.lower().endswith(".jsonl.gz")]
    return [path for path in (*files.with_suffix(".jsonl"), *compressed) if _kind(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    by_kind: dict[str, list[Path]] = {RECORDINGS: [], SUPERVISIONS: [], CUTS: [], FEATURES: []}
    for path in paths:
        by_kind[_kind(path)].append(path)
    manifests = Manifests(files, reading)
    for path in by_kind[RECORDINGS]:
        for _, row in _rows(path, files, reading):
            manifests.add_recording(row, path)
    for path in by_kind[FEATURES]:
        reading.warn("features of lhotse, passed over: clips are made from recordings", files.shown(path))
    for path in files_of_split(by_kind[CUTS], files, reading, first_word=False):
        first = len(reading.utterances)
        for line, row in _rows(path, files, reading):
            add_cut(row, path, line, manifests)
        unname_own_ids(reading, first, path, files)
    manifests.end_cuts()
    for path in files_of_split(by_kind[SUPERVISIONS], files, reading, first_word=False):
        first = len(reading.utterances)
        for line, row in _rows(path, files, reading):
            add_supervision(row, path, line, manifests)
        unname_own_ids(reading, first, path, files)


def _kind(path: Path) -> str:
    """The kind of manifest that a file is, by its first line or, if that is damaged, its name; "" for other files."""
    try:
        with _open(path) as file:
            row = json.loads(file.readline(LONGEST_LINE))
    except (OSError, EOFError, zlib.error):
        name = NAME.fullmatch(path.name)
        return name[1].lower() if name else ""
    except (ValueError, RecursionError):
        return ""
    return kind_of_row(row) if isinstance(row, dict) else ""


def kind_of_row(row: dict) -> str:
    """Which manifest an object is of; "" where it is of none."""
    if str(row.get("type", "")).endswith("Cut"):
        return CUTS
    if row.keys() >= {"id", "sources", "sampling_rate"}:
        return RECORDINGS
    if columns_named(row, KNOWN["file_name"]):
        return ""  # a table: its rows name their recordings; they may have the keys of supervisions, too
    if row.keys() >= {"id", "recording_id", "start", "duration"}:
        return SUPERVISIONS
    return FEATURES if row.keys() >= {"storage_type", "storage_path", "num_features"} else ""


def _open(path: Path):
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")


def _rows(path: Path, files: Files, reading: SplitContents) -> Iterator[tuple[int, dict]]:
    """(line number, object) of each line; lines that hold no JSON object are refused.

    Raises
    ------
    UserError
        The file is damaged, or a line is too long.
    """
    place = files.shown(path)
    check_is_whole(path, place)
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise UserError(f"data/{place}, line {number}: it is longer than {LONGEST_LINE} bytes; remove it")
                if line.strip():
                    try:
                        yield number, _object(line)
                    except Refused as refused:
                        reading.refuse("", place, number, refused.reason, refused.detail)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(place, error) from None


def _object(line: bytes) -> dict:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # fails where a text holds half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise Refused("broken-row", f"not JSON: {first_lines(error)}") from None
    if not isinstance(row, dict):
        raise Refused("broken-row", "not a JSON object")
    return row
