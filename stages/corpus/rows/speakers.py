"""Who speaks: ages, genders, and keeping every speaker in one split."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows import speaker_roles
from stages.corpus.rows.ages import UNKNOWN, age_in_months, may_be_months
from stages.corpus.rows.columns import cell, columns_named, is_column
from stages.corpus.rows.files import Files
from stages.corpus.rows.speaker_names import SPEAKER_COLUMNS, one_folder, same_name
from stages.corpus.rows.table_rows import Rows, read_tables
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.paths import TRAINING_SPLITS

GENDERS = {"female": "f", "woman": "f", "girl": "f", "male": "m", "man": "m", "boy": "m"}

SPEAKER_LISTS = ("speakers.csv", "speakers.tsv", "speakers.xlsx")
SHOWN = 10  # names in a message

# As columns_named compares names: Age (years) is age_years
AGES = ("age", "age_years", "age_in_years", "age_bucket", "age_group")
YEARS = ("age_years", "age_in_years")
MONTHS = ("age_months", "age_in_months", "months")
GRADES = ("grade", "grade_level")
AGE_COLUMNS = (*AGES, *MONTHS, *GRADES)
GENDER_COLUMNS = ("gender", "sex")


def age_of(row: dict, columns: Iterable[str] = AGES) -> str:
    """A table row's age as stages/corpus/rows/ages.py reads it: from its columns of ages, months or grades."""
    months = _known(cell(row, columns_named(row, MONTHS)))
    if months:
        return f"{months} months"
    age = _known(cell(row, columns_named(row, columns)))
    if age:
        in_years = [name for name in columns_named(row, columns) if is_column(name, YEARS)]
        is_stated = bool(in_years) and age == _known(cell(row, in_years))
        return f"{age} years" if is_stated and may_be_months(age) else age
    grade = _known(cell(row, columns_named(row, GRADES)))
    return grade if not grade or "grade" in grade.lower() else f"grade {grade}"


def _known(text: str) -> str:
    return "" if text.lower() in UNKNOWN else text


def gender_of(text: str) -> str | None:
    """f, m, or what else the corpus writes, in lower case; None where unknown."""
    text = text.lower()
    return None if text in UNKNOWN else GENDERS.get(text, text)


def speaker_lists(files: Files) -> list[Path]:
    """The lists of speakers that are read: those in the split's folder."""
    return [path for path in files.paths if path.parent == files.folder and path.name.lower() in SPEAKER_LISTS]


@dataclass
class Listed:
    """What a list of speakers says of one of them."""

    age: str | None = None  # as the corpus writes it
    age_months: int | None = None
    gender: str | None = None


def complete(reading: SplitContents, files: Files) -> None:
    """Set ages and genders that the annotations lack, from speakers.csv (.tsv, .xlsx) in the split's folder."""
    listed: dict[str, Listed] = {}  # by the speaker's name, as same_name returns it
    for path in speaker_lists(files):
        known = (*SPEAKER_COLUMNS, *AGE_COLUMNS, *GENDER_COLUMNS)
        try:
            for place, rows in read_tables(path, files.shown(path), reading, known):
                _read_speakers(rows, place, reading, listed)
        except Refused as refused:
            raise UserError(f"data/{files.shown(path)}: {refused.detail}") from None
    reading.utterances = [_completed(utterance, listed) for utterance in reading.utterances]


def _read_speakers(rows: Rows, place: str, reading: SplitContents, listed: dict[str, Listed]) -> None:
    """Add what a list of speakers says to `listed`."""
    names = {}
    for line, row in rows:
        speaker = cell(row, columns_named(row, SPEAKER_COLUMNS))
        if not speaker:
            raise UserError(
                f"data/{place}, line {line}: no speaker; the columns are speaker, age (or age_months), gender"
            )
        age = age_of(row)
        months = age_in_months(age, f"{place}:{line}", reading)
        gender = gender_of(cell(row, columns_named(row, GENDER_COLUMNS)))
        names[same_name(speaker)] = speaker
        entry = listed.setdefault(same_name(speaker), Listed())
        _check_same(entry.age_months, months, f"age: {age} and {entry.age}", speaker, f"{place}, line {line}")
        _check_same(entry.gender, gender, f"gender: {gender} and {entry.gender}", speaker, f"{place}, line {line}")
        if entry.age_months is None:
            entry.age, entry.age_months = age or entry.age, months
        entry.gender = entry.gender or gender
    present = {same_name(row.speaker) for row in reading.utterances}
    if names and present and present.isdisjoint(names):
        reading.warn(
            "a list of speakers of whom none is in this split, so it gives nobody an age: names have to be the same",
            f"{place}: {', '.join(list(names.values())[:SHOWN])}",
        )


def _check_same(before: object, now: object, difference: str, speaker: str, place: str) -> None:
    """Raise UserError where a speaker is listed twice, with different ages or genders."""
    if None not in (before, now) and before != now:
        raise UserError(
            f"data/{place}: {speaker} is listed before with another {difference}; keep one row of each speaker (an age"
            " that changes between recordings belongs into the table of utterances)"
        )


def _completed(utterance: Utterance, listed: dict[str, Listed]) -> Utterance:
    entry = listed.get(same_name(utterance.speaker), Listed())
    age, months = utterance.age, utterance.age_months
    if months is None:
        age, months = entry.age or age, entry.age_months
    return replace(utterance, age=age, age_months=months, gender=utterance.gender or entry.gender)


def leave_out_adults(reading: SplitContents) -> None:
    """Leave out whom the params do not count as children: by age where it is known, and by name where the format has
    not asked for that yet.

    Raises
    ------
    UserError
        Somebody's age may be in years or in months, so that nobody knows whether it is a child.
    """
    max_age = reading.options.child_max_age
    if reading.counts_everyone:
        max_age = None
    children, unclear = [], []
    for row in reading.utterances:
        is_unclear = _is_unclear(row, max_age, reading)
        if not is_unclear and _is_older(row, max_age):
            reading.left_out[f"speakers of {max_age:g} years or more"] += 1
        elif row.check_name and not speaker_roles.is_child(row, reading):
            reading.left_out[f"other speakers: {row.role or row.speaker}"] += 1
        elif is_unclear:
            unclear.append(row)
        else:
            children.append(row)
    if unclear:
        raise _ages_without_unit(unclear)
    reading.utterances = children


def is_too_old(row: Utterance, reading: SplitContents) -> bool:
    """Whether a speaker's age is known to be that of an adult.

    Raises
    ------
    UserError
        The age may be in years or in months.
    """
    max_age = None if reading.counts_everyone else reading.options.child_max_age
    if _is_unclear(row, max_age, reading):
        raise _ages_without_unit([row])
    return _is_older(row, max_age)


def _is_unclear(row: Utterance, max_age: float | None, reading: SplitContents) -> bool:
    """Whether an age may be an adult's in years or a child's in months, and it matters."""
    return max_age is not None and reading.options.age_unit == "auto" and may_be_months(row.age or "")


def _ages_without_unit(rows: list[Utterance]) -> UserError:
    """The error that asks for the unit of ages."""
    ages: dict[str, str] = {}  # by speaker
    for row in rows:
        ages.setdefault(row.speaker, f"{row.age} of {row.speaker}")
    first = rows[0]
    place = f"data/{first.file}" + (f", line {first.line}" if first.line else "")
    listed = ", ".join(list(ages.values())[:SHOWN]) + (", ..." if len(ages) > SHOWN else "")
    return UserError(
        f"ages without a unit that may be years of adults or months of children: {listed} (first: {place})."
        f" Set preprocess.age_unit to years or months, or write the unit: {first.age} months"
    )


def _is_older(row: Utterance, max_age: float | None) -> bool:
    if max_age is None or row.age_months is None:
        return False
    return row.age_months >= 12 * max_age


def check_apart(readings: dict[str, SplitContents], allowed: bool) -> None:
    """Refuse a corpus in which a speaker whom the models learn from is also in another split.

    Only evaluation sets may share speakers. train and replay may not, because dev may be drawn from train.

    Raises
    ------
    UserError
        Names the two splits and up to ten of the speakers they share. If `allowed`, this is a printed warning.
    """
    speakers: dict[str, set[str]] = {}
    for split, reading in readings.items():
        speakers[split] = {row.speaker for row in reading.utterances if row.speaker_known}
    for first, second in combinations(speakers, 2):
        if first not in TRAINING_SPLITS and second not in TRAINING_SPLITS:
            continue
        shared = sorted(speakers[first] & speakers[second])
        if not shared:
            continue
        message = (
            f"data/{first} and data/{second} share {len(shared)} speaker(s): {', '.join(shared[:SHOWN])}"
            f"{', ...' if len(shared) > SHOWN else ''}"
        )
        if not allowed:
            for split in (first, second):
                sentence = one_folder(readings[split])
                message += f"; {sentence}" if sentence else ""
            raise UserError(
                f"{message}. Results on speakers that were trained on say nothing about others: keep each speaker"
                " in one of them (and rename people who only share a name), or set preprocess.allow_shared_speakers"
            )
        print(f"warning: {message}")
