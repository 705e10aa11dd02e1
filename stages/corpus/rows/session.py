"""Annotated sessions: recordings with turns of one or more speakers, whatever format the turns were written in.

A format's own file only parses: it turns an annotation file into `Session`s. What follows is the same for all of them
and stands here: finding the recording, leaving adults out, naming speakers and utterances.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speakers import gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance, Word
from stages.records.units import Seconds

# Names of tiers and speakers that say what somebody is, not who: another recording's CHI is another child.
NOBODY_IN_PARTICULAR = re.compile(
    r"|(target[ _-]?)?chi(ld)?\d*|kid\d*|boy|girl|student|pupil|sib\d?|sis\d?|bro\d?|mot|fat|inv|exp|adult|interviewee"
    r"|(spk|speaker|participant|par|voice|channel)[ _-]?\d*|[a-d]|unknown"
    r"|tier[ _-]?\d*|tokens?|phrases?|utterances?|utts?|transcri(pt(ion)?s?|be[dr]?)|default|text|ort(hography)?"
    r"|speech|words?|labels?",
    re.IGNORECASE,
)
# Of these, the ones by which the child that a recording is about is meant: the folder's name is theirs.
MAIN_SPEAKER = re.compile(r"(?!(sib|sis|bro|mot|fat|inv|exp|adult|[b-d]$))[^0-9]*1?", re.IGNORECASE)


@dataclass(frozen=True)
class Turn:
    """One speaker says something in one stretch of a recording."""

    label: str  # the tier, participant code or voice; "" where the format names none
    text: str  # as written, without the format's own syntax; "": somebody speaks, and nobody wrote down what
    start: Seconds | None  # None: untimed
    end: Seconds | None
    line: int | None = None  # in the annotation file, counted from 1
    role: str = ""  # such as Target_Child, where the format says so
    name: str = ""  # the person's name or code in the whole corpus, where the format says so
    age: str = ""
    gender: str = ""
    channel: int | None = None  # counted from 1
    words: tuple[Word, ...] = ()
    refused: Refused | None = None  # set where the turn itself is broken


@dataclass(frozen=True)
class Session:
    """The turns of one recording."""

    media: tuple[str, ...]  # what the annotation says its recording is called: names or paths, most wanted first
    turns: Iterable[Turn]
    format: str
    markup: str = "plain"  # see Utterance.markup
    left_out: Counter[str] = field(default_factory=Counter)  # tiers or lines that hold no turns, by what they are
    own_stem: bool = True  # False: the file's name says nothing about the recording, only `media` does


def read_sessions(
    parse: Callable[[Path, str, SplitContents], list[Session]], paths: list[Path], files: Files, reading: SplitContents
) -> None:
    """Parse annotation files one by one, and add the children's turns of their sessions to `reading`.

    A file is passed over if the recording of the same name has been annotated by another file before.

    Parameters
    ----------
    parse : gets the file, its path as messages show it, and `reading`, for its options, warnings and refusals of single
        lines; returns a session for each recording, and raises Refused where the file is unusable
    """
    for path in paths:
        if not is_first_annotation(path, files, reading):
            continue
        place = files.shown(path)
        try:
            sessions = parse(path, place, reading)
        except Refused as refused:
            reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
            continue
        for session in sessions:
            try:
                _take(session, path, files, reading)
            except Refused as refused:
                reading.refuse(files.named(path), place, None, refused.reason, refused.detail)


def is_first_annotation(path: Path, files: Files, reading: SplitContents) -> bool:
    """Whether the recording of the same name is still without annotation; if not, a warning names the file."""
    if reading.annotated.isdisjoint(files.recordings_beside(path)):
        return True
    reading.warn("a second transcript of a recording, passed over", files.shown(path))
    return False


def _take(session: Session, path: Path, files: Files, reading: SplitContents) -> None:
    """Add the children's turns of a session that stands in the annotation file `path` to the reading.

    Raises
    ------
    Refused
        The recording is not there.
    """
    audio = files.recording_of(path, session.media, session.own_stem)
    reading.annotated.add(audio)
    reading.left_out.update(session.left_out)
    numbers: Counter[str] = Counter()
    for turn in session.turns:
        if not turn.text.strip() and not turn.refused:
            _occupy(turn, audio, reading)
            continue
        if not reading.is_child(nfc(turn.label).strip(), nfc(turn.name).strip(), role=turn.role):
            reading.left_out[f"other speakers: {turn.role or nfc(turn.label).strip() or 'unnamed'}"] += 1
            _occupy(turn, audio, reading)
            continue
        numbers[turn.label] += 1
        id = "-".join(filter(None, (files.named(path), nfc(turn.label).strip(), f"{numbers[turn.label]:04d}")))
        try:
            reading.add(_utterance(id, turn, session, path, audio, files, reading))
        except Refused as refused:
            reading.refuse(id, files.shown(path), turn.line, refused.reason, refused.detail)


def _occupy(turn: Turn, audio: Path, reading: SplitContents) -> None:
    if turn.start is not None:
        reading.mark_speech(audio, turn.start, turn.end)


def _utterance(
    id: str, turn: Turn, session: Session, path: Path, audio: Path, files: Files, reading: SplitContents
) -> Utterance:
    if turn.refused:
        raise turn.refused
    place = files.shown(path) + (f":{turn.line}" if turn.line else "")
    speaker, known = speaker_of(turn, path, audio, files)
    if not known:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=id,
        audio=audio,
        source=files.shown(audio),
        text_raw=" ".join(turn.text.split("\n")),
        speaker=speaker,
        speaker_known=known,
        start=turn.start,
        end=turn.end,
        age=turn.age or None,
        age_months=age_in_months(turn.age, place, reading),
        gender=gender_of(turn.gender),
        file=files.shown(path),
        line=turn.line,
        format=session.format,
        markup=session.markup,
        channel=turn.channel,
        words=turn.words,
    )


def speaker_of(turn: Turn, path: Path, audio: Path, files: Files) -> tuple[str, bool]:
    """Who speaks, named the same in every recording of theirs, and whether that is known.

    A proper name is taken as it is. CHI, spk1 or "utterances" mean somebody else in every recording: in a folder of its
    own (as CHILDES and most home-made corpora have one for each child) they are the folder's child, else unknown and
    called after the recording.
    """
    name = nfc(turn.name or turn.label).strip()
    if not NOBODY_IN_PARTICULAR.fullmatch(name):
        return name, True
    folder = "" if path.parent == files.folder else nfc(path.parent.relative_to(files.folder).as_posix())
    owner = folder.replace("/", "-") or files.named(audio)
    return (owner if MAIN_SPEAKER.fullmatch(name) else f"{owner}-{name}"), bool(folder)
