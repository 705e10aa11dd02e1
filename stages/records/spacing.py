"""Join and cut texts of a language: with spaces between words, or, where none are written, without."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from stages.records.error_unit import WITHOUT_SPACES, is_counted_alone

TIBETAN = (0x0F00, 0x0FFF)  # block of Unicode
TSHEG = "\u0f0b"  # ends a syllable of Tibetan; without it, two syllables would read as one


def join(texts: Iterable[str], language: str) -> str:
    """One text from several, in order: pieces of an utterance, rows of a caption, words.

    There is a space between them, but none between letters of a script without spaces, or at its wide punctuation. A
    space stays beside a word in Latin letters and beside a number. Spaces within the texts are the transcriber's.

    Parameters
    ----------
    language : Whisper's code of it, such as en or zh
    """
    if language not in WITHOUT_SPACES:
        return " ".join(texts)
    texts = list(filter(None, texts))
    joined = texts[:1]
    for before, after in pairwise(texts):
        joined += [_separator(before, after), after]
    return "".join(joined)


def pieces(text: str, language: str) -> list[str]:
    """The smallest pieces that a text may be cut into, each with the spaces after it; together they are the text.

    They are words or, in a language without spaces, letters with their vowel signs and tone marks. Punctuation goes
    with the word or letter before it, an opening bracket or quote with the one after it.
    """
    words = re.findall(r"\S+\s*", text)
    if language not in WITHOUT_SPACES:
        return words
    letters: list[str] = []
    for word in words:
        letters += _letters(word)
    return letters


def _letters(word: str) -> list[str]:
    """A stretch without spaces, cut before letters that are counted alone, and before words that follow them."""
    parts = [""]
    is_open = True  # whether a letter may still go into the last part
    for character in word:
        is_alone = is_counted_alone(character)
        is_opening = unicodedata.category(character) in ("Ps", "Pi")
        starts_word = character.isalnum() and (is_alone or is_counted_alone(_first_letter(parts[-1])))
        if parts[-1] and (is_opening or (starts_word and not is_open)):
            parts.append("")
        is_open = is_opening
        parts[-1] += character
    return parts


def _first_letter(text: str) -> str:
    return next(filter(str.isalnum, text), "")


def _separator(before: str, after: str) -> str:
    """What is written between two texts of a language without spaces."""
    last, first = _edge(reversed(before)), _edge(after)
    if not (_is_without_spaces(last) and _is_without_spaces(first)):
        return " "
    is_syllable = unicodedata.category(before[-1])[0] in "LM" and TIBETAN[0] <= ord(before[-1]) <= TIBETAN[1]
    return TSHEG if is_syllable and TIBETAN[0] <= ord(first) <= TIBETAN[1] else ""


def _edge(characters: Iterable[str]) -> str:
    """The first of the characters that tells the script: a letter, a number, a symbol or wide punctuation; else ""."""
    for character in characters:
        letter = unicodedata.normalize("NFKC", character)[0]  # half-width Kana become Kana
        category = unicodedata.category(letter)[0]
        if category in "LNS":
            return letter
        if category == "P" and _is_wide(character):
            return character
    return ""


def _is_without_spaces(character: str) -> bool:
    """Whether it is a letter of a script without spaces, or wide punctuation, of the characters that `_edge` finds."""
    return is_counted_alone(character) or (character != "" and unicodedata.category(character)[0] == "P")


def _is_wide(character: str) -> bool:
    """Whether it takes the place of a Chinese character, with a space in it already where one is needed."""
    return unicodedata.east_asian_width(character) in ("W", "F", "H")
