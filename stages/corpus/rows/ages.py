"""Ages as corpora write them, in months."""

import re

from stages.corpus.rows.utterance import SplitContents

UNKNOWN = frozenset(("", "na", "n/a", "nan", "none", "null", "unknown", "-", "?"))
OLDEST = 120  # years; above it, a number is no age

# Common Voice's bands, as (first, last) year.
BANDS = {"teens": (13, 19), "twenties": (20, 29), "thirties": (30, 39), "fourties": (40, 49), "forties": (40, 49)}
BANDS |= {"fifties": (50, 59), "sixties": (60, 69), "seventies": (70, 79), "eighties": (80, 89), "nineties": (90, 99)}

NUMBER = r"([0-9]{1,4}(?:\.[0-9]+)?)"
YEARS = re.compile(NUMBER + r"\s*(?:y|yrs?|years?(?: old)?)?")
MONTHS = re.compile(NUMBER + r"\s*(?:m|mos?|months?(?: old)?)")
CHAT_AGE = re.compile(r"([0-9]{1,2});([0-9]{1,2})?(?:\.([0-9]{1,2})?)?")  # years;months.days, as in CHAT's @ID
BAND = re.compile(NUMBER + r"\s*(?:-|\u2013|to)\s*" + NUMBER + r"\s*(?:y|yrs?|years?)?")
GRADE = re.compile(r"grade\s*([0-9]{1,2})|([0-9]{1,2})(?:st|nd|rd|th)\s*grade|(?:grade\s*)?(pre-?k|k|kindergarten)")


def age_in_months(text: str, place: str, reading: SplitContents) -> int | None:
    """Whole months; the middle of a band or a school year. None if unknown or, with a warning, unreadable.

    6 and 6.5 are years; 75 months, 4;07.07 (years;months.days), 5-7, teens, grade 3, 3rd grade, K and pre-K are
    understood too. A child is taken to be n + 6 years old in the middle of the American grade n.
    """
    text = " ".join(text.lower().split())
    if text in UNKNOWN:
        return None
    months = _months(text)
    if months is None or not 0 <= months <= OLDEST * 12:
        reading.warn("an age that could not be read, left unknown", place)
        return None
    return round(months)


def _months(text: str) -> float | None:
    """The months of an age in lower case; None where it is written in no known way."""
    years = YEARS.fullmatch(text)
    if years:
        return 12 * float(years[1])
    months = MONTHS.fullmatch(text)
    if months:
        return float(months[1])
    chat_age = CHAT_AGE.fullmatch(text)
    if chat_age:
        return _months_of_chat_age(int(chat_age[1]), int(chat_age[2] or 0), int(chat_age[3] or 0))
    if text in BANDS:
        return _middle_of_band(BANDS[text])
    band = BAND.fullmatch(text)
    if band:
        return _middle_of_band((float(band[1]), float(band[2])))
    grade = GRADE.fullmatch(text)
    if not grade:
        return None
    if grade[3]:
        return 60 if grade[3].startswith("pre") else 72
    return 12 * (int(grade[1] or grade[2]) + 6)


def _months_of_chat_age(years: int, months: int, days: int) -> float | None:
    if months > 11 or days > 31:
        return None
    return 12 * years + months + days / 30.4


def _middle_of_band(years: tuple[float, float]) -> float | None:
    """The middle of a band in months. Its last year lasts until the next birthday."""
    first, last = years
    return 6 * (first + last + 1) if first <= last else None
