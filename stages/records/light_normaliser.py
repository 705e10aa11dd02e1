"""The light text normaliser, apart from stages/wer because preprocess need not wait for Transformers to be imported."""

import re
import unicodedata

from stages.records import letter_case

_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'"})


def light(text: str, language: str = "en") -> str:
    """Lower-case and drop punctuation, nothing more: fillers stay, numbers stay as spelled, "don't" stays one word.

    Whisper's own normaliser also deletes um and uh, expands contractions and joins "two three five" to "235", which
    changes how many words a child is said to have read.

    Parameters
    ----------
    language : whose rules of lower-casing hold
    """
    text = letter_case.lower(unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)), language)
    text = re.sub(r"(?<!\w)'|'(?!\w)", " ", text)
    kept = (c if c == "'" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return " ".join("".join(kept).split())
