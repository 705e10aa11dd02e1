"""Who speaks: ages, genders, and keeping every speaker in one split."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from stages.common.errors import UserError
from stages.corpus.rows.ages import UNKNOWN, age_in_months
from stages.corpus.rows.encodings import read_rows
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.utterance import SplitContents, Utterance

GENDERS = {"female": "f", "woman": "f", "girl": "f", "male": "m", "man": "m", "boy": "m"}

SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "child_id")


def cell(row: dict, columns: Iterable[str]) -> str:
    """The first of the columns that holds something, as stripped text; "" where none does."""
    for column in columns:
        value = row.get(column)
        if isinstance(value, str | int | float) and str(value).strip():
            return nfc(str(value)).strip()
    return ""


def age_of(row: dict, columns: Iterable[str] = ("age", "age_bucket", "age_group")) -> str:
    """A table row's age as stages/corpus/rows/ages.py reads it: from an age, age_months or grade column."""
    if months := known(cell(row, ["age_months"])):
        return f"{months} months"
    if age := known(cell(row, columns)):
        return age
    grade = known(cell(row, ["grade"]))
    return grade if not grade or "grade" in grade.lower() else f"grade {grade}"


def known(text: str) -> str:
    return "" if text.lower() in UNKNOWN else text


def gender_of(text: str) -> str | None:
    """f, m, or what else the corpus writes, in lower case; None where unknown."""
    text = text.lower()
    return None if text in UNKNOWN else GENDERS.get(text, text)


def complete(reading: SplitContents, files: Files) -> None:
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
            age = age_of(row)
            ages[speaker] = age or None, age_in_months(age, where, reading)
            genders[speaker] = gender_of(cell(row, ["gender", "sex"]))
    reading.utterances = [_completed(utterance, ages, genders) for utterance in reading.utterances]


def _completed(utterance: Utterance, ages: dict, genders: dict) -> Utterance:
    age = utterance.age, utterance.age_months
    gender = utterance.gender
    age, months = ages.get(utterance.speaker, age) if utterance.age_months is None else age
    gender = genders.get(utterance.speaker) if gender is None else gender
    return replace(utterance, age=age, age_months=months, gender=gender)


def leave_out_adults(reading: SplitContents) -> None:
    """Leave out whom the params do not count as children: by name, and by age where it is known."""
    oldest = reading.options.child_max_age
    everyone = reading.split in reading.options.everyone_in
    kept = []
    for row in reading.utterances:
        if not everyone and oldest is not None and row.age_months is not None and row.age_months >= 12 * oldest:
            reading.left_out[f"speakers of {oldest:g} years or more"] += 1
        elif row.check_name and not reading.is_child(row.speaker):
            reading.left_out[f"other speakers: {row.speaker}"] += 1
        else:
            kept.append(row)
    reading.utterances = kept


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


def with_dev(readings: dict[str, SplitContents], fraction: float, seed: int) -> dict[str, SplitContents]:
    """The same splits, with some of the training speakers moved to a development set."""
    train = readings["train"]
    chosen = drawn_for_dev((row.speaker for row in train.utterances), fraction, seed)
    dev = SplitContents(
        "dev", train.options, [row for row in train.utterances if row.speaker in chosen], spans=train.spans
    )
    train.utterances = [row for row in train.utterances if row.speaker not in chosen]
    return {"train": train, "dev": dev, **readings}


def check_apart(readings: dict[str, SplitContents], allowed: bool) -> None:
    """Refuse a corpus in which a speaker whom the models learn from is also tested on.

    Raises
    ------
    UserError
        Names the two splits and up to ten of the speakers they share; not if `allowed`, then it is only said.
    """
    known = {split: {row.speaker for row in one.utterances if row.speaker_known} for split, one in readings.items()}
    for one, other in combinations(known, 2):
        if one not in ("train", "dev"):
            break  # two evaluation sets may share speakers
        if shared := sorted(known[one] & known[other]):
            message = (
                f"data/{one} and data/{other} share {len(shared)} speaker(s): {', '.join(shared[:10])}"
                f"{', ...' if len(shared) > 10 else ''}"
            )
            if not allowed:
                raise UserError(
                    f"{message}. Results on speakers that were trained on say nothing about others: keep each speaker"
                    " in one of them (and rename people who only share a name), or set preprocess.allow_shared_speakers"
                )
            print(f"warning: {message}")
