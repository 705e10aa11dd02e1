"""Which hypotheses of a teacher are good enough to learn from, and how they are written."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stages.common.params import Params
from stages.corpus.markup import cleaning
from stages.corpus.rows.utterance import Refused
from stages.cutting import cutting
from stages.records import error_unit, letter_case
from stages.records.transcripts import Transcript
from stages.records.units import Seconds
from stages.wer import error_counts

RARE = 0.01  # share of the transcripts: what fewer of them have does not belong to how they are written
WITHIN_WORDS = "'-"  # punctuation that may be inside a word
DIGITS = 4


@dataclass(frozen=True)
class Style:
    """How the transcripts of a corpus are written. Labels in another style would teach the model two."""

    capitals: str  # none, all or some of the letters are capitals
    punctuation: bool  # beside that within words
    digits: bool


@dataclass(frozen=True)
class Label:
    """A text to learn from, and how sure of it the teacher is."""

    text: str
    log_probability: float
    compression_ratio: float
    disagreement: float | None  # WER between two hypotheses; None: there is one only


def style_of(texts: Sequence[str]) -> Style:
    """How cleaned transcripts are written."""
    capitals = "none" if _is_rare(any(map(str.isupper, text)) for text in texts) else "some"
    if cleaning.in_capitals(texts):
        capitals = "all"
    return Style(
        capitals,
        punctuation=not _is_rare(any(map(_is_mark, text)) for text in texts),
        digits=not _is_rare(any(map(str.isdigit, text)) for text in texts),
    )


def _is_rare(marks: Iterable[bool]) -> bool:
    """Whether less than 1 % are true."""
    marks = list(marks)
    return sum(marks) < RARE * max(1, len(marks))


def _is_mark(character: str) -> bool:
    """Whether it is punctuation that is never a part of a word: 'cause and th- are words."""
    return unicodedata.category(character)[0] == "P" and character not in WITHIN_WORDS


def in_style(text: str, style: Style, language: str) -> str:
    """The text with the capitals and the punctuation of a style."""
    if style.capitals == "none":
        text = letter_case.lower(text, language)
    elif style.capitals == "all":
        text = text.upper()
    if not style.punctuation:
        text = _without_punctuation(text, "" if language in error_unit.WITHOUT_SPACES else " ")
    return text


def _without_punctuation(text: str, separator: str) -> str:
    """The text without punctuation, but with that inside words; `separator` takes the place of each other mark."""
    characters = []
    for index, character in enumerate(text):
        if unicodedata.category(character)[0] == "P" and not _is_within_word(text, index):
            character = separator
        characters.append(character)
    return " ".join("".join(characters).split())


def _is_within_word(text: str, index: int) -> bool:
    """Whether a mark is an apostrophe or a hyphen between letters, or between digits, as in 3.5 and 10:30."""
    before, after = text[:index][-1:], text[index + 1 :][:1]
    if before.isdigit() and after.isdigit():
        return True
    return text[index] in WITHIN_WORDS and before.isalnum() and after.isalnum()


def label_of(
    first: Transcript,
    second: Transcript | None,
    seconds: Seconds,
    style: Style,
    settings: Params,
    normalise: Callable[[str], str],
) -> Label:
    """The label of a stretch of speech.

    Parameters
    ----------
    first, second : its hypotheses; None: there is no second one
    seconds : how long it is
    normalise : applied before hypotheses are compared

    Raises
    ------
    Refused
        It is not to be learnt from: inaudible, cut-off, unclear-markup, empty-text, other-style, too-few-words,
        speech-rate, improbable, repetition or disagreement
    """
    options, limits = settings.preprocess, settings.pseudo_labels
    if first.log_probability is None:
        raise Refused("inaudible", "no sample reaches -60 dBFS")
    if first.is_cut:
        raise Refused("cut-off", f"the hypothesis ends at the limit of new tokens: {first.hypothesis!r}")
    text = _cleaned(first.hypothesis, style, settings)
    words = error_unit.count(text, settings.language)
    if words < options.min_words:
        plural = error_unit.of_language(settings.language).plural
        raise Refused("too-few-words", f"fewer than {options.min_words} {plural}: {text!r}")
    cutting.check_speech_rate(text, seconds, options)
    if first.log_probability < limits.min_log_probability:
        detail = (
            f"the mean log-probability is {first.log_probability}, less than {limits.min_log_probability}: {text!r}"
        )
        raise Refused("improbable", detail)
    if first.compression_ratio > limits.max_compression_ratio:
        detail = f"the compression ratio is {first.compression_ratio}, over {limits.max_compression_ratio}: {text!r}"
        raise Refused("repetition", detail)
    disagreement = None
    if second is not None:
        disagreement = _disagreement(first.hypothesis, second.hypothesis, normalise)
        if limits.max_disagreement is not None and disagreement > limits.max_disagreement:
            detail = f"they differ by {disagreement:.2f} of the words: {first.hypothesis!r}, {second.hypothesis!r}"
            raise Refused("disagreement", detail)
    return Label(text, first.log_probability, first.compression_ratio, disagreement)


def _cleaned(hypothesis: str, style: Style, settings: Params) -> str:
    """The hypothesis as a transcript of this corpus is written; raises Refused as `label_of`."""
    options = settings.preprocess
    raw = [(hypothesis, "plain")]
    (cleaned,) = cleaning.clean_all(raw, options.style, "keep", options.markup, settings.language)
    marks = [*cleaned.unknown, *cleaned.unclear]
    if marks:
        raise Refused("unclear-markup", f"it holds marks: {', '.join(marks)}")
    text = in_style(cleaned.text, style, settings.language)
    if not any(map(str.isalnum, text)):
        raise Refused("empty-text", f"the hypothesis holds no words: {hypothesis!r}")
    if not style.digits and any(map(str.isdigit, text)):
        raise Refused("other-style", f"the corpus writes numbers in words: {text!r}")
    return text


def _disagreement(first: str, second: str, normalise: Callable[[str], str]) -> float:
    """WER of one hypothesis against the other; 1 where nothing is left of the first after normalisation."""
    if not normalise(first):
        return 1.0
    return round(error_counts.count_errors([first], [second], normalise).wer, DIGITS)
