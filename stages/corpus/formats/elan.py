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
from operator import attrgetter
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
UNTIMED: Span = (None, None)


@dataclass(frozen=True)
class Tier:
    """A tier, with its annotations in the order of the file."""

    name: str
    parent: str | None  # the name of the tier that it depends on
    participant: str  # "" where the tier has none
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
    transcripts, word_tiers = [], []
    left_out: Counter[str] = Counter()
    for tier in tiers.values():
        if _is_wanted(tier, reading.options.tiers):
            transcripts.append(tier)
        elif tier.parent and WORDS.fullmatch(tier.name):
            word_tiers.append(tier)
        else:
            left_out[f"tier {tier.name}"] += 1
    turns: list[Turn] = []
    for tier in transcripts:
        words = _words(tier, word_tiers, spans)
        turns += _turns(tier, _participant(tier, tiers), words, spans)
    return [Session(_media(root), turns, "elan", left_out=left_out)]


def _tiers(root: Element) -> Iterator[Tier]:
    for element in root.iter("TIER"):
        rows = []
        for annotation in element.iterfind("ANNOTATION/*"):
            rows.append((annotation.attrib["ANNOTATION_ID"], annotation.findtext("ANNOTATION_VALUE") or ""))
        yield Tier(element.attrib["TIER_ID"], element.get("PARENT_REF"), element.get("PARTICIPANT", ""), rows)


def _is_wanted(tier: Tier, pattern: str | None) -> bool:
    return tier.parent is None if pattern is None else bool(re.fullmatch(pattern, tier.name))


def _spans(root: Element) -> dict[str, Span]:
    """Start and end of each annotation in seconds, by its id; None where ELAN has none."""
    times: dict[str, Seconds | None] = {}
    for slot in root.iter("TIME_SLOT"):
        value = slot.get("TIME_VALUE")
        times[slot.attrib["TIME_SLOT_ID"]] = None if value is None else int(value) / MILLISECONDS
    spans: dict[str, Span] = {}
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        start, end = annotation.attrib["TIME_SLOT_REF1"], annotation.attrib["TIME_SLOT_REF2"]
        spans[annotation.attrib["ANNOTATION_ID"]] = times[start], times[end]
    refers = {}
    for annotation in root.iter("REF_ANNOTATION"):
        refers[annotation.attrib["ANNOTATION_ID"]] = annotation.attrib["ANNOTATION_REF"]
    for id in refers:
        chain = [id]
        # A chain longer than all references goes in a circle.
        while chain[-1] not in spans and chain[-1] in refers and len(chain) <= len(refers):
            chain.append(refers[chain[-1]])
        for step in chain:
            spans[step] = spans.get(chain[-1], UNTIMED)
    return spans


def _words(tier: Tier, word_tiers: list[Tier], spans: dict[str, Span]) -> list[Word]:
    """The words of the tiers that depend on `tier`, sorted by start."""
    words = []
    for word_tier in word_tiers:
        if word_tier.parent != tier.name:
            continue
        for id, text in word_tier.rows:
            start, end = spans.get(id, UNTIMED)
            if start is not None and end is not None:
                words.append(Word(start, end, text))
    return sorted(words, key=attrgetter("start"))


def _turns(tier: Tier, name: str, words: list[Word], spans: dict[str, Span]) -> Iterator[Turn]:
    """The turns of a tier in the order of their starts, each with the words that start inside of it.

    Parameters
    ----------
    name : who speaks
    words : sorted by start
    """
    place = 0  # of the first word that no turn has passed yet
    for id, text in sorted(tier.rows, key=lambda row: spans.get(row[0], UNTIMED)[0] or 0.0):
        start, end = spans.get(id, UNTIMED)
        if start is None or end is None:
            yield Turn(tier.name, text, None, None, name=name, refused=Refused("untimed", f"{id} has no times"))
            continue
        inside = []
        while place < len(words) and words[place].start < end:
            if words[place].start >= start:
                inside.append(words[place])
            place += 1
        yield Turn(tier.name, text, start, end, name=name, words=tuple(inside))


def _participant(tier: Tier, tiers: dict[str, Tier]) -> str:
    """Who speaks on a tier: its participant, else that of the tier it depends on."""
    seen = set()
    while not tier.participant and tier.parent in tiers and tier.name not in seen:
        seen.add(tier.name)
        tier = tiers[tier.parent]
    return tier.participant


def _media(root: Element) -> tuple[str, ...]:
    """The names of the recordings that the document names, sound before video.

    Raises
    ------
    Refused
        media-offset: the times of the annotation are not those of the first recording
    """
    media: list[tuple[str, str]] = []  # name, offset in milliseconds
    for descriptor in root.iter("MEDIA_DESCRIPTOR"):
        for url in (descriptor.get("RELATIVE_MEDIA_URL"), descriptor.get("MEDIA_URL")):
            if url:
                name = PurePosixPath(unquote(url).replace("\\", "/")).name
                media.append((name, descriptor.get("TIME_ORIGIN", "0")))
    media.sort(key=lambda row: PurePosixPath(row[0]).suffix.lower() in VIDEO_SUFFIXES)
    if media and media[0][1] != "0":
        name, offset = media[0]
        raise Refused("media-offset", f"{name} is shifted by {offset} ms against the annotation")
    return tuple(dict.fromkeys(name for name, _ in media))
