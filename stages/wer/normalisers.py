"""The normalisers under which transcripts are compared."""

import json
from collections.abc import Callable
from pathlib import Path

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from stages.common.errors import UserError
from stages.records.light_normaliser import light

Normaliser = Callable[[str], str]
SPELLING_FILE = "normalizer.json"  # of a checkpoint: variants of English spelling


def load(checkpoint: Path, language: str) -> dict[str, Normaliser]:
    """Whisper's normaliser (the English one for English, else the basic one) and the light one, by name.

    Parameters
    ----------
    checkpoint : a folder; its normalizer.json is read for English

    Raises
    ------
    UserError
        The checkpoint has no normalizer.json, without which English spelling variants cannot be mapped.
    """
    if language != "en":
        return {"whisper": BasicTextNormalizer(), "light": light}
    path = checkpoint / SPELLING_FILE
    try:
        spelling = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; copy it from the original checkpoint on the hub") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); fetch or pull it again") from None
    return {"whisper": EnglishTextNormalizer(spelling), "light": light}
