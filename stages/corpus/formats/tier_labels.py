"""What the labels of a tier look like, where its name does not tell: words, numbers, or phonetic letters."""

import re
from collections.abc import Iterable

# 001, 1.2, session_003
NUMBER = re.compile(r"(?:\w+[._-])?[0-9]+(?:[._:-][0-9]+)*[.:)]?")
# Letters and signs of the International Phonetic Alphabet that no usual spelling has: not those of Ewe or Azerbaijani.
IPA = re.compile("[\u0250-\u0252\u0255\u0258\u025a\u025c-\u0262\u0264-\u0268\u026a-\u0271\u0273-\u028a\u028c-\u02af"
                 "\u02c8\u02cc\u02d0\u02d1]")  # fmt: skip


def are_numbers(labels: Iterable[str]) -> bool:
    """Whether all labels that are not empty are numbers, at least one."""
    texts = [label.strip() for label in labels if label.strip()]
    return bool(texts) and all(map(NUMBER.fullmatch, texts))


def are_ipa(labels: Iterable[str]) -> bool:
    """Whether at least half of the labels that are not empty hold phonetic letters; some words, as "tu", have none."""
    texts = [label for label in labels if label.strip()]
    return bool(texts) and 2 * sum(IPA.search(text) is not None for text in texts) >= len(texts)


def have_words(labels: Iterable[str]) -> bool:
    """Whether some label holds letters and they are not phonetic or numbers."""
    texts = list(labels)
    return any(any(map(str.isalpha, text)) for text in texts) and not are_numbers(texts) and not are_ipa(texts)
