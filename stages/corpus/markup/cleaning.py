"""Cleaning of raw transcripts: what the markup means, what is kept of it, and how it is written."""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from stages.corpus.markup import chat_codes, plain_markup
from stages.corpus.markup.tokens import Kind, Token
from stages.corpus.rows import invisible
from stages.records import letter_case, spacing

CAPITALS = 0.9  # share of capitals among the letters above which texts count as transcribed IN CAPITALS

STRAIGHT = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201b": "'", "\u2032": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)

# What stays in the transcript. Repetitions stay in both styles: most corpora do not mark them.
SPOKEN = {
    "verbatim": frozenset((Kind.WORD, Kind.FILLER, Kind.PARTIAL)),
    "fluent": frozenset((Kind.WORD,)),
}


@dataclass(frozen=True)
class Cleaned:
    """A transcript without its markup, and the marks that are reasons not to use it."""

    text: str
    unclear: tuple[str, ...] = ()  # marks of speech that is heard and not transcribed
    unknown: tuple[str, ...] = ()  # marks that no table knows
    readings: tuple[tuple[str, str], ...] = ()  # misspelled marks, each with the name it was read as


def clean_all(
    texts: Iterable[tuple[str, str]], style: str, case: str, own_markup: dict[str, str], language: str = "en"
) -> list[Cleaned]:
    """Clean the transcripts of one split, or of one format in it.

    Parameters
    ----------
    texts : raw transcripts, each with its convention of markup: plain, ogi or chat
    style : verbatim, or fluent: without fillers and broken-off words
    case : preprocess.letter_case: keep, lower, or auto: lower-case them if they are in capitals, which tell nothing
        about names and sentence starts, and which Whisper would spell letter by letter
    own_markup : preprocess.markup, marks with the names of their kinds
    language : whose rules of lower-casing and of spaces between words hold
    """
    own = plain_markup.own_table(own_markup)
    tokenizers = {
        "plain": lambda text: plain_markup.tokenize(text, own),
        "ogi": lambda text: plain_markup.tokenize(text, plain_markup.OGI | own),
        "chat": lambda text: chat_codes.tokenize(text, own),
    }
    cleaned = [_clean(text, tokenizers[convention], SPOKEN[style], language) for text, convention in texts]
    if case == "lower" or (case == "auto" and in_capitals(row.text for row in cleaned)):
        return [replace(row, text=letter_case.lower(row.text, language)) for row in cleaned]
    return cleaned


def _clean(raw: str, tokenize: Callable[[str], list[Token]], spoken: frozenset[Kind], language: str) -> Cleaned:
    """Clean one transcript; `spoken` are the kinds of tokens that stay."""
    words, unclear, unknown, readings = [], [], [], []
    normal = normal_form(spacing.join(map(str.strip, raw.split("\n")), language), language)
    for token in tokenize(normal):
        if token.kind in spoken and token.text:
            words.append(token.text)
        elif token.kind is Kind.UNCLEAR:
            unclear.append(token.text)
        elif token.kind is Kind.UNKNOWN:
            unknown.append(token.text)
        if token.read_as:
            readings.append((token.text, token.read_as))
    # Where the transcript has no spaces, marks are not replaced by any.
    text = " ".join(words) if " " in normal else spacing.join(words, language)
    if not any(map(str.isalnum, text)):  # punctuation or a note sign: nothing was said, or ???
        if text.strip("? ") == "" and "?" in text:
            unclear.append(text)
        text = ""
    return Cleaned(text, tuple(unclear), tuple(unknown), tuple(readings))


def normal_form(text: str, language: str = "en") -> str:
    """One Unicode form (NFC), straight quotes, single spaces (of any kind of white space), none at the ends.

    Characters that nobody sees are removed.

    Parameters
    ----------
    language : Whisper's code of it
    """
    text = invisible.removed(unicodedata.normalize("NFC", text), language)
    return " ".join(text.translate(STRAIGHT).split())


def in_capitals(texts: Iterable[str]) -> bool:
    """Whether more than 90 % of the letters that have a case are capitals. False without such letters."""
    upper = lower = 0
    for text in texts:
        upper += sum(map(str.isupper, text))
        lower += sum(map(str.islower, text))
    return upper > CAPITALS * (upper + lower)
