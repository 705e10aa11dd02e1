"""ELAN annotations (.eaf): time-aligned tiers, and tiers that refer to them.

Top-level tiers hold the transcript, a tier a speaker (PARTICIPANT, else the tier's name). Dependent tiers (glosses,
vcm@CHI) are left out, unless preprocess.tiers names them, and a dependent tier of words gives word times. Below a
top-level tier of reference numbers (001), the transcript is a dependent tier. MEDIA_URL is usually a path on another
machine: only its last part is believed.

Annotations that divide one of the tier above without times of their own (Symbolic Subdivision) are joined: there is one
utterance for each annotation that has times.

The document is read from the tree that defusedxml has checked. pympi-ling, the library of the field, opens the file a
second time with the plain parser, fails on files without a schema location and, with a KeyError, on nested dependent
tiers; the times of these are found here by following their references.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from stages.corpus.formats import tier_labels
from stages.corpus.formats.elan_references import References
from stages.corpus.rows import speaker_codes, xml
from stages.corpus.rows.files import VIDEO_SUFFIXES, Files
from stages.corpus.rows.media import names_of
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.utterance import Refused, SplitContents, Word
from stages.corpus.rows.whole_files import read_bytes
from stages.records.units import Seconds

WORDS = re.compile(r"(.*[-_@/ ])?words?([-_@/ ].*)?", re.IGNORECASE)
REFERENCE = re.compile(
    r"(.*[-_@/ ])?ref([-_@/ ].*)?", re.IGNORECASE
)  # ref@k1: names of utterances, such as Tale_01.003
# What people write for the participant where it is nobody in particular: the tier then says more.
NOBODY = re.compile(r"multi(ple)?|various|several|unknown|none|n/?a|\W*", re.IGNORECASE)
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
    symbolic: frozenset[str]  # the ids of annotations that have no times of their own

    @property
    def labels(self) -> list[str]:
        return [text for _, text in self.rows]


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
        references = References(root)
        spans = _spans(root, references)
    except (KeyError, ValueError) as error:
        raise Refused("broken-elan", f"an attribute is missing or no number: {error}") from None
    left_out: Counter[str] = Counter()
    transcripts = _transcripts(tiers, left_out, place, reading)
    names = {tier.name for tier in transcripts}
    word_tiers = []
    for tier in tiers.values():
        if tier.name in names or f"no speech: {tier.name}" in left_out:
            continue
        if tier.parent and WORDS.fullmatch(tier.name):
            word_tiers.append(tier)
        else:
            left_out[f"tier {tier.name}"] += 1
    turns: list[Turn] = []
    for tier in transcripts:
        words = _words(tier, word_tiers, spans)
        joined = replace(tier, rows=references.joined(tier.rows, reading.language))
        turns += _turns(joined, _participant(tier, tiers), words, spans)
    return [Session(_media(root), turns, "elan", left_out=left_out)]


def _tiers(root: Element) -> Iterator[Tier]:
    for element in root.iter("TIER"):
        rows, symbolic = [], []
        for annotation in element.iterfind("ANNOTATION/*"):
            id = annotation.attrib["ANNOTATION_ID"]
            rows.append((id, annotation.findtext("ANNOTATION_VALUE") or ""))
            if annotation.tag == "REF_ANNOTATION":
                symbolic.append(id)
        name, participant = element.attrib["TIER_ID"], element.get("PARTICIPANT", "")
        yield Tier(name, element.get("PARENT_REF"), participant, rows, frozenset(symbolic))


def _transcripts(tiers: dict[str, Tier], left_out: Counter[str], place: str, reading: SplitContents) -> list[Tier]:
    """The tiers that hold the transcript; tiers of references above them are counted in `left_out`."""
    pattern = reading.options.tiers
    if pattern is not None:
        return [tier for tier in tiers.values() if re.fullmatch(pattern, tier.name)]
    transcripts = []
    for tier in tiers.values():
        if tier.parent is not None:
            continue
        if tier_labels.are_names(tier.labels, tiers.keys() - {tier.name}):
            reading.warn("a tier that holds only names of other tiers, passed over", f"{place} {tier.name}")
            left_out[f"no speech: {tier.name}"] += len(tier.rows)
            continue
        is_blank = not any(map(str.strip, tier.labels))
        is_reference = tier_labels.are_numbers(tier.labels) or REFERENCE.fullmatch(tier.name) or is_blank
        below = _transcripts_below(tier, tiers) if is_reference else [tier]
        if len(below) == 1:
            transcripts += below
        else:  # such as a tier without text: somebody speaks there
            transcripts.append(tier)
        if tier not in transcripts:
            left_out[f"no speech: {tier.name}"] += len(tier.rows)
    for tier in transcripts:
        doubt = tier_labels.doubt(tier.labels)
        if doubt and (reading.is_speech(tier.name) or REFERENCE.fullmatch(tier.name)):
            reading.warn(doubt, f"{place} {tier.name}")
    return transcripts


def _transcripts_below(parent: Tier, tiers: dict[str, Tier]) -> list[Tier]:
    """The tiers that depend on `parent` and hold words, without those whose names say that they are no speech."""
    below = []
    for tier in tiers.values():
        if tier.parent != parent.name or not tier_labels.have_words(tier.labels):
            continue
        name = tier.name.split("@")[0]  # tx@k1: the text of k1
        has_word_times = WORDS.fullmatch(tier.name) and len(tier.symbolic) < len(tier.rows)
        if not has_word_times and speaker_codes.meaning_of(name) != speaker_codes.NO_SPEECH:
            below.append(tier)
    return below


def _spans(root: Element, references: References) -> dict[str, Span]:
    """Start and end of each annotation in seconds, by its id; None where ELAN has none."""
    times: dict[str, Seconds | None] = {}
    for slot in root.iter("TIME_SLOT"):
        value = slot.get("TIME_VALUE")
        times[slot.attrib["TIME_SLOT_ID"]] = None if value is None else int(value) / MILLISECONDS
    spans: dict[str, Span] = {}
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        start, end = annotation.attrib["TIME_SLOT_REF1"], annotation.attrib["TIME_SLOT_REF2"]
        spans[annotation.attrib["ANNOTATION_ID"]] = times[start], times[end]
    for id in references.parents:
        spans[id] = spans.get(references.timed(id), UNTIMED)
    return spans


def _words(tier: Tier, word_tiers: list[Tier], spans: dict[str, Span]) -> list[Word]:
    """The words of the tiers that depend on `tier`, sorted by start."""
    words = []
    for word_tier in word_tiers:
        if word_tier.parent != tier.name:
            continue
        for id, text in word_tier.rows:
            start, end = spans.get(id, UNTIMED)
            # A symbolic word has the times of the whole utterance.
            if id not in word_tier.symbolic and start is not None and end is not None:
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
    return "" if NOBODY.fullmatch(tier.participant.strip()) else tier.participant


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
                media.append((names_of(url)[-1], descriptor.get("TIME_ORIGIN", "0")))
    media.sort(key=lambda row: PurePosixPath(row[0]).suffix.lower() in VIDEO_SUFFIXES)
    if media and media[0][1] != "0":
        name, offset = media[0]
        raise Refused("media-offset", f"{name} is shifted by {offset} ms against the annotation")
    return tuple(dict.fromkeys(name for name, _ in media))
