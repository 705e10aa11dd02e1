"""Ages as corpora write them, in months."""

import re

from stages.corpus.rows.utterance import SplitContents

UNKNOWN = frozenset(("", "na", "n/a", "nan", "none", "null", "unknown", "-", "?"))
DAYS_A_MONTH = 30.4
OLDEST = 120  # years; above it, a number is no age

# Common Voice's bands, as (first, last) year.
BANDS = {"teens": (13, 19), "twenties": (20, 29), "thirties": (30, 39), "fourties": (40, 49), "forties": (40, 49)}
BANDS |= {"fifties": (50, 59), "sixties": (60, 69), "seventies": (70, 79), "eighties": (80, 89), "nineties": (90, 99)}

NUMBER = r"([0-9]{1,4}(?:\.[0-9]+)?)"
YEAR_WORDS = r"(?:y\.? ?o\.?|y/o|y|yrs?\.?|-?years?)(?:[ -]old| of age)?"
MONTH_WORDS = r"(?:m|mos?\.?|mths?|-?months?)(?:[ -]old)?"
YEARS = re.compile(rf"{NUMBER}\s*(?:{YEAR_WORDS})?")
MONTHS = re.compile(rf"{NUMBER}\s*{MONTH_WORDS}")
YEARS_AND_MONTHS = re.compile(rf"([0-9]{{1,2}})\s*{YEAR_WORDS}[\s,]*(?:and\s+)?([0-9]{{1,2}})\s*{MONTH_WORDS}")
ISO_DURATION = re.compile(
    r"p(?=[0-9])(?:([0-9]{1,3})y)?(?:([0-9]{1,4})m)?(?:([0-9]{1,3})d)?"
)  # ISO 8601, in lower case
FRACTIONS = {r" ?(\u00bc| 1/4)": ".25", r" ?(\u00bd| 1/2)": ".5", r" ?(\u00be| 3/4)": ".75"}
CHAT_AGE = re.compile(r"([0-9]{1,2});([0-9]{1,2})?(?:\.([0-9]{1,2})?)?")  # years;months.days, as in CHAT's @ID
CHAT_BAND = re.compile(r"([0-9;.]+)\s*(?:-|\u2013|to)\s*([0-9]+;[0-9.]*)")  # 2;6-3;0
TWO_NUMBERS = NUMBER + r"\s*(?:-|\u2013|to)\s*" + NUMBER
BAND = re.compile(rf"{TWO_NUMBERS}\s*(?:{YEAR_WORDS})?")
BAND_OF_MONTHS = re.compile(rf"{TWO_NUMBERS}\s*{MONTH_WORDS}")
BARE = re.compile(rf"{TWO_NUMBERS}|{NUMBER}")
MAY_BE_MONTHS = (25, 216)  # as years, no child's age
GRADE = re.compile(r"grade\s*([0-9]{1,2})|([0-9]{1,2})(?:st|nd|rd|th)\s*grade|(?:grade\s*)?(pre-?k|k|kindergarten)")


def age_in_months(text: str, place: str, reading: SplitContents) -> int | None:
    """Whole months; the middle of a band or a school year. None if unknown or, with a warning, unreadable.

    6, 6.5, 6,5 and 6 1/2 are years, unless preprocess.age_unit says months; 75 months, 5y6m, P5Y6M (ISO 8601), 4;07.07
    (years;months.days), 2;6-3;0, 5-7, teens, grade 3, 3rd grade, K and pre-K are understood too. A child is taken to be
    n + 6 years old in the middle of the American grade n.
    """
    text = _normal_form(text)
    if text in UNKNOWN:
        return None
    months = _months(f"{text} months" if reading.options.age_unit == "months" and BARE.fullmatch(text) else text)
    if months is None or not 0 <= months <= OLDEST * 12:
        reading.warn("an age that could not be read, left unknown", place)
        return None
    return round(months)


def may_be_months(text: str) -> bool:
    """Whether an age has no unit, and is too high for a child's in years and none too high in months: 66, or 60-72.

    30-39 is a usual band of adults' years.
    """
    bare = BARE.fullmatch(_normal_form(text))
    if not bare:
        return False
    first, last, single = bare.groups()
    lowest = float(first or single)
    is_decade = last is not None and lowest % 10 == 0 and float(last) == lowest + 9
    return MAY_BE_MONTHS[0] <= lowest <= MAY_BE_MONTHS[1] and not is_decade


def _normal_form(text: str) -> str:
    """An age in lower case, with single spaces, fractions as decimals, and points for decimal commas."""
    text = " ".join(text.lower().split())
    for fraction, decimals in FRACTIONS.items():
        text = re.sub(fraction, decimals, text)
    return re.sub(r"(?<=[0-9]),(?=[0-9])", ".", text)


def _months(text: str) -> float | None:
    """The months of an age in normal form; None where it is written in no known way."""
    years = YEARS.fullmatch(text)
    if years:
        return 12 * float(years[1])
    months = MONTHS.fullmatch(text)
    if months:
        return float(months[1])
    both = YEARS_AND_MONTHS.fullmatch(text)
    if both:
        return _months_of_age(int(both[1]), int(both[2]))
    duration = ISO_DURATION.fullmatch(text)
    if duration:
        parts = [int(part or 0) for part in duration.groups()]
        return 12 * parts[0] + parts[1] + parts[2] / DAYS_A_MONTH
    chat_age = CHAT_AGE.fullmatch(text)
    if chat_age:
        return _months_of_age(int(chat_age[1]), int(chat_age[2] or 0), int(chat_age[3] or 0))
    chat_band = CHAT_BAND.fullmatch(text)
    if chat_band:
        return _middle(_months(chat_band[1]), _months(chat_band[2]))
    if text in BANDS:
        return _middle_of_band(BANDS[text])
    band = BAND.fullmatch(text)
    if band:
        return _middle_of_band((float(band[1]), float(band[2])))
    months_band = BAND_OF_MONTHS.fullmatch(text)
    if months_band:
        return _middle(float(months_band[1]), float(months_band[2]))
    grade = GRADE.fullmatch(text)
    if not grade:
        return None
    if grade[3]:
        return 60 if grade[3].startswith("pre") else 72
    return 12 * (int(grade[1] or grade[2]) + 6)


def _months_of_age(years: int, months: int, days: int = 0) -> float | None:
    if months > 11 or days > 31:
        return None
    return 12 * years + months + days / DAYS_A_MONTH


def _middle(first: float | None, last: float | None) -> float | None:
    if first is None or last is None or first > last:
        return None
    return (first + last) / 2


def _middle_of_band(years: tuple[float, float]) -> float | None:
    """The middle of a band in months. Its last year lasts until the next birthday."""
    first, last = years
    return 6 * (first + last + 1) if first <= last else None
