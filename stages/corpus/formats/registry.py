"""Raw corpora in, utterances out: the list of annotation formats, and reading the splits of data/ with them.

A format is a module of this folder with two functions:

    def claims(files: Files) -> list[Path]
        The annotation files of the split that are in this format, in the order in which they are to be read. It looks
        at names, folders and, where these do not tell, at the first bytes of a file. Nothing is read or reported yet.

    def read(paths: list[Path], files: Files, reading: SplitContents) -> None
        Add what these files hold to `reading`: utterances with reading.add, what cannot be used with reading.refuse,
        what was passed over with reading.warn. `paths` are the claimed files but those that a format before it in
        FORMATS has claimed too. It may be empty, and read is called all the same.

A format of timed turns only parses: its `read` calls read_sessions of stages/corpus/rows/session.py. A new format is a
module here and its entry in FORMATS; docs/development.md goes through one step by step. Formats may be mixed in one
split.
"""

import re
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Preprocess
from stages.corpus.formats import (
    audacity,
    chat,
    childproject,
    cmu_kids,
    ctm,
    elan,
    hf_datasets,
    kaldi,
    lhotse,
    myst,
    ogi_kids,
    stm,
    subtitles,
    table,
    text_files,
    textgrid,
    transcriber,
    transcript_lists,
    untranscribed,
    webdataset,
    whisper_json,
)
from stages.corpus.rows import speaker_names, speakers, unread_files, utterance_ids
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import SplitContents, Utterance
from stages.records.paths import TRAINING_SPLITS

# In the order in which they are read. Of several annotations of one recording, most formats read only the first, so
# what says more comes first.
FORMATS = (
    # They name their recordings.
    kaldi,
    childproject,
    lhotse,
    hf_datasets,
    webdataset,
    table,
    # Corpora with a folder structure of their own.
    myst,
    cmu_kids,
    ogi_kids,
    # Timed turns.
    chat,
    elan,
    textgrid,
    transcriber,
    stm,
    subtitles,
    audacity,
    # One text for a whole recording.
    transcript_lists,
    text_files,
    # Made by a program.
    whisper_json,
    # Word times for the utterances of all others, so it is the last.
    ctm,
)

# What other corpora call their development set.
DEV_NAMES = ("valid", "validation", "val", "development", "devel", "eval")

LAYOUTS = "docs/data.md has a table of the formats that are read, and where their files go."


def splits(data: Path) -> list[str]:
    """The folders in data/, train first, then dev and replay, then the evaluation sets.

    Raises
    ------
    UserError
        data/train or data/test is missing, or a folder has a name that cannot name a split.
    """
    for split in ("train", "test"):
        if not (data / split).is_dir():
            advice = "; fetch it with dvc pull data" if Path(f"{data}.dvc").exists() else ""
            raise UserError(
                f"{data}/{split} is missing{advice}. {data}/train and {data}/test hold the corpus. {LAYOUTS}"
            )
    names = [path.name for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise UserError(f"{data}/{name}: name evaluation sets with letters, digits, - and _ only")
    for name in names:
        if name.lower() in DEV_NAMES:
            print(f"{data}/{name} is one more evaluation set; to choose checkpoints by it, rename it to {data}/dev")
    first = [*TRAINING_SPLITS, "test"]
    return sorted(names, key=lambda name: (first.index(name) if name in first else len(first), name))


def read(data: Path, options: Preprocess, language: str = "en") -> dict[str, SplitContents]:
    """Read the annotations of every split; no recording is opened yet.

    Parameters
    ----------
    language : Whisper's code of it: whether texts are joined with spaces

    Raises
    ------
    UserError
        A required split is missing or empty, or a table or speaker list cannot be made sense of.
    """
    readings = {split: read_split(data, split, options, language) for split in splits(data)}
    readings["train"].untranscribed_recordings = untranscribed.with_named_elsewhere(readings, "train")
    for name in unread_files.outside_splits(data):
        print(f"warning: {data}/{name} is in none of the folders {', '.join(readings)}, so it is not read")
    for split, reading in list(readings.items()):
        if reading.utterances or reading.refusals:
            for line in reading.unread:
                print(f"warning: {data}/{split}: not read: {line}")
        elif split in (*TRAINING_SPLITS, "test"):
            raise UserError(_no_transcripts(reading))
        else:
            message = f"{data}/{split} holds no transcripts, so it is no evaluation set"
            print("\n  ".join([f"{message} ({reading.untranscribed} recordings)", *_passed_over(reading)]))
            del readings[split]  # such as a folder of audio that the tables of the other splits name
    speaker_names.unify(readings)
    return readings


def _no_transcripts(reading: SplitContents) -> str:
    """The message for a split that has no utterances: which files are there, and why they are not used."""
    whose = "" if reading.counts_everyone else " of children"
    lines = [f"data/{reading.split} holds no transcripts{whose} ({reading.untranscribed} recordings without any)"]
    for what, number in sorted(reading.left_out.items()):
        lines.append(f"left out: {what} {number}")
    lines += _passed_over(reading)
    if len(lines) == 1:
        lines.append("no other files are there")
    return "\n  ".join([*lines, LAYOUTS])


def _passed_over(reading: SplitContents) -> list[str]:
    """A line for each kind of file that no format reads, and for each warning."""
    lines = [f"not read: {line}" for line in reading.unread]
    for message, places in sorted(reading.warnings.items()):
        lines.append(f"{message} ({len(places)}, first: data/{places[0]})")
    return lines


def read_split(data: Path, split: str, options: Preprocess, language: str = "en") -> SplitContents:
    """Read every annotation in data/<split>; the utterances are sorted by recording and time.

    A recording that a Kaldi directory or a table names is theirs. Among files that only share its name, the one whose
    format comes first is read (and .trn before .txt); the others are passed over, with a warning.
    """
    files, reading = Files(data / split, data), SplitContents(split, options, language)
    for path in files.outside:
        reading.refuse(files.named(path), files.shown(path), None, "outside-data", "a link that leads out of data/")
    for path in files.special:
        reading.refuse(files.named(path), files.shown(path), None, "not-a-file", "a named pipe, a socket or a device")
    claimed = _claimed(files)
    for format, paths in zip(FORMATS, claimed, strict=True):
        format.read(paths, files, reading)
    reading.unread = unread_files.describe(files, set().union(*claimed))
    reading.untranscribed = sum(path not in reading.annotated for path in files.recordings)
    reading.named = files.named_recordings
    speakers.complete(reading, files)
    speakers.leave_out_adults(reading)
    if split == "train":
        reading.untranscribed_recordings = untranscribed.of_split(files, reading)
    reading.utterances.sort(key=_place_in_corpus)
    utterance_ids.make_unique(reading)
    return reading


def unread(data: Path, split: str) -> list[str]:
    """The files of data/<split> that no format reads: a line for each kind of file. Nothing is read."""
    files = Files(data / split, data)
    return unread_files.describe(files, set().union(*_claimed(files)))


def _claimed(files: Files) -> list[list[Path]]:
    """The annotation files that each of FORMATS is given."""
    claimed: list[list[Path]] = []
    earlier: set[Path] = set()
    for format in FORMATS:
        paths = [path for path in format.claims(files) if path not in earlier]
        earlier.update(paths)
        claimed.append(paths)
    return claimed


def _place_in_corpus(utterance: Utterance) -> tuple:
    """The key that utterances are sorted by. Whole recordings come before stretches of them."""
    start = -1.0 if utterance.start is None else utterance.start
    end = -1.0 if utterance.end is None else utterance.end
    line = utterance.line or 0
    return (
        utterance.source,
        start,
        end,
        utterance.id,
        utterance.text_raw,
        utterance.speaker,
        utterance.file,
        line,
    )
