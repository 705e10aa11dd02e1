"""Annotated sessions: recordings with timed turns of one or more speakers, in any format.

A format's module only parses: it turns an annotation file into `Session`s. The rest is the same for all of them and is
done here: finding the recording, leaving adults out, naming speakers and utterances.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stages.corpus.rows import media, speaker_codes
from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speaker_names import folders_of_speaker
from stages.corpus.rows.speakers import gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance, Word
from stages.records import spacing
from stages.records.units import Seconds

# Names of tiers and speakers that are no names of persons, beside the codes of speaker_codes.py: another recording's
# speaker 1 is another child.
GENERIC_NAME = re.compile(
    r"|target[ _-]?chi(ld)?\d*|interviewee"
    r"|(spk|speaker|participant|par|voice|channel)[ _-]?\d*|[a-d]|unknown"
    r"|tier[ _-]?\d*|tokens?|phrases?|utterances?|utts?|transcri(pt(ion)?s?|be[dr]?)|default|text|ort(hography)?"
    r"|speech|words?|labels?",
    re.IGNORECASE,
)
# Of these, the ones that mean the child that a recording is about, who is called like the folder.
MAIN_SPEAKER = re.compile(r"(?!(sib|sis|bro|mot|fat|inv|exp|adult|fc|mc|uc|cx|och|[b-d]$))[^0-9]*1?", re.IGNORECASE)

SECOND_TRANSCRIPT = "a second transcript of a recording, passed over"


@dataclass(frozen=True)
class Turn:
    """What one speaker says in one stretch of a recording."""

    label: str  # the tier, participant code or voice; "" where the format names none
    text: str  # as written, without the format's own syntax; "": speech that is not transcribed
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

    media: tuple[str, ...]  # what the annotation calls its recording: names or paths, the first that exists is taken
    turns: Iterable[Turn]
    format: str
    markup: str = "plain"  # see Utterance.markup
    left_out: Counter[str] = field(default_factory=Counter)  # tiers or lines that hold no turns, by what they are
    own_speakers: bool = False  # True: names are ids, and a label without one is another person in each recording
    own_stem: bool = True  # False: the recording is not called like the file, only `media` names it


def read_sessions(
    parse: Callable[[Path, str, SplitContents], list[Session]], paths: list[Path], files: Files, reading: SplitContents
) -> None:
    """Parse annotation files one by one, and add the children's turns of their sessions to `reading`.

    A file is passed over if the recording of the same name has been annotated by another file before; a session, if
    files of another format have annotated its recording, such as the tables that ChildProject has made of ELAN files.

    Parameters
    ----------
    parse : gets the file, its path as messages show it, and `reading`, for its options, warnings and refusals of single
        lines; returns a session for each recording, and raises Refused where the file is unusable
    """
    earlier = frozenset(reading.annotated)  # by other formats
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
                _take(session, path, earlier, files, reading)
            except Refused as refused:
                reading.refuse(files.named(path), place, None, refused.reason, refused.detail)


def is_first_annotation(path: Path, files: Files, reading: SplitContents) -> bool:
    """Whether the recording of the same name is still without annotation; if not, a warning names the file."""
    if reading.annotated.isdisjoint(files.recordings_beside(path)):
        return True
    reading.warn(SECOND_TRANSCRIPT, files.shown(path))
    return False


def _take(session: Session, path: Path, earlier: Collection[Path], files: Files, reading: SplitContents) -> None:
    """Add the children's turns of a session of the annotation file `path` to `reading`.

    Parameters
    ----------
    earlier : recordings that files of other formats have annotated: this session is a second transcript of them

    Raises
    ------
    Refused
        The recording is not there.
    """
    audio = media.recording_of(path, session.media, files, session.own_stem)
    if audio in earlier:
        reading.warn(SECOND_TRANSCRIPT, files.shown(path))
        return
    name = media.other_name(audio, session.media)
    if name:
        reading.warn(media.OTHER_NAME, f"{files.shown(path)}: {name}, read from {files.shown(audio)}")
    reading.annotated.add(audio)
    reading.left_out.update(session.left_out)
    numbers: Counter[str] = Counter()
    for turn in session.turns:
        label = nfc(turn.label).strip()
        if not turn.role and not reading.is_speech(label):
            reading.left_out[f"no speech: {label}"] += 1
            continue
        if not turn.text.strip() and not turn.refused:
            _mark_speech(turn, audio, reading)
            continue
        if not reading.is_child(label, nfc(turn.name).strip(), role=turn.role):
            reading.left_out[f"other speakers: {turn.role or label or 'unnamed'}"] += 1
            _mark_speech(turn, audio, reading)
            continue
        numbers[turn.label] += 1
        id = f"{numbers[turn.label]:04d}"
        if label:
            id = f"{label}-{id}"
        id = f"{files.named(path)}-{id}"
        try:
            reading.add(_utterance(id, turn, session, path, audio, files, reading))
            reading.taken[label or "unnamed"] += 1
        except Refused as refused:
            reading.refuse(id, files.shown(path), turn.line, refused.reason, refused.detail)
            if turn.refused:  # somebody speaks there all the same
                _mark_speech(turn, audio, reading)


def _mark_speech(turn: Turn, audio: Path, reading: SplitContents) -> None:
    if turn.start is not None:
        reading.mark_speech(audio, turn.start, turn.end)


def _utterance(
    id: str, turn: Turn, session: Session, path: Path, audio: Path, files: Files, reading: SplitContents
) -> Utterance:
    if turn.refused:
        raise turn.refused
    place = files.shown(path) + (f":{turn.line}" if turn.line else "")
    speaker, is_known = speaker_of(turn, path, audio, files)
    if session.own_speakers and (turn.name or turn.label):
        speaker, is_known = nfc(turn.name).strip(), bool(turn.name)
        speaker = speaker or f"{files.named(audio)}-{nfc(turn.label).strip()}"
    if not is_known:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=id,
        audio=audio,
        source=files.shown(audio),
        text_raw=spacing.join(turn.text.split("\n"), reading.language),
        speaker=speaker,
        speaker_known=is_known,
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


def is_proper_name(name: str) -> bool:
    """Whether a name may be one person's, and is no code or word for a role, a tier or any speaker."""
    return not GENERIC_NAME.fullmatch(name) and speaker_codes.meaning_of(name) is None


def speaker_of(turn: Turn, path: Path, audio: Path, files: Files) -> tuple[str, bool]:
    """The speaker's name, the same in all recordings of a person, and whether it is known.

    A proper name is taken as it is. CHI, spk1 or "utterances" are another person in every recording. If the file is in
    a folder (CHILDES and most home-made corpora have one for each child), they are the folder's child; else the speaker
    is unknown and called after the recording.
    """
    name = nfc(turn.name or turn.label).strip()
    if is_proper_name(name):
        return name, True
    folders = folders_of_speaker(path, files)
    owner = "-".join(folders) or files.named(audio)
    return (owner if MAIN_SPEAKER.fullmatch(name) else f"{owner}-{name}"), bool(folders)
