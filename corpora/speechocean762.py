"""speechocean762: children and adults with Mandarin as first language, who read English sentences.

    python -m corpora.speechocean762 speechocean762.tar.gz      # or the unpacked folder, or a clone from GitHub

writes data/: `train` is the children of the training half, `test` the children of the test half, `adult` the adults of
the test half. The adults of the training half are left out.

Who speaks      250 speakers, 125 in each half, none in both; 20 sentences each. Training half: 58 children (6-15 years)
                and 67 adults (19-37). Test half: 64 children (6-15) and 61 adults (19-43). Nobody is 16 to 18.
How much        5,000 utterances of 1.6 to 20.4 s, 5.6 h. Children: 68 min for training, 77 min for testing. Adults of
                the test half: 84 min.
Audio           16 kHz, 16 bit, mono WAV
License         "available for free download for both commercial and non-commercial purposes"
Source          OpenSLR 101, https://www.openslr.org/101/: speechocean762.tar.gz, 520 MB; the same files lie in
                https://github.com/jimbozhang/speechocean762
Paper           Zhang et al., Interspeech 2021, https://arxiv.org/abs/2104.01378

Known quirks
- Paths in wav.scp are relative to the corpus, not to the folder of wav.scp.
- WAVE/ holds 245 recordings that are in no table. They are not used.
- The text is what was to be read, in capitals without punctuation. What was misread is only in the pronunciation
  scores (resource/), which are not used.
- 52 of the 2,500 sentences of the test half are also read in the training half.
"""

import argparse
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpora.common import checks, output, source
from stages.common.errors import UserError, exit_on_user_error
from stages.common.text_table import aligned
from stages.records.units import Seconds

TOP_FOLDERS = ("WAVE", "train", "test")
TABLES = ("text", "utt2spk", "spk2age", "spk2gender", "wav.scp")
ADULT_AGE = 18  # years; younger speakers are children
DATA = Path("data")

NO_SOURCE = """which speechocean762? Name the archive, or the folder it was unpacked in:
    python -m corpora.speechocean762 speechocean762.tar.gz
It is to be had at https://www.openslr.org/101/ (speechocean762.tar.gz, 520 MB), and unpacked from GitHub:
    git clone --depth 1 https://github.com/jimbozhang/speechocean762"""

NEXT = """Next:
    cp profiles/whisper-base.yaml params.yaml
    dvc add data
    dvc repro"""

CARD = """# speechocean762: children, and adults to compare

Non-native English, read by speakers whose first language is Mandarin. Made by `python -m corpora.speechocean762` from
the corpus as distributed: recordings and texts are unchanged.

- Source: OpenSLR 101, https://www.openslr.org/101/ (https://github.com/jimbozhang/speechocean762)
- License: "available for free download for both commercial and non-commercial purposes"; see the source
- Citation: Junbo Zhang, Zhiwen Zhang, Yongqing Wang, Zhiyong Yan, Qiong Song, Yukai Huang, Ke Li, Daniel Povey, Yujun
  Wang: speechocean762: An Open-Source Non-native English Speech Corpus For Pronunciation Assessment. Proc. Interspeech
  2021. https://arxiv.org/abs/2104.01378

| folder | who | speakers | female | male | ages | utterances | minutes |
|---|---|--:|--:|--:|--:|--:|--:|
{rows}

Children are younger than 18. The {left_out} adults of the training half are left out.
"""

# Each folder of data/: the half of the corpus that it is from, and who is in it.
SETS = {"train": ("train", "children"), "test": ("test", "children"), "adult": ("test", "adults")}
HALVES = {"train": "training half", "test": "test half"}


@dataclass(frozen=True)
class Half:
    """How much one half of the corpus holds."""

    speakers: int
    children: int
    utterances: int


DISTRIBUTED = {"train": Half(speakers=125, children=58, utterances=2500), "test": Half(125, 64, 2500)}


@dataclass(frozen=True)
class Utterance:
    """One sentence read by one speaker."""

    id: str
    text: str
    speaker: str
    age: int  # years
    gender: str  # f or m
    recording: str  # path relative to the corpus
    seconds: Seconds

    @property
    def group(self) -> str:
        return "children" if self.age < ADULT_AGE else "adults"


@dataclass(frozen=True)
class Contents:
    """What was read from the distributed corpus, as it stands there."""

    tables: dict[str, dict[str, str]]  # by name, such as train/text
    recordings: dict[str, Seconds]  # length by name, such as WAVE/SPEAKER0001/000010011.WAV
    sizes: dict[str, int]  # of the recordings, in bytes


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="speechocean762.tar.gz, or the folder it was unpacked in")
    parser.add_argument("--output", type=Path, default=DATA, help=f"folder to write; default: {DATA}")
    options = parser.parse_args(arguments)
    if options.source is None:
        raise UserError(NO_SOURCE)
    sets = convert(options.source, options.output)
    print(aligned([("set", "speakers", "ages", "utterances", "minutes"), *map(_figures, sets, sets.values())], names=1))
    print(f"\n{options.output} is complete. {NEXT}")
    if options.output != DATA:
        print(f"The pipeline reads {DATA}/ in its own folder, so first move {options.output} there.")


def convert(path: Path, folder: Path, distributed: dict[str, Half] = DISTRIBUTED) -> dict[str, list[Utterance]]:
    """Write the corpus at `path` (folder or archive) to `folder`, and return the utterances of each set.

    Raises
    ------
    UserError
        `folder` is not empty, or the corpus is broken or holds less or more than `distributed` says.
    """
    output.check_vacant(folder)
    contents = read(path)
    problems = [*missing_tables(contents)] or [*missing_entries(contents), *wrong_counts(contents, distributed)]
    if problems:
        raise UserError(f"{path} is not speechocean762 as distributed: {'; '.join(problems)}. Nothing was written")
    utterances = {half: list(_utterances(half, contents)) for half in distributed}
    sets = {name: [row for row in utterances[half] if row.group == group] for name, (half, group) in SETS.items()}
    left_out = {row.speaker for row in utterances["train"] if row.group == "adults"}
    folders = {row.recording: name for name, rows in sets.items() for row in rows}
    with output.complete_folder(folder, sum(contents.sizes[name] for name in folders)) as incomplete:
        write_recordings(path, folders, incomplete)
        for name, rows in sets.items():
            write_tables(rows, incomplete / name)
        card = CARD.format(rows="\n".join(map(_card_row, sets, sets.values())), left_out=len(left_out))
        output.write_file(incomplete / "README.md", card.encode())
    return sets


def read(path: Path) -> Contents:
    """Read the tables, and the length of every recording."""
    tables, recordings, sizes = {}, {}, {}
    for name, content in source.read_files(path, TOP_FOLDERS, _is_needed, "checking"):
        if name.startswith("WAVE/"):
            recordings[name] = checks.wav_seconds(content)
            sizes[name] = len(content)
        else:
            tables[name] = _table(path, name, content)
    return Contents(tables, recordings, sizes)


def _table(path: Path, name: str, content: bytes) -> dict[str, str]:
    try:
        return checks.read_table(content)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {name} is not UTF-8 (byte {error.start})") from None


def _is_needed(name: str) -> bool:
    return name.endswith(".WAV") if name.startswith("WAVE/") else name.partition("/")[2] in TABLES


def missing_tables(contents: Contents) -> Iterator[str]:
    for half in HALVES:
        for table in TABLES:
            if not contents.tables.get(f"{half}/{table}"):
                yield f"{half}/{table} is missing or empty"


def missing_entries(contents: Contents) -> Iterator[str]:
    """What an utterance or a speaker of the tables lacks, one message a table."""
    for half in HALVES:
        text, speakers, ages, genders, recordings = (contents.tables[f"{half}/{table}"] for table in TABLES)
        utterances = text.keys() | speakers.keys() | recordings.keys()
        everybody = {speaker for speaker in speakers.values() if speaker}
        played = {id: contents.recordings.get(posixpath.normpath(name)) for id, name in recordings.items() if name}
        lacking = {
            f"{half}/text: no text for": [id for id in utterances if not text.get(id)],
            f"{half}/utt2spk: no speaker for": [id for id in utterances if not speakers.get(id)],
            f"{half}/wav.scp: no recording for": [id for id in utterances if not recordings.get(id)],
            f"{half}/spk2age: no age for": [id for id in everybody if not _is_age(ages.get(id, ""))],
            f"{half}/spk2gender: no gender (f, m) for": [id for id in everybody if genders.get(id) not in ("f", "m")],
            "missing recordings:": [recordings[id] for id, seconds in played.items() if seconds is None],
            "empty or truncated recordings:": [recordings[id] for id, seconds in played.items() if seconds == 0],
        }
        for what, names in lacking.items():
            if names:
                yield f"{what} {checks.some(names)} ({len(names)} in all)"


def wrong_counts(contents: Contents, distributed: dict[str, Half]) -> Iterator[str]:
    """How the halves differ from what is distributed, and speakers that are in both halves."""
    for half, expected in distributed.items():
        everybody = set(contents.tables[f"{half}/utt2spk"].values())
        ages = contents.tables[f"{half}/spk2age"]
        children = [
            speaker for speaker in everybody if _is_age(ages.get(speaker, "")) and int(ages[speaker]) < ADULT_AGE
        ]
        counts = Half(len(everybody), len(children), len(contents.tables[f"{half}/text"]))
        if counts != expected:
            yield f"the {HALVES[half]} has {_described(counts)} instead of {_described(expected)}"
    shared = set.intersection(*(set(contents.tables[f"{half}/utt2spk"].values()) for half in distributed))
    if shared:
        yield f"speakers in both halves: {checks.some(shared)} ({len(shared)} in all)"


def _is_age(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,2}", value))


def _described(counts: Half) -> str:
    return f"{counts.speakers} speakers, {counts.children} children, {counts.utterances} utterances"


def _utterances(half: str, contents: Contents) -> Iterator[Utterance]:
    """The utterances of one half, sorted by id. Nothing may be missing."""
    text, speakers, ages, genders, recordings = (contents.tables[f"{half}/{table}"] for table in TABLES)
    for id in sorted(text):
        speaker, recording = speakers[id], posixpath.normpath(recordings[id])
        seconds = contents.recordings[recording]
        yield Utterance(id, text[id], speaker, int(ages[speaker]), genders[speaker], recording, seconds)


def write_recordings(path: Path, folders: dict[str, str], output_folder: Path) -> None:
    """Copy recordings from the corpus at `path` to their sets.

    Copies, not links: `dvc add` makes files read-only, and the corpus may be deleted.

    Parameters
    ----------
    folders
        The set of each recording, such as {"WAVE/SPEAKER0001/000010011.WAV": "train"}.
    """
    copied = set()
    for name, content in source.read_files(path, TOP_FOLDERS, folders.__contains__, "copying"):
        output.write_file(output_folder / folders[name] / name, content)
        copied.add(name)
    if vanished := folders.keys() - copied:
        raise UserError(f"{path} changed while it was read: {checks.some(vanished)} disappeared")


def write_tables(rows: list[Utterance], folder: Path) -> None:
    """Write a Kaldi directory, with the paths in wav.scp relative to it."""
    output.write_table(folder / "text", {row.id: row.text for row in rows})
    output.write_table(folder / "utt2spk", {row.id: row.speaker for row in rows})
    output.write_table(folder / "wav.scp", {row.id: row.recording for row in rows})
    output.write_table(folder / "spk2age", {row.speaker: str(row.age) for row in rows})
    output.write_table(folder / "spk2gender", {row.speaker: row.gender for row in rows})


def _figures(name: str, rows: list[Utterance]) -> tuple[str, ...]:
    """One line of the table on the screen: set, speakers, ages, utterances, minutes."""
    speakers = {row.speaker for row in rows}
    ages = [row.age for row in rows]
    minutes = sum(row.seconds for row in rows) / 60
    return name, str(len(speakers)), f"{min(ages)}-{max(ages)}", str(len(rows)), f"{minutes:.1f}"


def _card_row(name: str, rows: list[Utterance]) -> str:
    """One line of the table in data/README.md."""
    _, speakers, ages, utterances, minutes = _figures(name, rows)
    half, group = SETS[name]
    female = len({row.speaker for row in rows if row.gender == "f"})
    male = len({row.speaker for row in rows if row.gender == "m"})
    cells = (name, f"{group} of the {HALVES[half]}", speakers, female, male, ages, utterances, minutes)
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
