"""The development set where the corpus has none: some of the training speakers, with all who share their recordings."""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows.speaker_names import one_folder
from stages.corpus.rows.utterance import SplitContents, Utterance


def with_dev(readings: dict[str, SplitContents], fraction: float, seed: int) -> dict[str, SplitContents]:
    """Return the same splits, with some of the training speakers moved to a development set.

    Raises
    ------
    UserError
        No speaker can be moved: there is one only, or all share recordings.
    """
    train = readings["train"]
    try:
        chosen = draw_speakers(speaker_groups(train.utterances), fraction, seed)
    except UserError as error:
        sentence = one_folder(train)
        raise UserError(f"{error}; {sentence}" if sentence else str(error)) from None
    dev = SplitContents("dev", train.options, train.language, spans=train.spans)
    others = []
    for row in train.utterances:
        (dev.utterances if row.speaker in chosen else others).append(row)
    train.utterances = others
    return {"train": train, "dev": dev, **readings}


def speaker_groups(utterances: Iterable[Utterance]) -> list[frozenset[str]]:
    """Group the speakers who share recordings, directly or through others: they must be in one split.

    A child is heard in the recording of another, so with one in dev and one in train, both splits hold the same sound.
    """
    group_of: dict[str, set[str]] = {}
    first_of_recording: dict[Path, str] = {}
    for row in utterances:
        group = group_of.setdefault(row.speaker, {row.speaker})
        other = group_of[first_of_recording.setdefault(row.audio, row.speaker)]
        if other is group:
            continue
        smaller, larger = sorted((group, other), key=len)
        larger |= smaller
        for speaker in smaller:
            group_of[speaker] = larger
    groups: dict[int, frozenset[str]] = {}  # by identity: all speakers of a group have the same set
    for group in group_of.values():
        groups[id(group)] = frozenset(group)
    return list(groups.values())


def draw_speakers(groups: Iterable[frozenset[str]], fraction: float, seed: int) -> set[str]:
    """Choose groups with about `fraction` of the speakers, at least one group, leaving at least one.

    The order depends on each speaker's name and the seed only, so that a speaker who joins the corpus moves few others.
    Groups with more speakers than are still needed are passed over; if all have more, the smallest one is taken.

    Raises
    ------
    UserError
        There are fewer than two groups.
    """
    group_of = {}
    for group in groups:
        for speaker in group:
            group_of[speaker] = group
    ranked = sorted(group_of, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    if len(set(group_of.values())) < 2:
        raise UserError(_nobody_to_draw(len(ranked)))
    wanted = math.ceil(round(fraction * len(ranked), 9))  # 0.07 * 100 is a little more than 7
    chosen: set[str] = set()
    for speaker in ranked:
        together = chosen | group_of[speaker]
        if len(together) <= min(wanted, len(ranked) - 1):
            chosen = together
    if chosen:
        return chosen
    smallest = min(ranked, key=lambda speaker: len(group_of[speaker]))  # its first speaker in the order
    return set(group_of[smallest])


def _nobody_to_draw(speakers: int) -> str:
    reason = f"has {speakers} speaker(s)"
    if speakers > 1:
        reason = f"has {speakers} speakers, who share recordings"
    return (
        f"data/train {reason}, so none can be held out to choose the best checkpoint;"
        " give a development set of other speakers as data/dev"
    )
