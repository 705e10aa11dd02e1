"""Texts whose characters were lost or replaced before they came here, by a wrong conversion between encodings."""

import re

LOST = "\ufffd"  # what programs write in place of a character that they could not read
# Begins what becomes of a quote or of an accented letter where UTF-8 is read as Windows-1252. No word has these pairs.
DOUBLY_ENCODED = re.compile(
    "\u00e2\u20ac|\u00c3[\u0080-\u009f\u00a1-\u00a9\u00ac\u00ae-\u00b6\u00b8\u00b9\u00bc-\u00bf]"
)
SHOWN = 10  # characters before and after


def damage(text: str) -> str:
    """What is wrong with the characters of a transcript, as a sentence; "" where nothing is known to be."""
    place = text.find(LOST)
    if place >= 0:
        return f"a character was lost before {_around(text, place)!r} was saved; copy it from the original"
    pair = DOUBLY_ENCODED.search(text)
    if pair:
        return f"{_around(text, pair.start())!r} is UTF-8 that was read as Windows-1252; save the original as UTF-8"
    return ""


def _around(text: str, place: int) -> str:
    return text[max(0, place - SHOWN) : place + SHOWN + 1]
