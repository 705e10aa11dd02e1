"""Write and read metrics/wer.json, scores.json and slices.json with the names of what was counted.

In memory, a rate is called "wer" and its count "words" in every language. In the files, a rate of characters is "cer"
and its count "characters", so that neither `dvc metrics diff` nor a reader of the file takes it for one of words.
"""

from pathlib import Path

from stages.common import files
from stages.records.error_unit import CHARACTERS, WORDS, ErrorUnit

NAMES = {"wer": "cer", "wer_low": "cer_low", "wer_high": "cer_high", "age_macro_wer": "age_macro_cer"}
NAMES[WORDS.plural] = CHARACTERS.plural  # the count


def named(values: dict, unit: ErrorUnit) -> dict:
    """The contents of a file, from figures in memory."""
    return values if unit is WORDS else _renamed(values, NAMES)


def read(path: Path) -> tuple[dict, ErrorUnit]:
    """The figures of scores.json or slices.json as they are in memory, and what was counted.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    values = files.read_json(path)
    if not _counts_characters(values):
        return values, WORDS
    return _renamed(values, {in_file: name for name, in_file in NAMES.items()}), CHARACTERS


def _renamed(values: dict, names: dict[str, str]) -> dict:
    """Figures under other names; a speaker or a set may have any name, and keeps it."""
    content = {}
    for key, value in values.items():
        if isinstance(value, dict):
            content[key] = _renamed(value, names)
        else:
            content[names.get(key, key)] = value
    return content


def _counts_characters(values: dict) -> bool:
    for key, value in values.items():
        if isinstance(value, dict):
            if _counts_characters(value):
                return True
        elif key == CHARACTERS.plural:
            return True
    return False
