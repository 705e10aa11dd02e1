"""What is counted as an error in a language: words, or characters where words are written without spaces.

Whisper's authors do the same: they score Chinese, Japanese, Thai, Lao and Burmese by character error rate (Radford et
al. 2022, arXiv:2212.04356, appendix C; openai/whisper, `BasicTextNormalizer(split_letters=True)`).
"""

import unicodedata
from dataclasses import dataclass

from stages.records.light_normaliser import light

# Whisper's codes of Chinese, Cantonese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan. A tokenizer that finds words
# in them decides itself where a word ends, so a word error rate would depend on the tokenizer.
WITHOUT_SPACES = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my", "bo"})
# Blocks of Unicode (first and last code point) whose letters are counted one by one.
BLOCKS = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese, and its extensions:
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # Han radicals and marks, Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),  # extensions of Bopomofo and Katakana
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),  # rare Kana
    (0x20000, 0x3FFFF),  # rare Han
)
ZERO_WIDTH_SPACE = "\u200b"  # between words in Thai, Lao, Khmer and Burmese texts, so that lines can be broken there


@dataclass(frozen=True)
class ErrorUnit:
    """What is counted, and what its error rate is called."""

    singular: str
    plural: str  # also the count's key in scores.json and slices.json
    rate: str
    rate_in_full: str
    key: str  # of the rate in the trainer's log, and in metrics/


WORDS = ErrorUnit("word", "words", "WER", "word error rate", "wer")
CHARACTERS = ErrorUnit("character", "characters", "CER", "character error rate", "cer")


def of_language(language: str) -> ErrorUnit:
    """The unit of a language, given Whisper's code of it, such as en or zh."""
    return CHARACTERS if language in WITHOUT_SPACES else WORDS


def characters(text: str) -> list[str]:
    """The units of a text in a language without spaces; they are those of the mixed error rate.

    A letter of such a script is one unit together with the vowel signs and tone marks that are written on it. A word
    of another script (Latin, Hangul) is one unit, and so is a number. Spaces and punctuation are not counted.
    """
    units: list[str] = []
    is_open = False  # whether the last unit is a word or a number, which may go on
    for character in text:
        category = unicodedata.category(character)
        if category[0] == "M" and units:
            units[-1] += character
        elif category == "Cf" and character != ZERO_WIDTH_SPACE:
            continue  # invisible: joiners, direction marks
        elif category[0] not in "LMN" and character != "'":
            is_open = False
        elif _is_counted_alone(character, category):
            units.append(character)
            is_open = False
        elif is_open:
            units[-1] += character
        else:
            units.append(character)
            is_open = True
    return units


def is_counted_alone(character: str) -> bool:
    """Whether a character is a letter of a script without spaces. False for signs written on letters, and for ""."""
    category = unicodedata.category(character) if character else ""
    return category[:1] in ("L", "N") and _is_counted_alone(character, category)


def _is_counted_alone(character: str, category: str) -> bool:
    """Whether it is a letter of a script without spaces; their digits (category Nd) form numbers."""
    return category != "Nd" and any(first <= ord(character) <= last for first, last in BLOCKS)


def separated(text: str) -> str:
    """A text in a language without spaces with a space between its units, so that they are counted as words are."""
    return " ".join(characters(text))


def count(text: str, language: str) -> int:
    """How many words or characters a text has that is not normalised yet."""
    return len(characters(light(text, language))) if language in WITHOUT_SPACES else len(text.split())


def same_text(text: str, language: str) -> str:
    """What two texts have in common that differ only in letter case, punctuation and, if they mean nothing, spaces."""
    text = light(text, language)
    return separated(text) if language in WITHOUT_SPACES else text
