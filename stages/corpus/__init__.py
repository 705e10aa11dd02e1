"""Raw corpora in, utterances out. Which layout a folder has is found by looking; layouts may be mixed in one split."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from stages.corpus import kaldi, sidecar, speakers, table, textgrid
from stages.corpus.files import Files
from stages.corpus.utterance import Reading, Utterance
from stages.errors import UserError

LAYOUTS = """Understood are, also mixed:
  a Kaldi directory: wav.scp, text, utt2spk and optionally segments, spk2age, spk2gender
  a table: metadata.jsonl, .csv or .tsv with columns file_name, text and optionally speaker, age, gender, start, end
  recordings with a transcript of the same stem: anna/0001.wav with anna/0001.txt, .trn or .TextGrid"""


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


def read(data: Path, textgrid_tiers: str) -> dict[str, Reading]:
    """Read the annotations of every split; no recording is opened yet.

    `textgrid_tiers` is a regular expression for the TextGrid tiers to use.

    Raises
    ------
    UserError
        A required split is missing or empty, or a table or speaker list cannot be made sense of.
    """
    readings = {split: read_split(data, split, textgrid_tiers) for split in splits(data)}
    for split, reading in list(readings.items()):
        if reading.utterances or reading.refusals:
            continue
        if split in ("train", "dev", "test"):
            raise UserError(f"{data}/{split} holds no transcripts ({reading.untranscribed} recordings). {LAYOUTS}")
        print(f"{data}/{split} holds no transcripts, so it is no evaluation set ({reading.untranscribed} recordings)")
        del readings[split]  # such as a folder of audio that the tables of the other splits name
    return readings


def read_split(data: Path, split: str, textgrid_tiers: str) -> Reading:
    """Read every annotation in data/<split>, sorted by recording and time.

    A recording that a Kaldi directory or a table names is theirs, and a TextGrid goes before .trn before .txt:
    what else has the same stem is passed over, with a warning.
    """
    files, reading = Files(data / split, data), Reading(split)
    for folder in kaldi.folders(files):
        kaldi.read(folder, files, reading)
    for path in table.tables(files):
        table.read(path, files, reading)
    for path in _by_stem(files, reading):
        if path.suffix.lower() == ".textgrid":
            textgrid.read(path, files, reading, textgrid_tiers)
        else:
            sidecar.read(path, files, reading)
    reading.untranscribed = sum(path not in reading.annotated for path in files.recordings)
    speakers.complete(reading, files)
    reading.utterances.sort(key=_place_in_corpus)
    reading.utterances = list(_with_safe_ids(reading))
    return reading


def _by_stem(files: Files, reading: Reading) -> Iterator[Path]:
    """Transcripts that belong to a recording by their name, unless that is annotated already when their turn comes."""
    trn_first = sorted(sidecar.transcripts(files), key=lambda path: path.suffix.lower() != ".trn")
    for path in [*textgrid.textgrids(files), *trn_first]:
        if reading.annotated.isdisjoint(files.recordings_beside(path)):
            yield path
        else:
            reading.warn("a second transcript of a recording, passed over", files.shown(path))


def _place_in_corpus(utterance: Utterance) -> tuple:
    times = [-1.0 if time is None else time for time in (utterance.start, utterance.end)]
    line = utterance.line or 0
    return utterance.source, *times, utterance.id, utterance.text_raw, utterance.speaker, utterance.file, line


def _with_safe_ids(reading: Reading) -> Iterator[Utterance]:
    """Give every utterance an id that is unique in the split and fit for a shard; refuse rows that repeat another."""
    natural = {safe_id(utterance.id) for utterance in reading.utterances}
    contents: dict[str, set[tuple]] = {}  # under each natural id, what it was used for
    given: set[str] = set()
    for row in reading.utterances:
        id = safe_id(row.id)
        content = (row.source, row.start, row.end, row.text_raw, row.speaker)
        if content in contents.setdefault(id, set()):
            reading.refuse(
                row.id, row.file, row.line, "duplicate", "the same id, recording, times, text and speaker again"
            )
            continue
        if contents[id]:
            reading.warn("an id used for different utterances, made unique", f"{row.file} ({row.id})")
            numbered = (f"{id}-{number}" for number in count(2))
            id = next(one for one in numbered if one not in natural | given)
        contents[safe_id(row.id)].add(content)
        given.add(id)
        yield replace(row, id=id)


def safe_id(id: str) -> str:
    """The id in letters, digits, - and _, at most 89 of them; what had to change ends in a hash of the original.

    WebDataset splits file names at the first dot, and plain tar headers hold 100 bytes.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", id)[:80]
    return safe if safe == id and safe else f"{safe}-{hashlib.sha256(id.encode()).hexdigest()[:8]}"
