"""The recordings of a split that have no transcript, and who speaks in them.

A recording that some annotation names has a transcript, also where that is refused. Who speaks is known from the name
of the recording (MyST, CMU Kids, OGI), from a table with a row of it whose text is blank, or from its folder.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.formats import cmu_kids, myst, ogi_kids
from stages.corpus.rows import speakers
from stages.corpus.rows.files import RECORDING_SUFFIXES, Files, nfc
from stages.corpus.rows.listed_speakers import PARTS
from stages.corpus.rows.speaker_names import folders_of_speaker, same_name
from stages.corpus.rows.unread_files import COMPANION_SUFFIXES
from stages.corpus.rows.utterance import SplitContents, UntranscribedRecording, Utterance

NO_ANNOTATION = "untranscribed"  # the format of a recording that no annotation is about

SpeakerOfFolder = Callable[[Path, Files], str]


def of_split(files: Files, reading: SplitContents) -> list[UntranscribedRecording]:
    """The recordings of a split that has been read, in the order of their paths."""
    rows = _blank_rows(files, reading)
    candidates = [path for path in files.recordings if path not in reading.annotated]
    rules = _rules_of_folders(reading, files) if candidates else []
    for path in candidates:
        rows.append(_row(path, _speaker(path, rules, files), files))
    with_ages = SplitContents(reading.split, reading.options, reading.language, utterances=rows)
    if rows:
        speakers.complete(with_ages, files)
    others = _other_files(files, reading) if candidates else {}
    recordings = []
    for row in with_ages.utterances:
        reason, detail = _why_not(row, others, files, reading)
        recording = UntranscribedRecording(
            audio=row.audio,
            source=row.source,
            speaker=row.speaker,
            speaker_known=row.speaker_known,
            age=row.age,
            age_months=row.age_months,
            gender=row.gender,
            reason=reason,
            detail=detail,
        )
        recordings.append(recording)
    return sorted(recordings, key=attrgetter("source"))


def with_named_elsewhere(readings: dict[str, SplitContents], split: str) -> list[UntranscribedRecording]:
    """The untranscribed recordings of a split; those that another split's annotations name get that as their reason."""
    if not readings[split].untranscribed_recordings:
        return []
    named: dict[tuple[int, int], str] = {}  # the file that a path leads to -> a split that names it
    for other, reading in readings.items():
        if other != split:
            for path in reading.annotated | reading.named:
                if path.is_file():  # not where it is inside another file
                    named[_identity(path)] = other
    recordings = []
    for recording in readings[split].untranscribed_recordings:
        other = named.get(_identity(recording.audio))
        if other:
            detail = f"an annotation of data/{other} names it"
            recording = replace(recording, reason="named-elsewhere", detail=detail)
        recordings.append(recording)
    return recordings


def _identity(path: Path) -> tuple[int, int]:
    """What all paths of one file have in common: DVC may link two files of the same content to one."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _of_librispeech(path: Path) -> str:
    """The speaker of 84/121123/84-121123-0000.flac, 84; "" for other recordings."""
    parts = PARTS.fullmatch(nfc(path.stem))
    return parts[1] if parts and path.parts[-3:-1] == (parts[1], parts[3]) else ""


def _innermost(path: Path, files: Files) -> str:
    """The speaker where a folder holds the recordings of one, as of transcripts beside recordings."""
    return "".join(folders_of_speaker(path, files)[-1:])


def _all_folders(path: Path, files: Files) -> str:
    """The speaker as of sessions: anna-visit1."""
    return "-".join(folders_of_speaker(path, files))


SPEAKERS_BY_NAME = (myst.speaker_of, cmu_kids.speaker_of, ogi_kids.speaker_of, _of_librispeech)
RULES = (_innermost, _all_folders)


def _other_files(files: Files, reading: SplitContents) -> dict[tuple[str, str], str]:
    """Sentences about files that may hold the transcript of a recording, or its sound with a transcript.

    By folder and stem: a.labels.txt is found under a and a.labels.
    """
    others: dict[tuple[str, str], str] = {}
    for path in files.paths:
        suffix, name = path.suffix.lower(), nfc(path.name)
        stem = nfc(path.stem).lower()
        if path in reading.annotated:
            others[files.folder_of(path), stem] = f"{name} beside it has a transcript"
        elif suffix not in RECORDING_SUFFIXES and suffix not in COMPANION_SUFFIXES:
            parts = stem.split(".")
            for count in range(1, len(parts) + 1):
                key = files.folder_of(path), ".".join(parts[:count])
                others.setdefault(key, f"{name} may be its transcript, and is not used")
    return others


def _blank_rows(files: Files, reading: SplitContents) -> list[Utterance]:
    """A row of each recording of which a table says everything but the text.

    Only tables: in other formats an empty text says that nothing is spoken.
    """
    rows: dict[Path, list[Utterance]] = {}
    for row in reading.utterances:
        if row.format == "table" and row.start is None and row.audio not in reading.spans:
            rows.setdefault(row.audio, []).append(row)
    present = set(files.recordings)
    blank = []
    for audio, of_recording in rows.items():
        if audio in present and not any(row.text_raw.strip() for row in of_recording):
            blank.append(of_recording[0])
    return blank


def _row(path: Path, speaker: str, files: Files) -> Utterance:
    """A recording that no annotation is about, as an utterance without text.

    Parameters
    ----------
    speaker : "": not known
    """
    return Utterance(
        id=files.named(path),
        audio=path,
        source=files.shown(path),
        text_raw="",
        speaker=speaker or files.named(path),
        speaker_known=bool(speaker),
        start=None,
        end=None,
        age=None,
        age_months=None,
        gender=None,
        file=files.shown(path),
        line=None,
        format=NO_ANNOTATION,
    )


def _rules_of_folders(reading: SplitContents, files: Files) -> list[SpeakerOfFolder]:
    """The ways of naming speakers by folders that are right for all transcribed recordings of this corpus."""
    rows = [row for row in reading.utterances if row.speaker_known and _is_of_folder(row, files)]
    return [rule for rule in RULES if all(_agrees(row, rule(row.audio, files)) for row in rows)]


def _speaker(path: Path, rules: list[SpeakerOfFolder], files: Files) -> str:
    """Who speaks in a recording, by its name or else its folder; "" where these do not tell, or not clearly."""
    for speaker_of in SPEAKERS_BY_NAME:
        if speaker_of(path):
            return speaker_of(path)
    names = {rule(path, files) for rule in rules}
    return names.pop() if len(names) == 1 else ""


def _is_of_folder(row: Utterance, files: Files) -> bool:
    """Whether a transcribed recording tells something about folders: it is in one, and its name says no speaker."""
    is_named = any(speaker_of(row.audio) for speaker_of in SPEAKERS_BY_NAME)
    is_inside = row.embedded is None and row.audio.is_relative_to(files.folder)
    return is_inside and not is_named and bool(folders_of_speaker(row.audio, files))


def _agrees(row: Utterance, folder: str) -> bool:
    """Whether a speaker is called like the folder: anna, or anna-SIB for another child in anna's recording."""
    speaker, owner = same_name(row.speaker), same_name(folder)
    return speaker == owner or speaker.startswith(f"{owner}-")


def _why_not(
    row: Utterance, others: dict[tuple[str, str], str], files: Files, reading: SplitContents
) -> tuple[str | None, str | None]:
    """The reason why a recording cannot be labelled, and a sentence about it; (None, None): it can be.

    Parameters
    ----------
    others : see _other_files
    """
    if row.format == NO_ANNOTATION:
        if row.audio in reading.named:
            return "unused-annotation", "an annotation names it, and is refused or passed over"
        sentence = others.get((files.folder_of(row.audio), nfc(row.audio.stem).lower()))
        if sentence:
            return "unused-annotation", sentence
    if not reading.is_child(row.speaker, from_column=True):
        return "other-speaker", f"{row.speaker} does not count as a child (preprocess.child_names, adult_names)"
    try:
        is_older = speakers.is_too_old(row, reading)
    except UserError as error:
        return "unclear-age", str(error)
    if is_older:
        return "other-speaker", f"{row.speaker} is {row.age}, over preprocess.child_max_age"
    return None, None
