"""What the labels of a tier look like, where its name does not tell: words, numbers, or phonetic letters."""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from stages.corpus.rows.utterance import Word
from stages.records.units import Seconds

# 001, 1.2, session_003, trial12
NUMBER = re.compile(r"(?:\w+[._-]|[^\W\d_]+)?[0-9]+(?:[._:-][0-9]+)*[.:)]?")
ZERO = re.compile(r"0 ?\.?")  # of minCHAT: a sound that is no word
CODE = re.compile("[A-Za-z0-9]")  # C, N or 0, as coding tiers have them
MANY = 10  # labels, of which can be said whether they repeat
REPEATED = 4  # labels of a coding tier for each value that it has, at least
ADJACENT: Seconds = 0.02  # the words of a phrase follow each other with at most this gap, on the whole
# Letters and signs of the International Phonetic Alphabet that no usual spelling has: not those of Ewe or Azerbaijani.
IPA = re.compile("[\u0250-\u0252\u0255\u0258\u025a\u025c-\u0262\u0264-\u0268\u026a-\u0271\u0273-\u028a\u028c-\u02af"
                 "\u02c8\u02cc\u02d0\u02d1]")  # fmt: skip


def are_numbers(labels: Iterable[str]) -> bool:
    """Whether all labels that are not empty are numbers, at least one. Those of sounds without words, 0., are not."""
    texts = [label.strip() for label in labels if label.strip()]
    return bool(texts) and all(map(NUMBER.fullmatch, texts)) and not all(map(ZERO.fullmatch, texts))


def are_ipa(labels: Iterable[str]) -> bool:
    """Whether at least half of the labels that are not empty hold phonetic letters; some words, as "tu", have none."""
    texts = [label for label in labels if label.strip()]
    return bool(texts) and 2 * sum(IPA.search(text) is not None for text in texts) >= len(texts)


def are_codes(labels: Iterable[str]) -> bool:
    """Whether all labels that are not empty are single letters or digits, at least one."""
    texts = [label.strip() for label in labels if label.strip()]
    return bool(texts) and all(map(CODE.fullmatch, texts))


def are_names(labels: Iterable[str], names: Collection[str]) -> bool:
    """Whether all labels that are not empty are in `names`, those of the file's tiers and speakers, at least two."""
    texts = [label.strip() for label in labels if label.strip()]
    return len(texts) > 1 and all(text in names for text in texts)


def have_words(labels: Iterable[str]) -> bool:
    """Whether some label holds letters and they are not phonetic, numbers or codes."""
    texts = list(labels)
    if not any(any(map(str.isalpha, text)) for text in texts):
        return False
    return not are_numbers(texts) and not are_ipa(texts) and not are_codes(texts)


def doubt(labels: Sequence[str]) -> str:
    """A warning for a tier that is taken for a transcript and does not look like one; "" for others."""
    texts = [label.strip() for label in labels if label.strip()]
    if are_numbers(texts):
        return "a tier that holds only numbers; is another the transcript?"
    if are_ipa(texts):
        return "a tier in phonetic letters; is another the transcript?"
    if len(texts) > 1 and are_codes(texts):
        return "a tier of single letters; is another the transcript?"
    is_repeated = len(texts) >= MANY and len(texts) >= REPEATED * len(set(texts))
    if is_repeated and not any(" " in text or ZERO.fullmatch(text) for text in texts):
        return "a tier of few words that repeat; does it hold codes, and another the transcript?"
    return ""


def are_words_of_phrases(words: Sequence[Word]) -> bool:
    """Whether the intervals of a tier are single words, most of which begin where the one before ends."""
    if len(words) < MANY or any(" " in word.text.strip() for word in words):
        return False
    adjacent = sum(abs(after.start - before.end) <= ADJACENT for before, after in pairwise(words))
    return 2 * adjacent >= len(words)
