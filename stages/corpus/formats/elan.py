"""ELAN annotations (.eaf): time-aligned tiers, and tiers that refer to them.

Top-level tiers hold the transcript, a tier a speaker (PARTICIPANT, else the tier's name). Dependent tiers (glosses,
vcm@CHI) are left out, unless preprocess.tiers names them, and a dependent tier of words gives word times. MEDIA_URL is
usually a path on another machine: only its last part is believed.

The document is read from the tree that defusedxml has checked. pympi-ling, the library of the field, opens the file a
second time with the plain parser, fails on files without a schema location and, with a KeyError, on nested dependent
tiers; the times of these are found here by following their references.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from stages.corpus.rows import xml
from stages.corpus.rows.encodings import read_bytes
from stages.corpus.rows.files import VIDEO_SUFFIXES, Files
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.records.units import Seconds

WORDS = re.compile(r"(.*[-_@/ ])?words?([-_@/ ].*)?", re.IGNORECASE)
MILLISECONDS = 1000  # in a second

Span = tuple[Seconds | None, Seconds | None]


@dataclass(frozen=True)
class Tier:
    name: str
    parent: str | None
    participant: str
    rows: list[tuple[str, str]]  # annotation id, text


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".eaf")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    read_sessions(sessions, paths, files, reading)


def sessions(path: Path, place: str, reading: SplitContents) -> list[Session]:
    """The one session of an ELAN document.

    Raises
    ------
    Refused
        unsafe-xml, broken-elan, or media-offset
    """
    root = xml.parse(read_bytes(path, place), "elan")
    if root.tag != "ANNOTATION_DOCUMENT":
        raise Refused("broken-elan", f"its root is {root.tag}, expected ANNOTATION_DOCUMENT")
    try:
        tiers = {tier.name: tier for tier in _tiers(root)}
        spans = _spans(root)
    except (KeyError, ValueError) as error:
        raise Refused("broken-elan", f"an attribute is missing or no number: {error}") from None
    wanted = [tier for tier in tiers.values() if _is_wanted(tier, reading.options.tiers)]
    words = [tier for tier in tiers.values() if tier not in wanted and tier.parent and WORDS.fullmatch(tier.name)]
    left_out = Counter(f"tier {name}" for name, tier in tiers.items() if tier not in wanted and tier not in words)
    turns = [turn for tier in wanted for turn in _turns(tier, tiers, words, spans)]
    return [Session(tuple(_media(root)), turns, "elan", left_out=left_out)]


def _tiers(root: Element) -> Iterator[Tier]:
    for tier in root.iter("TIER"):
        rows = [
            (annotation.attrib["ANNOTATION_ID"], annotation.findtext("ANNOTATION_VALUE") or "")
            for annotation in tier.iterfind("ANNOTATION/*")
        ]
        yield Tier(tier.attrib["TIER_ID"], tier.get("PARENT_REF"), tier.get("PARTICIPANT", ""), rows)


def _is_wanted(tier: Tier, pattern: str | None) -> bool:
    return tier.parent is None if pattern is None else bool(re.fullmatch(pattern, tier.name))


def _spans(root: Element) -> dict[str, Span]:
    """Start and end of each annotation in seconds; None where ELAN has none."""
    slots = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    times = {name: None if value is None else int(value) / MILLISECONDS for name, value in slots.items()}
    spans: dict[str, Span] = {}
    for one in root.iter("ALIGNABLE_ANNOTATION"):
        spans[one.attrib["ANNOTATION_ID"]] = times[one.attrib["TIME_SLOT_REF1"]], times[one.attrib["TIME_SLOT_REF2"]]
    refers = {one.attrib["ANNOTATION_ID"]: one.attrib["ANNOTATION_REF"] for one in root.iter("REF_ANNOTATION")}
    for id in refers:
        way = [id]
        while way[-1] not in spans and way[-1] in refers and len(way) <= len(refers):  # no longer: it goes in a circle
            way.append(refers[way[-1]])
        for step in way:
            spans[step] = spans.get(way[-1], (None, None))
    return spans


def _turns(tier: Tier, tiers: dict[str, Tier], words: list[Tier], spans: dict[str, Span]) -> Iterator[Turn]:
    known = [
        Word(*spans[id], text)
        for words_of in words
        if words_of.parent == tier.name
        for id, text in words_of.rows
        if None not in spans.get(id, (None, None))
    ]
    by_start = sorted(known, key=lambda word: word.start)
    name = _participant(tier, tiers)
    place = 0
    for id, text in sorted(tier.rows, key=lambda row: spans.get(row[0], (None,))[0] or 0.0):
        start, end = spans.get(id, (None, None))
        if start is None or end is None:
            yield Turn(tier.name, text, None, None, name=name, refused=Refused("untimed", f"{id} has no times"))
            continue
        inside = []
        while place < len(by_start) and by_start[place].start < end:
            if by_start[place].start >= start:
                inside.append(by_start[place])
            place += 1
        yield Turn(tier.name, text, start, end, name=name, words=tuple(inside))


def _participant(tier: Tier, tiers: dict[str, Tier]) -> str:
    """Who speaks on a tier: its participant, else that of the tier it depends on."""
    seen = set()
    while not tier.participant and tier.parent in tiers and tier.name not in seen:
        seen.add(tier.name)
        tier = tiers[tier.parent]
    return tier.participant


def _media(root: Element) -> list[str]:
    """The recordings that the document names, sound before video."""
    found = []
    for media in root.iter("MEDIA_DESCRIPTOR"):
        for url in (media.get("RELATIVE_MEDIA_URL"), media.get("MEDIA_URL")):
            if url:
                found.append((PurePosixPath(unquote(url).replace("\\", "/")).name, media.get("TIME_ORIGIN", "0")))
    found.sort(key=lambda row: PurePosixPath(row[0]).suffix.lower() in VIDEO_SUFFIXES)
    if found and found[0][1] != "0":
        raise Refused("media-offset", f"{found[0][0]} is shifted by {found[0][1]} ms against the annotation")
    return list(dict.fromkeys(name for name, _ in found))
