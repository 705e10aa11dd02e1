"""Convert speechocean762: English sentences, read by children and adults whose first language is Mandarin.

    python -m corpora.speechocean762 speechocean762.tar.gz      # or the unpacked folder, or a clone from GitHub

writes data/: `train` has the children of the training half, `test` the children of the test half, and `adult` the
adults of the test half. The adults of the training half are left out, or are in `replay` with --replay: speech for
train.replay_share. With --transcripts-of 0.25, only a quarter of the training children have transcripts, and the others
recordings alone, for pseudo_labels.

Speakers        250, of whom 125 are in each half and none in both; 20 sentences each. Training half: 58 children (6-15
                years) and 67 adults (19-37). Test half: 64 children (6-15) and 61 adults (19-43). None is 16 to 18.
Amount          5,000 utterances of 1.6 to 20.4 s, 5.6 h. Children: 68 min for training, 77 min for testing. Adults of
                the test half: 84 min.
Audio           16 kHz, 16 bit, mono WAV
License         "available for free download for both commercial and non-commercial purposes"
Source          OpenSLR 101, https://www.openslr.org/101/: speechocean762.tar.gz, 520 MB; the same files are in
                https://github.com/jimbozhang/speechocean762
Paper           Zhang et al., Interspeech 2021, https://arxiv.org/abs/2104.01378

Known irregularities
- Paths in wav.scp are relative to the corpus, not to the folder of wav.scp.
- WAVE/ has 245 recordings that are in no table. They are not used.
- The text is the sentence that the speaker had to read, in capitals without punctuation. Reading errors are only in
  the pronunciation scores (resource/), which are not used.
- 52 of the 2,500 sentences of the test half are also read in the training half.
"""

import argparse
import csv
import io
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpora.common import checks, output, source
from stages.common.errors import UserError, exit_on_user_error
from stages.common.text_table import aligned
from stages.records import speaker_share
from stages.records.units import Seconds

TOP_FOLDERS = ("WAVE", "train", "test")
TABLES = ("text", "utt2spk", "spk2age", "spk2gender", "wav.scp")
ADULT_AGE = 18  # years; younger speakers are children
DATA = Path("data")

NO_SOURCE = """no corpus is named. Name the archive, or the folder in which it was unpacked:
    python -m corpora.speechocean762 speechocean762.tar.gz
Download it from https://www.openslr.org/101/ (speechocean762.tar.gz, 520 MB), or get it unpacked from GitHub:
    git clone --depth 1 https://github.com/jimbozhang/speechocean762"""

NEXT = """Next:
    cp profiles/whisper-base.yaml params.yaml
    dvc add data
    dvc repro"""

CARD = """# speechocean762: children, and adults for comparison

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

Children are younger than 18. {adults}
"""

# Each folder of data/: the half of the corpus that it is taken from, and the group of its speakers.
SETS = {"train": ("train", "children"), "test": ("test", "children"), "adult": ("test", "adults")}
REPLAY = {"replay": ("train", "adults")}  # only if it is asked for
UNTRANSCRIBED = "untranscribed.csv"
SEED = 1  # of the choice of children with transcripts
HALVES = {"train": "training half", "test": "test half"}


@dataclass(frozen=True)
class Half:
    """The numbers of one half of the corpus."""

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
    """What was read from the distributed corpus, unchanged."""

    tables: dict[str, dict[str, str]]  # by name, such as train/text
    recordings: dict[str, Seconds]  # length by name, such as WAVE/SPEAKER0001/000010011.WAV
    sizes: dict[str, int]  # of the recordings, in bytes

    def of_half(self, half: str) -> "HalfTables":
        """Return the tables of one half."""
        return HalfTables(
            text=self.tables[f"{half}/text"],
            speakers=self.tables[f"{half}/utt2spk"],
            recordings=self.tables[f"{half}/wav.scp"],
            ages=self.tables[f"{half}/spk2age"],
            genders=self.tables[f"{half}/spk2gender"],
        )


@dataclass(frozen=True)
class HalfTables:
    """The tables of one half of the corpus, as {id: the rest of the line}."""

    text: dict[str, str]  # by utterance, like the next two
    speakers: dict[str, str]
    recordings: dict[str, str]
    ages: dict[str, str]  # by speaker, like genders
    genders: dict[str, str]


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="speechocean762.tar.gz, or its unpacked folder")
    parser.add_argument("--output", type=Path, default=DATA, help=f"folder to write; default: {DATA}")
    parser.add_argument("--replay", action="store_true", help="write the adults of the training half to replay")
    parser.add_argument(
        "--transcripts-of",
        type=share,
        default=1.0,
        metavar="SHARE",
        help="share of the training children, over 0, whose texts are written; default: 1",
    )
    options = parser.parse_args(arguments)
    if options.source is None:
        raise UserError(NO_SOURCE)
    sets = convert(options.source, options.output, with_replay=options.replay, transcripts_of=options.transcripts_of)
    rows = [("set", "speakers", "ages", "utterances", "minutes")]
    for name, utterances in sets.items():
        rows.append(_figures(name, utterances))
    print(aligned(rows, names=1))
    print(f"\n{options.output} is complete. {NEXT}")
    if options.output != DATA:
        print(f"The pipeline reads {DATA}/ in its own folder: first move {options.output} there.")


def share(text: str) -> float:
    """The value of --transcripts-of; argparse calls it by its name in messages."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not over 0 and up to 1")
    return value


def convert(
    path: Path,
    folder: Path,
    distributed: dict[str, Half] = DISTRIBUTED,
    with_replay: bool = False,
    transcripts_of: float = 1.0,
) -> dict[str, list[Utterance]]:
    """Write the corpus at `path` (folder or archive) to `folder`, and return the utterances of each set.

    Parameters
    ----------
    with_replay : whether the adults of the training half are written, too
    transcripts_of : share of the training children whose texts are written

    Raises
    ------
    UserError
        `folder` is not empty, or the corpus is broken or holds less or more than `distributed` says.
    """
    output.check_vacant(folder)
    contents = read(path)
    problems = list(missing_tables(contents))
    if not problems:
        problems += missing_entries(contents)
        problems += wrong_counts(contents, distributed)
    if problems:
        raise UserError(f"{path} is not speechocean762 as distributed: {'; '.join(problems)}. Nothing was written")
    sets, set_of_recording = {}, {}
    for name, (half, group) in (SETS | REPLAY if with_replay else SETS).items():
        sets[name] = utterances_of(half, group, contents)
        for utterance in sets[name]:
            set_of_recording[utterance.recording] = name
    with output.complete_folder(folder, sum(map(contents.sizes.get, set_of_recording))) as incomplete:
        write_recordings(path, set_of_recording, incomplete)
        speakers = {row.speaker for row in sets["train"]}
        transcribed = speaker_share.choose(speakers, transcripts_of, SEED)
        shown = sets | {"train": [row for row in sets["train"] if row.speaker in transcribed]}
        for name, utterances in shown.items():
            write_tables(utterances, incomplete / name)
        hidden = [row for row in sets["train"] if row.speaker not in transcribed]
        if hidden:
            write_untranscribed(hidden, incomplete / "train" / UNTRANSCRIBED)
        write_card(sets, contents, len(speakers - transcribed), incomplete / "README.md")
    return sets


def read(path: Path) -> Contents:
    """Read the tables, and the length and size of every recording."""
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
    """Yield a message for each table that is missing or empty."""
    for half in HALVES:
        for table in TABLES:
            if not contents.tables.get(f"{half}/{table}"):
                yield f"{half}/{table} is missing or empty"


def missing_entries(contents: Contents) -> Iterator[str]:
    """Yield a message for each kind of value that utterances or speakers of a table lack."""
    for half in HALVES:
        lacking = _lacking(half, contents.of_half(half), contents.recordings)
        for problem, names in lacking.items():
            yield f"{problem} {checks.listed(names)} ({len(names)} in all)"


def _lacking(half: str, tables: HalfTables, seconds_of: dict[str, Seconds]) -> dict[str, list[str]]:
    """Return the utterances, speakers and recordings that have each problem."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for id in tables.text.keys() | tables.speakers.keys() | tables.recordings.keys():
        if not tables.text.get(id):
            lacking[f"{half}/text: no text for"].append(id)
        if not tables.speakers.get(id):
            lacking[f"{half}/utt2spk: no speaker for"].append(id)
        recording = tables.recordings.get(id)
        if not recording:
            lacking[f"{half}/wav.scp: no recording for"].append(id)
        elif posixpath.normpath(recording) not in seconds_of:
            lacking["missing recordings:"].append(recording)
        elif seconds_of[posixpath.normpath(recording)] == 0:
            lacking["empty or truncated recordings:"].append(recording)
    for speaker in set(tables.speakers.values()) - {""}:
        if not _is_age(tables.ages.get(speaker, "")):
            lacking[f"{half}/spk2age: no age for"].append(speaker)
        if tables.genders.get(speaker) not in ("f", "m"):
            lacking[f"{half}/spk2gender: no gender (f, m) for"].append(speaker)
    return dict(sorted(lacking.items()))


def wrong_counts(contents: Contents, distributed: dict[str, Half]) -> Iterator[str]:
    """Yield a message for each half with other numbers than are distributed, and one for speakers in both halves."""
    speakers_of = {}
    for half, expected in distributed.items():
        tables = contents.of_half(half)
        speakers_of[half] = set(tables.speakers.values())
        children = [speaker for speaker in speakers_of[half] if _is_child(tables.ages.get(speaker, ""))]
        counts = Half(len(speakers_of[half]), len(children), len(tables.text))
        if counts != expected:
            yield f"the {HALVES[half]} has {_described(counts)} instead of {_described(expected)}"
    shared = set.intersection(*speakers_of.values())
    if shared:
        yield f"speakers in both halves: {checks.listed(shared)} ({len(shared)} in all)"


def _is_child(age: str) -> bool:
    return _is_age(age) and int(age) < ADULT_AGE


def _is_age(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,2}", value))


def _described(counts: Half) -> str:
    return f"{counts.speakers} speakers, {counts.children} children, {counts.utterances} utterances"


def utterances_of(half: str, group: str, contents: Contents) -> list[Utterance]:
    """Return the utterances of the children or the adults of one half, sorted by id. Nothing may be missing."""
    tables = contents.of_half(half)
    utterances = []
    for id in sorted(tables.text):
        speaker = tables.speakers[id]
        recording = posixpath.normpath(tables.recordings[id])
        utterance = Utterance(
            id=id,
            text=tables.text[id],
            speaker=speaker,
            age=int(tables.ages[speaker]),
            gender=tables.genders[speaker],
            recording=recording,
            seconds=contents.recordings[recording],
        )
        if utterance.group == group:
            utterances.append(utterance)
    return utterances


def write_recordings(path: Path, set_of_recording: dict[str, str], output_folder: Path) -> None:
    """Copy recordings from the corpus at `path` to the folders of their sets.

    They are not linked: `dvc add` makes files read-only, and the corpus may be deleted.

    Parameters
    ----------
    set_of_recording
        By name, such as {"WAVE/SPEAKER0001/000010011.WAV": "train"}.
    """
    copied = set()
    for name, content in source.read_files(path, TOP_FOLDERS, set_of_recording.__contains__, "copying"):
        output.write_file(output_folder / set_of_recording[name] / name, content)
        copied.add(name)
    missing = set_of_recording.keys() - copied
    if missing:
        raise UserError(f"{path} changed while it was read: {checks.listed(missing)} disappeared; run this again")


def write_tables(utterances: list[Utterance], folder: Path) -> None:
    """Write a Kaldi directory, with the paths in wav.scp relative to it."""
    text, speakers, recordings, ages, genders = {}, {}, {}, {}, {}
    for utterance in utterances:
        text[utterance.id] = utterance.text
        speakers[utterance.id] = utterance.speaker
        recordings[utterance.id] = utterance.recording
        ages[utterance.speaker] = str(utterance.age)
        genders[utterance.speaker] = utterance.gender
    output.write_table(folder / "text", text)
    output.write_table(folder / "utt2spk", speakers)
    output.write_table(folder / "wav.scp", recordings)
    output.write_table(folder / "spk2age", ages)
    output.write_table(folder / "spk2gender", genders)


def write_untranscribed(utterances: list[Utterance], path: Path) -> None:
    """Write a table of recordings and their speakers, in which no text is known."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(("file_name", "speaker", "age", "gender", "text"))
    for row in utterances:
        writer.writerow((row.recording, row.speaker, row.age, row.gender, ""))
    output.write_file(path, rows.getvalue().encode())


def write_card(sets: dict[str, list[Utterance]], contents: Contents, hidden: int, path: Path) -> None:
    """Write the README.md of data/.

    Parameters
    ----------
    hidden : number of the training children without transcripts
    """
    adults = len({utterance.speaker for utterance in utterances_of("train", "adults", contents)})
    sentence = f"The {adults} adults of the training half are left out."
    if "replay" in sets:
        sentence = f"The {adults} adults of the training half are in `replay`, for `train.replay_share`."
    if hidden:
        sentence += (
            f" Of the children in `train`, {hidden} have no transcripts: `train/{UNTRANSCRIBED}` has their recordings."
        )
    rows = []
    for name, utterances in sets.items():
        half, group = (SETS | REPLAY)[name]
        genders = Counter({row.speaker: row.gender for row in utterances}.values())
        _, speakers, ages, number, minutes = _figures(name, utterances)
        cells = (name, f"{group} of the {HALVES[half]}", speakers, genders["f"], genders["m"], ages, number, minutes)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    output.write_file(path, CARD.format(rows="\n".join(rows), adults=sentence).encode())


def _figures(name: str, utterances: list[Utterance]) -> tuple[str, ...]:
    """Return one row of the table on the screen: set, speakers, ages, utterances, minutes."""
    age_of = {row.speaker: row.age for row in utterances}
    youngest, oldest = min(age_of.values()), max(age_of.values())
    minutes = sum(row.seconds for row in utterances) / 60
    return name, str(len(age_of)), f"{youngest}-{oldest}", str(len(utterances)), f"{minutes:.1f}"


if __name__ == "__main__":
    main()
