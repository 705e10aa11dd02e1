"""The light text normaliser, apart from scoring.py because preprocess need not wait for Transformers to be imported."""

import re
import unicodedata

_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'"})


def light(text: str) -> str:
    """Lower-case and drop punctuation, nothing more: fillers stay, numbers stay as spelled, "don't" stays one word.

    Whisper's own normaliser also deletes um and uh, expands contractions and joins "two three five" to "235", which
    changes how many words a child is said to have read.
    """
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).lower()
    text = re.sub(r"(?<!\w)'|'(?!\w)", " ", text)
    kept = (c if c == "'" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return " ".join("".join(kept).split())
