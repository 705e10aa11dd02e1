"""Which names are one speaker's, which folders are no speaker's, and what to do where the corpus names no speaker."""

import re
from dataclasses import replace
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows import invisible
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.named_folders import without_kinds
from stages.corpus.rows.utterance import SplitContents, Utterance

# In the order in which they are looked at; upper and lower case, spaces, underscores and hyphens make no difference.
SPEAKER_COLUMNS = tuple(
    "speaker speaker_id speaker_name speaker_code spk spk_id spkr spkr_id client_id child_id participant_id subject_id"
    " student_id user_id kid_id child_name participant subject student child kid user".split()
)

# Names of folders that say when somebody was recorded, and not who: visit1, Session_02, week 3, 2024-05-31.
VISIT = re.compile(
    r"(?:visit|session|sess?|sitting|day|week|month|wave|tape|date|recording|rec)s?(?:[\W_]*[0-9]+[a-z]?)?"
    r"|(?:19|20)[0-9]{2}[\W_]?[0-9]{2}[\W_]?[0-9]{2}",
    re.IGNORECASE,
)

SHOWN = 10  # names in a message
COLUMN_FORMATS = frozenset(("table", "datasets", "webdataset"))  # whose rows have columns with names


def same_name(name: str) -> str:
    """What all spellings of a speaker's name have in common: Kid0 and " KID0 " are one child."""
    return " ".join(invisible.removed(name).split()).casefold()


def folders_of_speaker(path: Path, files: Files) -> list[str]:
    """The folders of a file inside its split, without those that only say what kind of files they hold."""
    folders = [nfc(name) for name in path.parent.relative_to(files.folder).parts]
    return without_kinds(folders)


def unify(readings: dict[str, SplitContents]) -> None:
    """Write every speaker's name the same way in the whole corpus: as it is written first. A warning has the others."""
    first: dict[str, str] = {}
    for reading in readings.values():
        utterances = []
        for row in reading.utterances:
            if row.speaker_known:
                name = first.setdefault(same_name(row.speaker), row.speaker)
                if name != row.speaker:
                    place = f"{row.file}:{row.line}" if row.line else row.file
                    reading.warn(f"spellings of one speaker's name: {row.speaker} is read as {name}", place)
                    row = replace(row, speaker=name)
            utterances.append(row)
        reading.utterances = utterances


def check_known(readings: dict[str, SplitContents], is_allowed: bool) -> None:
    """Refuse a split of several recordings in which no speaker is named.

    Speakers are kept apart by their names, and confidence intervals are drawn over them.

    Raises
    ------
    UserError
        Says where names were looked for. If `is_allowed`, this is a warning in the report.
    """
    for split, reading in readings.items():
        recordings = {row.audio for row in reading.utterances}
        if len(recordings) < 2 or any(row.speaker_known for row in reading.utterances):
            continue
        if is_allowed:
            reading.warn(
                "no speaker is named; intervals assume that each recording is of another speaker, and that no child is"
                " in two splits was not checked (preprocess.unknown_speakers)",
                f"{len(recordings)} recordings",
            )
            continue
        raise UserError(
            f"data/{split} names no speaker of its {len(recordings)} recordings. {_where_to_name(reading)} If each"
            " recording is of another speaker, set preprocess.unknown_speakers: per_recording; if not, children could"
            " be both trained and tested on, and the confidence intervals would be too narrow"
        )


def one_folder(reading: SplitContents) -> str:
    """A sentence where all recordings of a split are in one folder, which was taken for their speaker; else "".

    That is right for a corpus of one child, and wrong for a folder of all children's recordings.
    """
    speakers = {row.speaker for row in reading.utterances}
    recordings = {row.source for row in reading.utterances}
    if len(speakers) != 1 or len(recordings) < 2 or any(_is_named(row, reading) for row in reading.utterances):
        return ""
    (speaker,) = speakers
    for source in recordings:
        folders = source.replace("::", "/").split("/")[1:-1]  # data.tar::anna/0001.wav
        if speaker not in folders:
            return ""
    return (
        f"all {len(recordings)} recordings of data/{reading.split} are in a folder named {speaker}, which is taken for"
        " the speaker's name; if they are of several children, make a folder for each"
    )


def _is_named(row: Utterance, reading: SplitContents) -> bool:
    """Whether something else than a folder's name says who speaks, or nothing does."""
    is_from_column = row.format in ("table", "kaldi") and row.file not in reading.without_header
    return is_from_column or not row.speaker_known


def repeated_folders(reading: SplitContents) -> list[str]:
    """A sentence for each speaker's name that is the name of several folders.

    anna/session1 and ben/session1 are read as one speaker, session1, which is rarely right.
    """
    places: dict[str, set[str]] = {}
    for row in reading.utterances:
        folders = row.source.replace("::", "/").split("/")[1:-1]
        if row.speaker in folders and not _is_named(row, reading):
            last = len(folders) - folders[::-1].index(row.speaker)
            places.setdefault(row.speaker, set()).add("/".join(without_kinds(folders[:last])))
    sentences = []
    for speaker, folders in places.items():
        if len(folders) > 1:
            names = ", ".join(sorted(folders)[:SHOWN])
            sentences.append(
                f"{len(folders)} folders of data/{reading.split} are named {speaker} ({names}) and read as one"
                " speaker's; if they are of several children, the children's folders must be the innermost ones"
            )
    return sentences


def visits(reading: SplitContents) -> str:
    """A sentence where folders that were taken for speakers are named like visits; else "".

    As anna/visit1 and anna/visit2, one child counts as two, and may be in two splits.
    """
    names: dict[str, None] = {}  # in the order of the utterances
    for row in reading.utterances:
        folders = without_kinds(row.source.replace("::", "/").split("/")[1:-1])
        if not folders or not VISIT.fullmatch(folders[-1]) or _is_named(row, reading):
            continue
        of_session = "-".join(folders)
        if row.speaker in (folders[-1], of_session) or row.speaker.startswith(f"{of_session}-"):
            names["/".join(folders)] = None
    if not names:
        return ""
    shown = ", ".join(list(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return (
        f"{len(names)} folder(s) of data/{reading.split} that are named like visits are read as speakers ({shown}). A"
        " child with several visits then counts as several children, who may be in train, dev and test; if there are"
        " such children, keep all files of a child in one folder with the child's name"
    )


def warn_of_folders(readings: dict[str, SplitContents]) -> None:
    """Warn where folders that were taken for speakers may be something else."""
    for reading in readings.values():
        for sentence in (one_folder(reading), visits(reading), *repeated_folders(reading)):
            if sentence:
                reading.warn(sentence, reading.utterances[0].source)


def _where_to_name(reading: SplitContents) -> str:
    """How the formats of a split name speakers, and what was not used."""
    formats = {row.format for row in reading.utterances}
    first = min(row.source for row in reading.utterances)
    advice = []
    if formats & COLUMN_FORMATS:
        unused = []
        for file in sorted({row.file for row in reading.utterances if row.format in COLUMN_FORMATS}):
            columns = ", ".join(reading.unused_columns.get(file, ())) or "none"
            unused.append(f"data/{file}: {columns}")
        files = "; ".join(unused[:SHOWN]) + ("; ..." if len(unused) > SHOWN else "")
        roles = ", ".join(sorted({row.role for row in reading.utterances if row.role})[:SHOWN])
        if roles:
            advice.append(f"The speaker column says what people are ({roles}), which names nobody.")
        advice.append(f"Columns that are not used: {files}.")
        advice.append("Name the column of speakers in preprocess.columns.speaker, or add one.")
    if "kaldi" in formats:
        advice.append("Kaldi directories name speakers in utt2spk (names, not the ids of the utterances).")
    if "lhotse" in formats:
        advice.append("Supervisions of lhotse name speakers in speaker.")
    if formats - {*COLUMN_FORMATS, "kaldi", "lhotse"}:
        name = first.rpartition("/")[2]
        advice.append(
            "Folders are speakers: put the recordings and transcripts of each speaker into a folder with the speaker's"
            f" name, such as data/{reading.split}/anna/{name} instead of data/{first}"
            " (folders such as wav, clips and data name no speaker)."
        )
    return " ".join(advice)
