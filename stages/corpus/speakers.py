"""Who speaks: ages, genders, and keeping every speaker in one split."""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from stages.corpus.files import Files, nfc, read_rows
from stages.corpus.utterance import Reading, Utterance
from stages.errors import UserError

UNKNOWN = frozenset(("", "na", "n/a", "nan", "none", "null", "unknown", "-", "?"))
GENDERS = {"female": "f", "woman": "f", "girl": "f", "male": "m", "man": "m", "boy": "m"}
OLDEST = 120  # years; above it, a number is no age

SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "child_id")


def cell(row: dict, columns: Iterable[str]) -> str:
    """The first of the columns that holds something, as stripped text; "" where none does."""
    for column in columns:
        value = row.get(column)
        if isinstance(value, str | int | float) and str(value).strip():
            return nfc(str(value)).strip()
    return ""


def age_in_months(years: str, months: str, place: str, reading: Reading) -> int | None:
    """Whole months from an age in years, or in months where given. None if unknown or, with a warning, unreadable."""
    text, scale = (months, 1) if months.lower() not in UNKNOWN else (years, 12)
    if text.lower() in UNKNOWN:
        return None
    if re.fullmatch(r"\d{1,4}(\.\d*)?", text) and float(text) * scale <= OLDEST * 12:
        return round(float(text) * scale)
    reading.warn("an age that is not a number of years (or months, in age_months), left unknown", place)
    return None


def gender_of(text: str) -> str | None:
    """f, m, or what else the corpus writes, in lower case; None where unknown."""
    text = text.lower()
    return None if text in UNKNOWN else GENDERS.get(text, text)


def complete(reading: Reading, files: Files) -> None:
    """Fill in ages and genders from speakers.csv or speakers.tsv in the split's folder, where the rest is silent."""
    ages, genders = {}, {}
    for path in files.paths:
        if path.parent != files.folder or path.name.lower() not in ("speakers.csv", "speakers.tsv"):
            continue
        place = files.shown(path)
        for line, row in read_rows(path, place, reading):
            speaker = cell(row, SPEAKER_COLUMNS)
            if not speaker:
                raise UserError(
                    f"data/{place}, line {line}: no speaker; the columns are speaker, age (or age_months), gender"
                )
            where = f"{place}:{line}"
            ages[speaker] = age_in_months(cell(row, ["age"]), cell(row, ["age_months"]), where, reading)
            genders[speaker] = gender_of(cell(row, ["gender", "sex"]))
    reading.utterances = [_completed(utterance, ages, genders) for utterance in reading.utterances]


def _completed(utterance: Utterance, ages: dict, genders: dict) -> Utterance:
    age, gender = utterance.age_months, utterance.gender
    return replace(
        utterance,
        age_months=ages.get(utterance.speaker) if age is None else age,
        gender=genders.get(utterance.speaker) if gender is None else gender,
    )


def drawn_for_dev(speakers: Iterable[str], fraction: float, seed: int) -> set[str]:
    """Choose about `fraction` of the speakers, at least one, leaving at least one.

    The choice hangs on each speaker's name and the seed only, so that a speaker who joins the corpus moves few others.

    Raises
    ------
    UserError
        There are fewer than two speakers.
    """
    ranked = sorted(set(speakers), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    if len(ranked) < 2:
        raise UserError(
            f"data/train has {len(ranked)} speaker(s), so none can be held out to choose the best checkpoint;"
            " give a development set of other speakers as data/dev"
        )
    wanted = math.ceil(round(fraction * len(ranked), 9))  # 0.07 * 100 is a little more than 7
    return set(ranked[: min(wanted, len(ranked) - 1)])


def with_dev(readings: dict[str, Reading], fraction: float, seed: int) -> dict[str, Reading]:
    """The same splits, with some of the training speakers moved to a development set."""
    train = readings["train"]
    chosen = drawn_for_dev((row.speaker for row in train.utterances), fraction, seed)
    dev = Reading("dev", [row for row in train.utterances if row.speaker in chosen], spans=train.spans)
    train.utterances = [row for row in train.utterances if row.speaker not in chosen]
    return {"train": train, "dev": dev, **readings}


def check_apart(utterances: dict[str, list[Utterance]]) -> None:
    """Refuse a corpus in which a speaker whom the models learn from is also tested on.

    Raises
    ------
    UserError
        Names the two splits and up to ten of the speakers they share.
    """
    speakers = {split: {row.speaker for row in rows if row.speaker_known} for split, rows in utterances.items()}
    for one, other in combinations(speakers, 2):
        if one not in ("train", "dev"):
            break  # two evaluation sets may share speakers
        if shared := sorted(speakers[one] & speakers[other]):
            raise UserError(
                f"data/{one} and data/{other} share {len(shared)} speaker(s): {', '.join(shared[:10])}"
                f"{', ...' if len(shared) > 10 else ''}. Results on speakers that were trained on say nothing about"
                " others: keep each speaker in one of them (and rename people who only share a name)"
            )
