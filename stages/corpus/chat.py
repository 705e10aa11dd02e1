"""CHAT transcripts (.cha) of CHILDES and the other TalkBanks: one file a session, several speakers.

    @Participants:  CHI Natasha Target_Child, MOT Mother
    @ID:            eng|VanDam|CHI|4;07.07|female|||Target_Child|||
    @Media:         BN32_010007, audio
    *CHI:           want (t)a play . 12414_17804       (a time is enclosed in the control character 0x15)
    %wor:           want 12414_12900 ta ...

Many lines have no time; they are refused one by one, and the share is told. pylangacq is used with strict=False, since
it otherwise refuses most real files; the text of a line is taken as it stands, as its tokens are without fillers and
retracings. stages/transcript/chat.py reads the codes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pylangacq

from stages.corpus.session import Session, Turn
from stages.corpus.text import read_text
from stages.corpus.utterance import Reading, Refused, Word

SUFFIXES = (".cha",)
TIME = re.compile(r"\x15([0-9]{1,12})_([0-9]{1,12})\x15")
TIMED_WORD = re.compile(r"(\S+)\s+\x15([0-9]{1,12})_([0-9]{1,12})\x15")
MILLISECONDS = 1000  # in a second


def sessions(path: Path, place: str, reading: Reading) -> list[Session]:
    """The one session of a CHAT file.

    Raises
    ------
    Refused
        broken-chat
    """
    text = read_text(path, place, reading)
    try:
        chat = pylangacq.CHAT.from_strs([text], parallel=False, strict=False)
        utterances = [one for one in chat.utterances() if one.participant]  # others are headers between the lines
        people = {person.code: person for person in chat.participants()}
        media = [header.media["filename"] for header in chat.headers() if header.media and header.media["filename"]]
    except (ValueError, OSError) as error:
        raise Refused("broken-chat", f"pylangacq cannot read it: {error}") from None
    lines = [number for number, line in enumerate(text.split("\n"), start=1) if line.startswith("*")]
    if not utterances or len(lines) != len(utterances):
        raise Refused("broken-chat", f"{len(utterances)} utterances in {len(lines)} lines of speakers")
    turns = [_turn(one, people, line) for one, line in zip(utterances, lines, strict=True)]
    untimed = sum(turn.start is None for turn in turns)
    if untimed:
        reading.warn("utterances without times", f"{place} ({untimed} of {len(turns)})")
    return [Session(tuple(media), turns, "chat", markup="chat")]


def _turn(utterance: pylangacq.Utterance, people: dict[str, pylangacq.Participant], line: int) -> Turn:
    code = utterance.participant
    person = people.get(code)
    spoken = utterance.tiers[code]
    times = [int(time) / MILLISECONDS for pair in TIME.findall(spoken) for time in pair]
    text = TIME.sub("", spoken).strip()
    name = f"{person.corpus or ''}-{person.name}".strip("-") if person and person.name else ""
    return Turn(
        label=code,
        text=text,
        start=times[0] if times else None,
        end=times[-1] if times else None,
        line=line,
        role=(person.role if person else None) or "",
        name=name,
        age=str(person.age) if person and person.age else "",
        gender=(person.sex if person else None) or "",
        words=tuple(_words(utterance.tiers.get("%wor", ""))),
        refused=None if times else Refused("untimed", "it has no time in the recording"),
    )


def _words(tier: str) -> Iterator[Word]:
    for word, start, end in TIMED_WORD.findall(tier):
        yield Word(int(start) / MILLISECONDS, int(end) / MILLISECONDS, word)
