"""What every annotation format is read into: utterances, refusals and warnings."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stages.common.params import Preprocess
from stages.corpus.rows import speaker_codes
from stages.records.paths import REPLAY
from stages.records.units import Seconds

ANYBODY = ".*"  # preprocess.child_names where the user names nobody

START_SLACK: Seconds = 0.05  # forced aligners write starts a few milliseconds before zero


@dataclass(frozen=True)
class Word:
    """One word with its place in the recording, from a word tier, a %wor line or a CTM file."""

    start: Seconds
    end: Seconds
    text: str


class Embedded(Protocol):
    """Where the bytes of a recording are that is inside another file; see stages/corpus/rows/embedded.py."""

    def absolute(self) -> "Embedded": ...

    def read(self) -> bytes: ...


@dataclass(frozen=True)
class Utterance:
    """What one speaker says in one recording, or one stretch of it, as the corpus has it."""

    id: str  # as the corpus names it, or derived from the file's path; any characters
    audio: Path  # the recording, found on disk (not yet opened); of an embedded one, only its name
    source: str  # the same, relative to data/
    text_raw: str
    speaker: str
    speaker_known: bool  # False: the corpus does not say, and the speaker is the recording's name
    start: Seconds | None  # as annotated; start and end None: the whole recording
    end: Seconds | None
    age: str | None  # as the corpus writes it: "6", "4;07.07", "grade 3", "teens"
    age_months: int | None  # the same in months; the middle of a band or a grade
    gender: str | None
    file: str  # the annotation file, relative to data/
    line: int | None  # where in it, counted from 1; None in formats without lines
    format: str  # the annotation format: kaldi, table, chat, ...
    check_name: bool = False  # the speaker's name is still to be compared with preprocess.child_names and adult_names
    markup: str = "plain"  # how text_raw marks what is no word: plain, ogi or chat, see stages/corpus/markup
    channel: int | None = None  # the speaker's channel, counted from 1; None: preprocess.channel says
    stated_seconds: Seconds | None = None  # how long the whole recording is, according to the corpus
    clip_seconds: Seconds | None = None  # the same of a clip that the corpus has cut: a longer one is refused too
    embedded: Embedded | None = None  # where the recording is, if it is no file of its own
    words: tuple[Word, ...] = ()  # in order, where the corpus has word times
    role: str = ""  # what the speaker is, where a table's column of speakers says that: CHI, mother
    other_name: str = ""  # the speaker's in another column of the table, if that has one
    text: str = ""  # cleaned transcript, see stages/corpus/markup
    flags: tuple[str, ...] = ()  # what is worth knowing and no reason to refuse: overlap, clipped, narrowband, ...

    @property
    def content(self) -> tuple:
        """Recording, times, text and speaker: a row of the same id and content repeats this one."""
        return self.source, self.start, self.end, self.text_raw, self.speaker


@dataclass(frozen=True)
class Refusal:
    """An utterance, or a whole file, that cannot be used: one row of rejected.jsonl."""

    id: str
    split: str
    file: str
    line: int | None
    reason: str  # a short stable slug
    detail: str  # a sentence for people


@dataclass(frozen=True)
class UntranscribedRecording:
    """A recording without a transcript: a row of untranscribed.jsonl."""

    audio: Path
    source: str  # the same, relative to data/
    speaker: str  # where not known: what the recording is called
    speaker_known: bool
    age: str | None  # as the corpus writes it
    age_months: int | None
    gender: str | None
    reason: str | None = None  # why it cannot be labelled, a short stable slug; None: it can be
    detail: str | None = None  # the same as a sentence


class Refused(Exception):
    """Raised while one utterance is read; the reader turns it into a Refusal and goes on with the next."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def check_times(start: Seconds, end: Seconds | None) -> None:
    """Check what can be checked without the recording. An `end` of None is the end of the recording.

    A start less than START_SLACK before zero passes; the cut begins at zero then.

    Raises
    ------
    Refused
        bad-time (not finite), start-before-zero or end-before-start
    """
    if not math.isfinite(start) or (end is not None and not math.isfinite(end)):
        raise Refused("bad-time", f"from {start} to {end} s")
    if start <= -START_SLACK:
        raise Refused("start-before-zero", f"starts at {start} s")
    if end is not None and end <= start:
        raise Refused("end-before-start", f"from {start} to {end} s")


@dataclass
class SplitContents:
    """The content of one split. Formats add to it; what they do not add as an utterance is counted or listed here."""

    split: str
    options: Preprocess
    language: str = "en"  # Whisper's code of it: whether there are spaces between words
    utterances: list[Utterance] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    # Every annotated stretch of each recording, of any speaker: a clip's context must not reach into them.
    spans: dict[Path, list[tuple[Seconds, Seconds]]] = field(default_factory=lambda: defaultdict(list))
    _marked: set[tuple] = field(default_factory=set, repr=False)  # the utterances whose speech is in spans
    annotated: set[Path] = field(default_factory=set)  # recordings that have annotations
    named: set[Path] = field(default_factory=set)  # recordings that annotations name, also those not used
    untranscribed: int = 0  # number of recordings that have none
    untranscribed_recordings: list[UntranscribedRecording] = field(default_factory=list)  # of train only
    left_out: Counter[str] = field(default_factory=Counter)  # utterances that were not asked for, by what they are
    taken: Counter[str] = field(default_factory=Counter)  # utterances of annotated sessions, by tier or speaker's code
    unknown_markup: Counter[str] = field(default_factory=Counter)  # by mark
    unused_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of each table, by its path
    without_header: set[str] = field(default_factory=set)  # tables without a line of names of columns, by their paths
    unread: list[str] = field(default_factory=list)  # files that no format reads: a line for each kind of file
    warnings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # message -> places

    @property
    def counts_everyone(self) -> bool:
        """Whether adults count too: in the evaluation sets that the user names, and in the speech that is replayed."""
        return self.split == REPLAY or self.split in self.options.everyone_in

    def is_child(self, *names: str, role: str = "", from_column: bool = False) -> bool:
        """Whether a speaker counts as a child: by the role where the format gives one, else by names and tiers.

        The usual codes of adults and of tiers without speech are known, unless preprocess.child_names says who counts.
        In a table's column (`from_column`), where people write ids, only words for adults are.
        """
        options = self.options
        if self.counts_everyone:
            return True
        if role:
            return role.lower() in map(str.lower, options.child_roles)
        for name in names:
            if name and re.fullmatch(options.adult_names, name, re.IGNORECASE):
                return False
        if options.child_names == ANYBODY and self._is_no_child(names, from_column):
            return False
        return any(re.fullmatch(options.child_names, name, re.IGNORECASE) for name in names)

    def _is_no_child(self, names: Sequence[str], from_column: bool) -> bool:
        if from_column:
            return any(map(speaker_codes.is_adult_word, names))
        return speaker_codes.are_adults(names) or not all(map(self.is_speech, names))

    def is_speech(self, tier: str) -> bool:
        """Whether a tier may hold speech: not if it is called notes, noise and so on, and preprocess.tiers is empty."""
        return bool(self.options.tiers) or speaker_codes.meaning_of(tier) != speaker_codes.NO_SPEECH

    def add(self, utterance: Utterance) -> None:
        """Add an utterance. Raises Refused where its times cannot be those of any recording, see check_times."""
        self.annotated.add(utterance.audio)
        if utterance.start is not None:
            check_times(utterance.start, utterance.end)
            identity = (utterance.id, utterance.content)
            if identity not in self._marked:  # a row that repeats another is no second speaker
                self._marked.add(identity)
                self.mark_speech(utterance.audio, utterance.start, utterance.end)
        self.utterances.append(utterance)

    def mark_speech(self, audio: Path, start: Seconds, end: Seconds | None) -> None:
        """Mark a stretch of a recording in which anybody speaks. An `end` of None is the end of the recording."""
        end = math.inf if end is None else end
        if start < end:  # False for nan too
            self.spans[audio].append((start, end))

    def warn_unknown_speaker(self, place: str) -> None:
        """Warn that the corpus does not say who speaks. `place` is the file, with the line where there is one."""
        self.warn("unknown speakers are one per recording", place)

    def refuse(self, id: str, file: str, line: int | None, reason: str, detail: str) -> None:
        """Record that an utterance, or a whole file, cannot be used; see Refusal."""
        self.refusals.append(Refusal(id, self.split, file, line, reason, detail))

    def warn(self, message: str, place: str) -> None:
        """Record a warning; the report has one line for each message, with the number of places and the first."""
        self.warnings[message].append(place)
