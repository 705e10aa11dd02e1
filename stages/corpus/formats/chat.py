"""CHAT transcripts (.cha) of CHILDES and the other TalkBanks: one file a session, several speakers.

    @Participants:  CHI Natasha Target_Child, MOT Mother
    @ID:            eng|VanDam|CHI|4;07.07|female|||Target_Child|||
    @Media:         BN32_010007, audio
    *CHI:           want (t)a play . 12414_17804       (a time is enclosed in the control character 0x15)
    %wor:           want 12414_12900 ta ...

Many lines have no time; they are refused one by one, and their share is reported. pylangacq is used with strict=False,
since it otherwise refuses most real files; the text of a line is taken as it stands, as its tokens are without fillers
and retracings. stages/corpus/markup/chat_codes.py reads the codes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import pylangacq

from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, is_proper_name, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.records import spacing

CONTINUED = re.compile(r"\n[ \t]+")
ID = re.compile(r"^@ID:[ \t]*(.*)$", re.MULTILINE)  # language|corpus|code|age|sex|group|status|role|...
ID_FIELDS = 8  # of an @ID, up to the role
MEDIA = re.compile(r"^@Media:[ \t]*(.*)$", re.MULTILINE)
QUOTED_MEDIA = re.compile('["\u201c]([^"\u201d]*)["\u201d]')
# With a minus: to be skipped in playback. Older files have the recording's name in it: \x15%snd:"tape"_1200_3400\x15
TIME = re.compile(r'\x15(?:%(?:snd|mov):"[^"\x15]*"_)?([0-9]{1,12})_([0-9]{1,12})-?\x15')
TIME_OF_TIER = re.compile(r'"[^"]*"[_ ]+([0-9]{1,12})[_ ]+([0-9]{1,12})')  # of the oldest: %snd: "tape.aiff"_1200_3400
TIMED_MEDIA = re.compile(r'%(?:snd|mov):\s*(?:\x15%(?:snd|mov):)?"([^"\x15\n]*)"')
TIMED_WORD = re.compile(r"(?<![^\s\x15])([^\s\x15]+)\s*" + TIME.pattern)
MILLISECONDS = 1000  # in a second

PANIC = "PanicException"  # of Rust, which pylangacq is written in: no Exception, and in no module to import it from


@dataclass(frozen=True)
class Person:
    """A participant, as far as the headers say."""

    name: str = ""
    corpus: str = ""
    role: str = ""
    age: str = ""
    sex: str = ""


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".cha")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a CHAT file.

    Raises
    ------
    Refused
        broken-chat or several-recordings
    """
    text = read_text(path, place, reading)
    # pylangacq loses a continuation that begins with * or %.
    joined = spacing.join(CONTINUED.split(text), reading.language)
    chat, utterances = _parsed(joined)
    people = _people(chat, joined)
    # The same lines before and after joining: the first have the line numbers, the second the whole text.
    numbers = [number for number, line in enumerate(text.split("\n"), start=1) if line.startswith("*")]
    lines = [line for line in joined.split("\n") if line.startswith("*")]
    turns = list(_turns(numbers, lines, utterances, people))
    untimed = sum(turn.start is None for turn in turns)
    if untimed:
        reading.warn("utterances without times", f"{place} ({untimed} of {len(turns)})")
    return [Session(_media(joined), turns, "chat", markup="chat")]


def _media(text: str) -> tuple[str, ...]:
    """What @Media calls the recording: a name, or in quotes a URL or a name with a comma; else what the times call it.

    Raises
    ------
    Refused
        several-recordings
    """
    # Read here, as pylangacq cuts it at the first comma and keeps a quotation mark.
    names = []
    for value in MEDIA.findall(text):
        quoted = QUOTED_MEDIA.match(value)
        parts = value.split(",")
        while len(parts) > 1 and (not parts[-1].strip() or parts[-1].strip().isalpha()):  # video, unlinked
            del parts[-1]
        names.append(quoted[1] if quoted else ",".join(parts))
    timed = sorted({PurePath(name).stem.lower(): name for name in TIMED_MEDIA.findall(text)}.values())
    if len(timed) > 1:
        detail = f"its times are of {len(timed)} recordings, such as {timed[0]} and {timed[1]}; make a file for each"
        raise Refused("several-recordings", detail)
    return tuple(name.strip() for name in names or timed if name.strip())


def _parsed(text: str) -> tuple[pylangacq.CHAT, list[pylangacq.Utterance]]:
    """The document and its utterances. Raises Refused (broken-chat) where these are not its speakers' lines."""
    try:
        # Without its tiers of grammar, which are not used here: it prints a warning for each that does not fit.
        chat = pylangacq.CHAT.from_strs([text], parallel=False, strict=False, mor_tier=None, gra_tier=None)
    except (ValueError, OSError) as error:
        raise Refused("broken-chat", f"pylangacq cannot read it: {error}") from None
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise Refused("broken-chat", f"pylangacq breaks off in it: {error}") from None
    # Those without a participant are headers between lines.
    utterances = [utterance for utterance in chat.utterances() if utterance.participant is not None]
    lines = sum(line.startswith("*") and ":" in line for line in text.split("\n"))
    if not utterances or len(utterances) != lines:
        raise Refused("broken-chat", f"{len(utterances)} utterances in {lines} lines of speakers")
    return chat, utterances


def _people(chat: pylangacq.CHAT, text: str) -> dict[str, Person]:
    """Participants by code. @ID is read here: pylangacq leaves out an age like 4;07.00-4;08.00, and all @ID of a file
    without @Participants."""
    people: dict[str, Person] = {}
    for participant in chat.participants():
        # Of "CHI Mary Ann Target_Child", it takes "Ann Target_Child" for the role.
        role = (participant.role or "").split()
        name = " ".join([participant.name or "", *role[:-1]]).strip()
        people[participant.code] = Person(name, role=role[-1] if role else "")
    for row in ID.findall(text):
        fields = [field.strip() for field in row.split("|")]
        fields += [""] * (ID_FIELDS - len(fields))
        _, corpus, code, age, sex, _, _, role = fields[:ID_FIELDS]
        person = people.get(code, Person())
        people[code] = Person(person.name, corpus, role or person.role, age, sex)
    return people


def _turns(
    numbers: list[int], lines: list[str], utterances: list[pylangacq.Utterance], people: dict[str, Person]
) -> Iterator[Turn]:
    """A turn for each speaker's line; `utterances` are those of the lines with a colon, in the same order."""
    following = iter(utterances)
    for number, line in zip(numbers, lines, strict=True):
        if ":" in line:
            yield _turn(next(following), people, number)
            continue
        code = "".join(line[1:].split()[:1])
        refused = Refused("broken-chat", "there is no colon after the speaker's code")
        yield Turn(code, line, None, None, number, people.get(code, Person()).role, refused=refused)


def _turn(utterance: pylangacq.Utterance, people: dict[str, Person], line: int) -> Turn:
    code = utterance.participant.strip()
    person = people.get(code, Person())
    name = person.name
    if person.corpus and is_proper_name(name):  # all children of a corpus may be called Child
        name = f"{person.corpus}-{name}"
    spoken = utterance.tiers[utterance.participant]
    times = TIME.findall(spoken)  # pairs of start and end; a line may be timed in several pieces
    for tier in ("%snd", "%mov"):
        times = times or TIME_OF_TIER.findall(utterance.tiers.get(tier, ""))
    return Turn(
        label=code,
        text=TIME.sub("", spoken).strip(),
        start=int(times[0][0]) / MILLISECONDS if times else None,
        end=int(times[-1][1]) / MILLISECONDS if times else None,
        line=line,
        role=person.role,
        name=name,
        age=person.age,
        gender=person.sex,
        words=tuple(_words(utterance.tiers.get("%wor", ""))),
        refused=None if times else Refused("untimed", "it has no time in the recording"),
    )


def _words(tier: str) -> Iterator[Word]:
    for word, start, end in TIMED_WORD.findall(tier):
        yield Word(int(start) / MILLISECONDS, int(end) / MILLISECONDS, word)
