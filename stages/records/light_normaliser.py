"""The light text normaliser. Not in stages/wer, which imports Transformers: preprocess would wait seconds for it."""

import re
import unicodedata

from stages.records import letter_case

_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'"})


def light(text: str, language: str = "en") -> str:
    """Lower-case and remove punctuation only: fillers stay, numbers stay as spelled, "don't" stays one word.

    Whisper's own normaliser also deletes um and uh, expands contractions and joins "two three five" to "235", which
    changes how many words a child is counted to have read.

    Parameters
    ----------
    language : by whose rules the text is lower-cased; Whisper's code, such as en or tr
    """
    text = letter_case.lower(unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)), language)
    text = re.sub(r"(?<!\w)'|'(?!\w)", " ", text)
    characters = [c if c == "'" or unicodedata.category(c)[0] in "LMN" else " " for c in text]
    return " ".join("".join(characters).split())
