"""Cleaning of raw transcripts: how they are written, not what they say."""

import unicodedata
from collections.abc import Iterable

CAPITALS = 0.9  # share of capitals among the letters above which a split counts as transcribed IN CAPITALS

STRAIGHT = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201b": "'", "\u2032": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)


def clean(text: str) -> str:
    """One Unicode form (NFC), straight quotes, single spaces (of any kind of white space), none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).translate(STRAIGHT).split())


def in_capitals(texts: Iterable[str]) -> bool:
    """Whether more than 90 % of the letters that have a case are capitals. False without such letters."""
    upper = lower = 0
    for text in texts:
        upper += sum(map(str.isupper, text))
        lower += sum(map(str.islower, text))
    return upper > CAPITALS * (upper + lower)


def clean_all(texts: list[str], letter_case: str) -> list[str]:
    """Clean the transcripts of one split.

    `letter_case` is keep, lower, or auto: lower-case a split transcribed in capitals, which tell nothing about names
    and sentence starts, and which Whisper would spell letter by letter.
    """
    cleaned = [clean(text) for text in texts]
    if letter_case == "lower" or (letter_case == "auto" and in_capitals(cleaned)):
        return [text.lower() for text in cleaned]
    return cleaned
