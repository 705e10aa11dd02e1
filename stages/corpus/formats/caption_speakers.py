"""Who speaks in the captions of SubRip and WebVTT files, and which part of a caption is whose.

<v Anna>one         WebVTT's voices
[SPEAKER_00]: one   as WhisperX writes them
ANNA: one           names and ids such as 0056, of which it is decided for a whole file whether they are any
>> one              another speaker, without a name
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from stages.corpus.rows import speaker_codes

VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]{1,100})>")
BRACKETED = re.compile(r"^\[([^\[\]]{1,31})\]:|^\[((?:speaker|spk)[ _-]?[0-9]{1,3})\]", re.IGNORECASE | re.MULTILINE)
NAME = re.compile(
    r"^(?P<arrows>(?:>|&gt;){2,}[ \t]*)?(?:[-\u2013\u2014] ?)?"
    r"(?P<name>[^\W\d_][\w .'-]{0,30}|\d[\w-]{0,30}):(?:[ \t]+|$)",
    re.MULTILINE,
)
ARROWS = re.compile(r"(?:^|(?<=\s))(?:>|&gt;){2,}(?=\s|\w|$)", re.MULTILINE)
INLINE_TIMES = re.compile(r"<[0-9:.,]+>")
NUMBER = re.compile(r"(?P<value>\d+)(?P<rest>(?:-\d+)*[a-z]{0,2})", re.IGNORECASE)  # 1, 1a, 2nd, 2024, 10am, 3-2


@dataclass(frozen=True)
class Part:
    """What one speaker says in a caption."""

    name: str  # "" where nobody is named
    text: str  # rows between newlines, with their inline times


@dataclass(frozen=True)
class Change:
    """A place in a caption where a speaker begins."""

    start: int
    end: int
    name: str | None  # None: another speaker than before, unnamed


def parts_of(texts: list[str]) -> Iterator[list[Part]]:
    """The parts of each caption, at least one; `texts` are the rows of each, between newlines.

    A name holds until the next one. A voice or a name in brackets ends with its caption: the file has one wherever it
    is known who speaks.
    """
    has_voices = any(map(VOICE.search, texts))
    has_brackets = not has_voices and any(map(BRACKETED.search, texts))
    names = set() if has_voices else _names(texts)
    speaker = ""
    for text in texts:
        if has_voices or has_brackets:
            speaker = ""
        parts: list[Part] = []
        begin = 0
        is_other = False  # than the speaker before, even if both have no name
        for change in _changes(text, has_voices, names):
            is_other = not _add(parts, speaker, text[begin : change.start], is_other) and is_other
            is_other = is_other or change.name is None
            speaker = change.name or ""
            begin = change.end
        _add(parts, speaker, text[begin:], is_other)
        yield parts or [Part(speaker, "")]


def _add(parts: list[Part], name: str, text: str, is_other: bool) -> bool:
    """Add a part to those of its caption, or to the last of them if that is the same speaker; False if it is empty."""
    text = text.strip()
    if not INLINE_TIMES.sub("", text).strip():
        return False
    if parts and parts[-1].name == name and not is_other:
        text = f"{parts.pop().text}\n{text}"
    parts.append(Part(name, text))
    return True


def _changes(text: str, has_voices: bool, names: set[str]) -> list[Change]:
    """Where a speaker begins in a caption, in order."""
    changes = []
    if has_voices:
        for voice in VOICE.finditer(text):
            changes.append(Change(voice.start(), voice.end(), voice[1]))
    else:
        for bracketed in BRACKETED.finditer(text):
            changes.append(Change(bracketed.start(), bracketed.end(), bracketed[1] or bracketed[2]))
        for name in NAME.finditer(text):
            if name["name"] in names:
                # A dash before the name belongs to it.
                start = name.end("arrows") if name["arrows"] else name.start()
                changes.append(Change(start, name.end(), name["name"]))
    for arrows in ARROWS.finditer(text):
        changes.append(Change(arrows.start(), arrows.end(), None))
    return sorted(changes, key=lambda change: change.start)


def _names(texts: list[str]) -> set[str]:
    """What stands before a colon at the start of rows and is a speaker's name.

    If at least half of the captions begin so, and not all with the same word, capitalised words are names, usual codes
    ("child"), and others that come back. In other files only codes, full names and capitals that come back are:
    "Look: a bird" is something said. Ids that begin with a digit are names, too, see `_ids`.
    """
    counts: Counter[str] = Counter()
    first_names = []
    for text in texts:
        for name in NAME.finditer(text):
            counts[name["name"]] += 1
        first = NAME.match(text)
        if first:
            first_names.append(first["name"])
    names, sure_names = _ids(texts)
    for name, count in counts.items():
        if name[0].isdecimal():
            continue
        is_code = speaker_codes.meaning_of(name) in (speaker_codes.CHILD, speaker_codes.ADULT)
        if is_code or not name[0].islower() or (count > 1 and len(name.split()) <= 2):
            names.add(name)
        if count > 1 and (is_code or _is_full_name(name)):
            sure_names.add(name)
    labelled = [name for name in first_names if name in names]
    is_one_word = len(set(labelled)) == 1 and len(labelled) < len(texts) and labelled[0] not in sure_names
    if is_one_word or 2 * len(labelled) < len(texts):
        return sure_names
    return names


def _ids(texts: list[str]) -> tuple[set[str], set[str]]:
    """Speakers' ids that begin with a digit, such as 0056 and 7-anna.

    Numbers that count the rows (1, 2, 3) or stand before another number (a score, 3: 2) are none; nor are plain numbers
    of which none comes back, since they may be years or times.

    Returns
    -------
    ids : names of speakers if at least half of the captions begin with a name
    sure ids : those that are speakers in other files, too
    """
    ids: list[str] = []
    captions = 0  # that begin with one
    for text in texts:
        for name in NAME.finditer(text):
            row = text[name.end() :].split("\n", 1)[0]
            if name["name"][0].isdecimal() and not re.fullmatch(r"[\d\W]+", row):
                ids.append(name["name"])
                captions += name.start() == 0
    if not ids or _count_rows(ids):
        return set(), set()
    certain = {name for name in ids if _is_certain(name)}
    repeated = {name for name, count in Counter(ids).items() if count > 1}
    if not repeated and not (certain and 2 * captions >= len(texts)):
        return set(), set()
    return set(ids), certain if certain & repeated else set()


def _is_certain(id: str) -> bool:
    """Whether an id that begins with a digit is hardly a number that is said or that counts the rows."""
    return not NUMBER.fullmatch(id) or (id[0] == "0" and len(id) > 1)


def _count_rows(ids: list[str]) -> bool:
    """Whether ids count the rows: 1, 2, 3 or 0, 1, 1a, 2, also with gaps, or several times from the start.

    1, 2, 1, 2 are two speakers, and 1, 2, 1, 3 are three.
    """
    numbers: list[tuple[int, str]] = []
    for name in ids:
        number = NUMBER.fullmatch(name)
        if not number:
            return False
        numbers.append((int(number["value"]), number["rest"].lower()))
    if numbers[0][0] > 1:
        return False
    if all(before < after for before, after in pairwise(numbers)):
        return True
    for before, after in pairwise(numbers):
        is_next = after[0] == before[0] + 1 or (after[0] == before[0] and after[1] > before[1])
        if not is_next and (after != numbers[0] or before == numbers[0]):
            return False
    return len(set(numbers)) > 2


def doubt_about(text: str, parts: list[Part]) -> str:
    """A warning if a caption begins with a number and a colon: it may be a speaker, or something said; else "".

    Parameters
    ----------
    text, parts : of the caption, see `parts_of`
    """
    name = NAME.match(text)
    if not name or not name["name"][0].isdecimal():
        return ""
    if parts[0].name != name["name"]:
        return "numbers before a colon, read as words; if they are speakers, write names, such as S1:"
    if _is_certain(name["name"]):
        return ""
    return "numbers before a colon, read as speakers; if they are none, delete them"


def _is_full_name(name: str) -> bool:
    """Whether it is in capitals, or of several words that each begin with one, as "Anna Smith" or "Speaker 1"."""
    words = name.split()
    return (len(name) > 1 and name.isupper()) or (len(words) > 1 and not any(word[0].islower() for word in words))
