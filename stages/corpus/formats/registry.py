"""Raw corpora in, utterances out. Which layout a folder has is found by looking; layouts may be mixed in one split."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType

from stages.common.errors import UserError
from stages.common.params import Preprocess
from stages.corpus.formats import (
    audacity,
    chat,
    cmu_kids,
    ctm,
    elan,
    kaldi,
    myst,
    ogi_kids,
    stm,
    subtitles,
    table,
    text_files,
    textgrid,
    transcriber,
)
from stages.corpus.rows import session, speakers
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance

# Annotated sessions, those that say more first. Each module has SUFFIXES and sessions(path, place, reading).
SESSIONS = (chat, elan, textgrid, transcriber, stm, subtitles, audacity)

# Corpora with a tree of their own. Each module has read_all(files, reading), which returns the files it has dealt with.
TREES = (myst, cmu_kids, ogi_kids)

LAYOUTS = "docs/data.md has a table of the formats that are read, and where their files go."


def splits(data: Path) -> list[str]:
    """The folders in data/, train first, then dev, then the evaluation sets.

    Raises
    ------
    UserError
        data/train or data/test is missing, or a folder has a name that cannot name a split.
    """
    for split in ("train", "test"):
        if not (data / split).is_dir():
            fetch = "; fetch it with dvc pull data" if Path(f"{data}.dvc").exists() else ""
            raise UserError(
                f"{data}/{split} is missing{fetch}. {data}/train and {data}/test hold the corpus. {LAYOUTS}"
            )
    names = [path.name for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise UserError(f"{data}/{name}: name evaluation sets with letters, digits, - and _ only")
    order = {"train": 0, "dev": 1, "test": 2}
    return sorted(names, key=lambda name: (order.get(name, 3), name))


def read(data: Path, options: Preprocess) -> dict[str, SplitContents]:
    """Read the annotations of every split; no recording is opened yet.

    Raises
    ------
    UserError
        A required split is missing or empty, or a table or speaker list cannot be made sense of.
    """
    readings = {split: read_split(data, split, options) for split in splits(data)}
    for split, reading in list(readings.items()):
        if reading.utterances or reading.refusals:
            continue
        if split in ("train", "dev", "test"):
            left_out = "".join(f"; left out: {what} {number}" for what, number in sorted(reading.left_out.items()))
            raise UserError(
                f"data/{split} holds no transcripts of children ({reading.untranscribed} recordings without any"
                f"{left_out}). {LAYOUTS}"
            )
        print(f"{data}/{split} holds no transcripts, so it is no evaluation set ({reading.untranscribed} recordings)")
        del readings[split]  # such as a folder of audio that the tables of the other splits name
    return readings


def read_split(data: Path, split: str, options: Preprocess) -> SplitContents:
    """Read every annotation in data/<split>, sorted by recording and time.

    A recording that a Kaldi directory or a table names is theirs. Among files that only share its name, the one that
    says more goes first (the order of SESSIONS, then .trn before .txt); the others are passed over, with a warning.
    """
    files, reading = Files(data / split, data), SplitContents(split, options)
    for path in files.outside:
        reading.refuse(files.named(path), files.shown(path), None, "outside-data", "a link that leads out of data/")
    for folder in kaldi.folders(files):
        kaldi.read(folder, files, reading)
    for path in table.tables(files, reading):
        table.read(path, files, reading)
    dealt_with = {path for tree in TREES for path in tree.read_all(files, reading)}
    for format in SESSIONS:
        for path in files.with_suffix(*format.SUFFIXES):
            if path not in dealt_with and _is_session(format, path):
                dealt_with.add(path)
                _read_sessions(format, path, files, reading)
    for path in text_files.transcripts(files):
        if path not in dealt_with and _first_for(path, files, reading):
            text_files.read(path, files, reading)
    ctm.read(files, reading)
    reading.untranscribed = sum(path not in reading.annotated for path in files.recordings)
    speakers.complete(reading, files)
    speakers.leave_out_adults(reading)
    reading.utterances.sort(key=_place_in_corpus)
    reading.utterances = list(_with_safe_ids(reading))
    return reading


def _is_session(format: ModuleType, path: Path) -> bool:
    return format is not audacity or audacity.is_label_track(path)  # its files are called .txt, like many others


def _read_sessions(format: ModuleType, path: Path, files: Files, reading: SplitContents) -> None:
    """Read one annotation file with the module of its format."""
    if not _first_for(path, files, reading):
        return
    place = files.shown(path)
    try:
        found = format.sessions(path, place, reading)
    except Refused as refused:
        reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
        return
    for one in found:
        try:
            session.take(one, path, files, reading)
        except Refused as refused:
            reading.refuse(files.named(path), place, None, refused.reason, refused.detail)


def _first_for(path: Path, files: Files, reading: SplitContents) -> bool:
    """Whether the recording of the same name is still without annotation; else a warning says what is passed over."""
    if reading.annotated.isdisjoint(files.recordings_beside(path)):
        return True
    reading.warn("a second transcript of a recording, passed over", files.shown(path))
    return False


def _place_in_corpus(utterance: Utterance) -> tuple:
    times = [-1.0 if time is None else time for time in (utterance.start, utterance.end)]
    line = utterance.line or 0
    return utterance.source, *times, utterance.id, utterance.text_raw, utterance.speaker, utterance.file, line


def _with_safe_ids(reading: SplitContents) -> Iterator[Utterance]:
    """Give every utterance an id that is unique in the split and fit for a shard; refuse rows that repeat another."""
    natural = {safe_id(utterance.id) for utterance in reading.utterances}
    contents: dict[str, set[tuple]] = {}  # under each natural id, what it was used for
    given: set[str] = set()
    for row in reading.utterances:
        id = safe_id(row.id)
        if row.content in contents.setdefault(id, set()):
            reading.refuse(
                row.id, row.file, row.line, "duplicate", "the same id, recording, times, text and speaker again"
            )
            continue
        if contents[id]:
            reading.warn("an id used for different utterances, made unique", f"{row.file} ({row.id})")
            numbered = (f"{id}-{number}" for number in count(2))
            id = next(one for one in numbered if one not in natural | given)
        contents[safe_id(row.id)].add(row.content)
        given.add(id)
        yield replace(row, id=id)


def safe_id(id: str) -> str:
    """The id in letters, digits, - and _, at most 89 of them; what had to change ends in a hash of the original.

    WebDataset splits file names at the first dot, and plain tar headers hold 100 bytes.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", id)[:80]
    return safe if safe == id and safe else f"{safe}-{hashlib.sha256(id.encode()).hexdigest()[:8]}"
