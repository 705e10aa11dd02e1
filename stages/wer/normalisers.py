"""The normalisers under which transcripts are compared."""

from collections.abc import Callable
from pathlib import Path

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from stages.common import files
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
    spelling = files.read_json(
        checkpoint / SPELLING_FILE,
        if_missing="copy it from the original checkpoint on the hub",
        if_damaged="fetch or pull it again",
    )
    return {"whisper": EnglishTextNormalizer(spelling), "light": light}
