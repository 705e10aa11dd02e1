"""What a raw transcript is made of: words, and the marks between them."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a token is. Nothing else decides whether it stays; see stages/corpus/markup/cleaning.py."""

    WORD = "word"
    FILLER = "filler"  # um, uh: spoken, and no word of the sentence
    PARTIAL = "partial"  # a word broken off, as spelled: sto-
    NOISE = "noise"  # breath, laughter, a door, silence: no speech
    UNCLEAR = "unclear"  # speech that is heard and not transcribed: a transcript without it is wrong
    UNKNOWN = "unknown"  # markup that no table knows


@dataclass(frozen=True)
class Token:
    """A word or a mark of a transcript."""

    kind: Kind
    text: str  # what is spoken, as it is to be spelled; for NOISE, UNCLEAR and UNKNOWN the mark itself
    read_as: str = ""  # the name that a misspelled mark was read as
