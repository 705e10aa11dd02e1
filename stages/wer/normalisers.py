"""The text normalisers that are applied before references and hypotheses are compared."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from stages.common import files
from stages.records import error_unit, letter_case
from stages.records.light_normaliser import light

Normaliser = Callable[[str], str]
# Whisper's English one takes 0.3 ms a text, and texts are normalised for every model, for words and for characters.
REMEMBERED_TEXTS = 500_000  # each takes about 0.4 kB
SPELLING_FILE = "normalizer.json"  # of a checkpoint: variants of English spelling
# As in openai/whisper (MIT), whisper/normalizers/english.json, and in every model that OpenAI published.
OPENAI_SPELLING = Path(__file__).with_name("english_spelling.json")


def load(checkpoint: Path, language: str) -> dict[str, Normaliser]:
    """Whisper's normaliser (the English one for English, else `basic`) and the light one, by name.

    In a language without spaces, both put a space between the characters: what is counted as words is then characters.

    Parameters
    ----------
    checkpoint : a folder; its normalizer.json is read for English, else OpenAI's, which is here

    Raises
    ------
    UserError
        The checkpoint's normalizer.json is damaged.
    """
    if language != "en":
        rules: dict[str, Normaliser] = {
            "whisper": partial(basic, language=language),
            "light": partial(light, language=language),
        }
        if language in error_unit.WITHOUT_SPACES:
            return {name: partial(_of_characters, rule=rule) for name, rule in rules.items()}
        return rules
    # Not at the top: this takes a second, and only English needs it.
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    path = checkpoint / SPELLING_FILE
    if not path.is_file():  # fine-tuned models on the hub often lack it
        path = OPENAI_SPELLING
    spelling = files.read_json(path, if_damaged="fetch or pull it again")
    return {"whisper": lru_cache(REMEMBERED_TEXTS)(EnglishTextNormalizer(spelling)), "light": light}


def basic(text: str, language: str) -> str:
    """Whisper's basic normaliser, but that it keeps combining marks and lower-cases by the language's rules.

    Whisper's own (openai/whisper, normalizers/basic.py) replaces every mark by a space. Vowel signs are marks: a word
    of Hindi, Tamil, Thai or pointed Hebrew becomes several, and the rate is then one of fragments of words.
    """
    text = letter_case.lower(text, language)
    text = re.sub(r"[<\[][^>\]]*[>\]]", "", text)
    text = re.sub(r"\(([^)]+?)\)", "", text)
    text = "".join(_space_for_symbol(character) for character in unicodedata.normalize("NFKC", text))
    return re.sub(r"\s+", " ", letter_case.lower(text, language))


def _of_characters(text: str, rule: Normaliser) -> str:
    return error_unit.separated(rule(text))


def _space_for_symbol(character: str) -> str:
    """A space in place of a symbol or punctuation."""
    return " " if unicodedata.category(character)[0] in "SP" else character
