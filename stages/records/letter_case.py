"""Lower-casing by a language's own rules."""

import unicodedata

TURKIC = ("az", "tr")  # I without a dot is the capital of \u0131, \u0130 the capital of i
_TURKIC_CAPITALS = str.maketrans({"I": "\u0131", "\u0130": "i"})


def lower(text: str, language: str) -> str:
    """Lower-case a text.

    Python's str.lower() does not depend on the language: it turns the Turkish "ISIK" into "isik", and a dotted capital
    I into i and a combining dot, which is not equal to i.

    Parameters
    ----------
    language : Whisper's code of the spoken language, such as en or tr
    """
    if language not in TURKIC:
        return text.lower()
    return unicodedata.normalize("NFC", text).translate(_TURKIC_CAPITALS).lower()
