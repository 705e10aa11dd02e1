"""Who speaks when in a recording, as an annotation with times says.

.cha, .eaf, .TextGrid, .trs, .stm, .vtt, .srt    read as preprocess reads them, with all speakers
.rttm                                            what programs for speaker diarisation write
"""

import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PureWindowsPath

import numpy as np

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.formats import chat, elan, stm, subtitles, textgrid, transcriber
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import nfc
from stages.corpus.rows.session import Session, Turn
from stages.corpus.rows.utterance import Refused, SplitContents, check_times
from stages.records.units import SAMPLE_RATE, Seconds
from tools import recording_files

NEAR: Seconds = 0.25  # a border is moved by up to this much to the quietest moment
LONGEST_GAP: Seconds = 1.0  # a pause between turns that is longer belongs to nobody
LEAST_SHARE = 0.2  # a speaker's turns must be at least this share of a segment
LEVEL = SAMPLE_RATE // 50  # samples in 20 ms, over which the level is measured


@dataclass(frozen=True)
class SpeakerTurn:
    """When a speaker speaks."""

    start: Seconds
    end: Seconds
    speaker: str

    @property
    def middle(self) -> Seconds:
        return (self.start + self.end) / 2


def _rttm(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """A session for each recording of an RTTM file.

    Raises
    ------
    Refused
        broken-rttm where no line is a turn
    """
    turns: dict[str, list[Turn]] = defaultdict(list)
    for number, line in enumerate(read_text(path, place, reading).split("\n"), start=1):
        cells = line.split()
        if not cells or cells[0] != "SPEAKER":
            continue
        try:
            start = float(cells[3])
            turns[cells[1]].append(Turn(cells[7], "", start, start + float(cells[4]), number))
        except (IndexError, ValueError):
            refused = Refused("bad-time", "expected: SPEAKER recording channel start duration <NA> <NA> speaker")
            turns["".join(cells[1:2])].append(Turn("", "", None, None, number, refused=refused))
    if not turns:
        raise Refused("broken-rttm", "no line begins with SPEAKER")
    return [Session((recording,), rows, "rttm") for recording, rows in turns.items()]


PARSERS = {
    ".cha": chat.sessions,
    ".eaf": elan.sessions,
    ".textgrid": textgrid.sessions,
    ".trs": transcriber.sessions,
    ".stm": stm.sessions,
    ".rttm": _rttm,
    ".vtt": subtitles.sessions,
    ".srt": subtitles.sessions,
}
CAPTIONS = {".vtt", ".srt"}  # not looked for beside a recording: this program writes such files itself


def beside(recording: Path) -> Path | None:
    """The annotation with the recording's name in its folder; None if there is none.

    Raises
    ------
    UserError
        There are several.
    """
    paths = recording_files.beside(recording, PARSERS.keys() - CAPTIONS)
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(f"{recording} has several annotations beside it: {names}; name one: --speakers FILE")
    return paths[0] if paths else None


def read(path: Path, recording: Path, settings: Params) -> list[SpeakerTurn]:
    """The turns of an annotation in the order of their starts; what cannot be used of it is named on stderr.

    Raises
    ------
    UserError
        It cannot be read, or has no turns of this recording with times and speakers.
    """
    reading = SplitContents("annotation", settings.preprocess, settings.language)
    place = os.path.relpath(path, "data")  # stages/corpus names files relative to data/ in its messages
    try:
        sessions = PARSERS[path.suffix.lower()](path, place, reading)
        annotated = list(_session_of(recording, sessions, path).turns)
    except Refused as refused:
        raise UserError(f"{path}: {refused.detail}") from None
    turns: list[SpeakerTurn] = []
    unusable: list[str] = []  # places of turns
    for number, turn in enumerate(annotated, start=1):
        name = nfc(turn.label or turn.name).strip()
        if name.lower() in stm.NO_SPEAKERS or not (turn.role or reading.is_speech(name)):
            continue  # a tier of notes or noise
        try:
            turns.append(_usable(turn, name))
        except Refused as refused:
            unusable.append(f"line {turn.line or '?'}, turn {number}: {refused.detail}")
    for refusal in reading.refusals:
        unusable.append(f"line {refusal.line}: {refusal.detail}")
    if not turns:
        detail = f"; the first: {unusable[0]}" if unusable else ""
        raise UserError(f"{path} has no turns of {recording.name} with a speaker and times{detail}")
    if unusable:
        print(f"warning: {path}: {len(unusable)} turns name no speaker; the first: {unusable[0]}", file=sys.stderr)
    return sorted(turns, key=lambda turn: (turn.start, turn.end))


def _usable(turn: Turn, name: str) -> SpeakerTurn:
    if turn.refused:
        raise turn.refused
    if turn.start is None or turn.end is None:
        raise Refused("untimed", "it has no time in the recording")
    check_times(turn.start, turn.end)
    if not name:
        raise Refused("unnamed", "it names no speaker")
    return SpeakerTurn(turn.start, turn.end, " ".join(name.split()))


def _session_of(recording: Path, sessions: Sequence[Session], path: Path) -> Session:
    """The session of a recording, by the names of the media that the annotation gives."""
    named = []
    for session in sessions:
        stems = {nfc(PureWindowsPath(name).stem).lower() for name in session.media}
        if nfc(recording.stem).lower() in stems or nfc(recording.name).lower() in stems:
            return session
        named += session.media
    if len(sessions) == 1 and (not named or nfc(path.stem).lower() == nfc(recording.stem).lower()):
        return sessions[0]
    raise UserError(
        f"{path} is the annotation of {', '.join(named[:5])}, and not of {recording.name}; if it is, give it or the "
        "recording the other's name"
    )


def check_length(turns: Sequence[SpeakerTurn], seconds: Seconds, path: Path) -> None:
    """Raise UserError where turns begin after the end of the recording: the annotation is of another one."""
    last = turns[-1].start
    if last >= seconds:
        raise UserError(
            f"{path} has a turn at {last:.1f} s, but the recording ends at {seconds:.1f} s; is it its annotation?"
        )


def borders(turns: Sequence[SpeakerTurn], samples: np.ndarray) -> list[Seconds]:
    """The times at which another speaker begins, or nobody's time; each is the quietest moment near the annotated one.

    Parameters
    ----------
    turns : in the order of their starts
    samples : float32, shape (samples,), 16 kHz
    """
    times = set()
    for first, last in _windows(list(_outer(turns))):
        times.add(_quietest(samples, max(0.0, first), last))
    return sorted(times)


def _outer(turns: Sequence[SpeakerTurn]) -> Iterator[SpeakerTurn]:
    """The turns that are not within another speaker's, such as an "mhm" while a child goes on."""
    latest = -math.inf
    for turn in turns:
        if turn.end > latest:
            yield turn
            latest = turn.end


def _windows(turns: Sequence[SpeakerTurn]) -> Iterator[tuple[Seconds, Seconds]]:
    """From when to when each border may be; never beyond the middle of a turn."""
    for before, after in pairwise([None, *turns, None]):
        if before and after and after.start - before.end <= LONGEST_GAP:
            if before.speaker != after.speaker:
                first = max(min(before.end, after.start) - NEAR, before.middle)
                yield first, min(max(before.end, after.start) + NEAR, after.middle)
            continue
        if before:
            yield max(before.end - NEAR, before.middle), before.end + NEAR
        if after:
            yield after.start - NEAR, min(after.start + NEAR, after.middle)


def _quietest(samples: np.ndarray, first: Seconds, last: Seconds) -> Seconds:
    """The middle of the quietest 20 ms between two times; the middle of them where the recording is over."""
    part = samples[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)]
    frames = part[: len(part) // LEVEL * LEVEL].reshape(-1, LEVEL)
    if not len(frames):
        return (first + last) / 2
    powers = np.einsum("ij,ij->i", frames, frames)
    return first + (int(powers.argmin()) + 0.5) * LEVEL / SAMPLE_RATE


def speakers_of(spans: Sequence[tuple[Seconds, Seconds]], turns: Sequence[SpeakerTurn]) -> list[str]:
    """The speaker of each segment: the one whose turns overlap it most; "" where they are too little of it.

    Parameters
    ----------
    spans : start and end of each segment, in order
    turns : in the order of their starts
    """
    names = []
    current: list[SpeakerTurn] = []
    following = 0  # the first turn that begins later
    for start, end in spans:
        while following < len(turns) and turns[following].start < end:
            current.append(turns[following])
            following += 1
        current = [turn for turn in current if turn.end > start]
        shares: dict[str, Seconds] = defaultdict(float)
        for turn in current:
            shares[turn.speaker] += min(end, turn.end) - max(start, turn.start)
        speaker = max(shares, key=shares.__getitem__, default="")
        names.append(speaker if shares[speaker] >= LEAST_SHARE * (end - start) else "")
    return names
