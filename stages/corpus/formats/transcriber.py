"""Transcriber files (.trs): turns of one or two speakers, cut into stretches by <Sync>.

    <Turn speaker="spk2" startTime="15.665" endTime="34.685">
    <Sync time="15.665"/>
    he was almost the head man from the <Event desc="EE-HESITATION" type="noise" extent="instantaneous"/> army

A turn of several speakers says with <Who nb="1"/> whose words follow. Events stay in the text as marks.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from stages.corpus.rows import xml
from stages.corpus.rows.files import Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.whole_files import read_bytes

INSTANTANEOUS = ("", "instantaneous")  # an event's other extents only enclose words: [begin] ... [end]


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".trs")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of a Transcriber file.

    Raises
    ------
    Refused
        unsafe-xml or broken-trs
    """
    root = xml.parse(read_bytes(path, place), "trs", doctype=True)
    if root.tag != "Trans":
        raise Refused("broken-trs", f"its root is {root.tag}, expected Trans")
    speakers = {speaker.get("id", ""): speaker for speaker in root.iter("Speaker")}
    media = root.get("audio_filename", "")
    return [Session((media,) if media else (), list(_turns(root, speakers)), "trs")]


def _turns(root: Element, speakers: dict[str, Element]) -> Iterator[Turn]:
    """What each speaker says in each stretch; `speakers` are the <Speaker> elements by id."""
    for turn in root.iter("Turn"):
        ids = turn.get("speaker", "").split() or [""]
        stretches = list(_stretches(turn))
        ends = [start for start, _ in stretches[1:]]
        ends.append(turn.get("endTime", ""))
        for (start, texts), end in zip(stretches, ends, strict=True):
            for number, text in sorted(texts.items()):
                id = ids[number - 1] if number <= len(ids) else ids[0]
                if text.strip():  # else it is a silence
                    yield _turn(speakers.get(id), id, " ".join(text.split()), start, end)


def _stretches(turn: Element) -> Iterator[tuple[str, dict[int, str]]]:
    """From each <Sync> to the next: its time, and the text of each of the turn's speakers by number, from 1."""
    start, speaker, texts = turn.get("startTime", ""), 1, {1: turn.text or ""}
    for child in turn:
        if child.tag == "Sync":
            yield start, texts
            start, speaker, texts = child.get("time", ""), 1, {}
        elif child.tag == "Who":
            number = child.get("nb", "")
            speaker = int(number) if number.isdecimal() else 1
        elif child.tag == "Event" and child.get("extent", "") in INSTANTANEOUS:
            texts[speaker] = f"{texts.get(speaker, '')} <{_mark(child)}> "
        texts[speaker] = texts.get(speaker, "") + (child.tail or "")
    yield start, texts


def _mark(event: Element) -> str:
    """An event's name as a mark; the many codes of noises become one."""
    name = re.sub(r"[^\w -]", "", event.get("desc", "").lower())
    return name if len(name) > 2 and name != "noise" else "noise"


def _turn(speaker: Element | None, id: str, text: str, start: str, end: str) -> Turn:
    name = type = ""
    if speaker is not None:
        name, type = speaker.get("name", ""), speaker.get("type", "")
    # The type is child, male or female.
    role = "Child" if type == "child" else ""
    gender = "" if role else type
    label = name or id
    try:
        return Turn(label, text, float(start), float(end), role=role, gender=gender)
    except ValueError:
        return Turn(label, text, None, None, role=role, refused=Refused("bad-time", f"from {start!r} to {end!r}"))
