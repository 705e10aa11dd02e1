"""Which recordings without a transcript may be labelled: nobody's whom the models are chosen by or tested on."""

import json
from collections import Counter
from dataclasses import dataclass, fields

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.rows.speaker_names import same_name
from stages.records import paths, shards

SHOWN = 5  # recordings in a message


@dataclass(frozen=True)
class Candidate:
    """A recording without a transcript: a row of untranscribed.jsonl that has no reason against it."""

    source: str  # the recording, relative to data/
    speaker: str
    speaker_known: bool
    age: str | None
    age_months: int | None
    gender: str | None


@dataclass(frozen=True)
class Rejection:
    """A recording, or a stretch of one, that is not learnt from: a row of labelled_data/rejected.jsonl."""

    source: str
    start: float | None  # s; None: the whole recording
    end: float | None
    reason: str  # a short stable slug
    detail: str  # a sentence for people


FIELDS = [field.name for field in fields(Candidate)]
KEYS = {*FIELDS, "reason", "detail"}  # of a row of untranscribed.jsonl


def read_rows() -> list[dict]:
    """The rows of processed_data/untranscribed.jsonl; UserError where it is missing or damaged."""
    path = paths.UNTRANSCRIBED_FILE
    advice = "run dvc repro --force preprocess, or fetch it with dvc pull"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {advice}") from None
    rows = []
    for number, line in enumerate(filter(None, lines), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number} is not JSON ({error}); {advice}") from None
        if not isinstance(row, dict) or not row.keys() >= KEYS:
            raise UserError(f"{path}, line {number} is no recording without a transcript; {advice}")
        rows.append(row)
    return rows


def choose(rows: list[dict], settings: Params) -> tuple[list[Candidate], list[Rejection]]:
    """The recordings that may be labelled, and the others with their reasons.

    Raises
    ------
    UserError
        There is none, or no speaker of any is known and preprocess.unknown_speakers is `refuse`.
    """
    excluded = _speakers_of_other_splits()
    may_be_unknown = settings.preprocess.unknown_speakers == "per_recording"
    candidates, rejections = [], []
    for row in rows:
        reason, detail = row["reason"], row["detail"]
        if reason is None:
            reason, detail = _why_not(row, excluded, may_be_unknown)
        if reason is None:
            candidates.append(Candidate(**{name: row[name] for name in FIELDS}))
        else:
            rejections.append(Rejection(row["source"], None, None, reason, detail))
    if not candidates:
        raise UserError(_nothing_to_label(rejections))
    return candidates, rejections


def read_sounds() -> dict[str, str]:
    """The hashes of all clips and recordings of the corpus, each with a split; dev and test sets before train."""
    splits: dict[str, str] = {}
    try:
        lines = paths.SOUNDS_FILE.read_text(encoding="utf-8").split("\n")
        for row in map(json.loads, filter(None, lines)):
            if splits.get(row["sound"], "train") == "train":
                splits[row["sound"]] = row["split"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{paths.SOUNDS_FILE} is missing or damaged ({error}); run dvc repro --force preprocess"
        ) from None
    return splits


def _speakers_of_other_splits() -> dict[str, str]:
    """The known speakers of dev and of the evaluation sets, each with a sentence.

    Beside anna-SIB there is "anna-", the beginning of the name: another child is heard in recordings of anna.
    """
    excluded: dict[str, str] = {}
    unknown = []
    for folder in (*shards.evaluation_sets(), paths.split_folder("dev")):
        clips = shards.read_manifest(folder)
        for clip in clips:
            if clip.speaker_known:
                name, sentence = same_name(clip.speaker), f"{clip.speaker} is a speaker of {folder.name}"
                excluded[name] = sentence
                if "-" in name:
                    excluded.setdefault(f"{name.rpartition('-')[0]}-", sentence)
        if shards.of_unknown_speakers(clips):
            unknown.append(folder.name)
    if unknown:
        print(f"warning: {', '.join(unknown)}: speakers are unknown, so a child of these may be labelled")
    return excluded


def _why_not(row: dict, excluded: dict[str, str], may_be_unknown: bool) -> tuple[str | None, str | None]:
    """Why a recording is not labelled, because of who speaks; (None, None): it is.

    Parameters
    ----------
    excluded : see _speakers_of_other_splits
    """
    speaker = same_name(row["speaker"])
    folders = map(same_name, row["source"].split("/")[1:-1])  # a speaker's too, where the speaker is called anna-visit1
    for name in (speaker, f"{speaker}-", *folders):
        if name in excluded:
            return "speaker-of-other-split", excluded[name]
    if not row["speaker_known"] and not may_be_unknown:
        return "unknown-speaker", "who speaks is not known, so it may be a child of dev or of a test set"
    return None, None


def _nothing_to_label(rejections: list[Rejection]) -> str:
    if not rejections:
        return (
            "pseudo_labels.share is over 0, and every recording of data/train has a transcript: add recordings without "
            "one to data/train, or set it to 0"
        )
    counts = Counter(row.reason for row in rejections)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    shown = ", ".join(f"data/{row.source} ({row.detail})" for row in rejections[:SHOWN])
    message = (
        f"pseudo_labels.share is over 0, and none of the {len(rejections)} recordings without a transcript can be "
        f"labelled ({reasons}), such as {shown}."
    )
    if "unknown-speaker" in counts:
        message += (
            " Put the recordings of each speaker into a folder with the speaker's name, such as data/train/anna; if no "
            "child of dev or of a test set is heard in them, set preprocess.unknown_speakers: per_recording"
        )
    return message
