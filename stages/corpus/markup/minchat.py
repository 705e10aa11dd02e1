"""Marks of minCHAT in files that are not CHAT: ELAN tiers, TextGrids, tables and texts of child language hold them.

They mean what stages/corpus/markup/chat_codes.py says. Only what no plain text has is read so: doggy@c and not
anna@example.org, "&=laughs" and not "R&B", "0." only where it is the whole text.
"""

import re
from collections.abc import Callable

from stages.corpus.markup.tokens import Kind, Token

UNCLEAR = frozenset("xxx yyy www".split())
NO_SPEECH = re.compile(r"0 ?\.")  # an action without words
PREFIXED = re.compile(r"&(?P<sign>[-+~=*])(?P<form>[^\W_].*)")
FORM = r"@(?P<suffix>wp|s(?::[a-z]{2,3}(?:[+&][a-z]{2,3})*)?|[xz](?::\w+)?|[bcdfgiklnopqtu])"
SPECIAL_FORM = re.compile(rf"(?P<form>[^\s@]+){FORM}(?P<rest>[.,?!;:]*)")
# +... +..? +!? +/. +//. +/? +//? +"/. +". at the end of what is said, +" +^ +, +< at its beginning
TERMINATOR = r"\+(?:\.\.[.?]|!\?|/{1,2}[.?]|\"/?\.)"
ENDED = re.compile(rf"(?P<word>[^\s+]*){TERMINATOR}")
LINKER = re.compile(r"(?<!\S)\+[<\"^,]+(?=\s|$)")
# [: replacement] (some write [:replacement]) [* error] [= meaning] [=! manner] [% comment], retracing and overlap; (.)
# is a pause
BRACKET = re.compile(
    r"\[(?:::? ?[^\s:\]][^\]]*|\* \S[^\]]*|=[!?]? ?\S[^\]]*|% ?\w[^\]]*|/{1,3}|/[-?]|[<>][0-9]?)\]|\(\.{1,2}\)"
)
MARKED = re.compile(
    rf"(?<!\S)&[-+~=*][^\W_]|[^\s@]{FORM}(?=[\s.,?!;:]|$)|{TERMINATOR}(?=\s|$)|(?<!\S)\+[<\"^,]"
    r"|\[(?:::? ?[^\W\d_]|\* |=|/)"
)
# <want to> [//]: the group that a code is about, which was said. Groups may hold groups.
GROUP = re.compile(
    r"<(?P<words>[^<>]{0,300})>(?=\s?\[(?:/{1,3}|/[-?]|[<>][0-9]?|e|\?|!{1,2}|::? [^\]]*|\*[^\]]*|=[^\]]*|% ?[^\]]*)\])"
)
MAX_DEPTH = 5  # of groups
# Letters that were not said. At the end of a word, others write them for other things: book(s), f(x).
UNSPOKEN = re.compile(r"\([^\W\d_]{1,15}\)(?=[^\W\d_])")  # (be)cause
UNSPOKEN_END = re.compile(r"(?<=[^\W\d_])\([^\W\d_]{1,15}\)(?![^\W\d_])")  # wan(t)
UNSPOKEN_AND_END = re.compile(rf"{UNSPOKEN_END.pattern}.* [.?!]$")  # wan(t) it .
# A time, also as CLAN shows it, and with the name of the recording as in old files: \x15%snd:"tape.aif"_1200_3400\x15
TIME = re.compile(
    r"\x15(?:[^\x15]*\x15|[0-9_]*)|\u2022(?:%\w{3}:[^\u2022]{0,200}|[0-9]{1,12}_[0-9]{1,12}-?)\u2022"
    r"|(?<!\S)%(?:snd|mov):\"[^\"]{0,200}\"_[0-9]{1,12}_[0-9]{1,12}"
)
# Marks that mean something else in other transcripts: read so only beside other marks of minCHAT.
ONLY_BESIDE_OTHERS = re.compile(r"\[(?:\*|\?|!{1,2}|e)\]")
ERROR_AND_END = re.compile(r"\w \[\*\](?: .*)? [.?!]$")  # he goed [*] .
ENDS = (".", "?", "!")
SPOKEN = (Kind.WORD, Kind.FILLER, Kind.PARTIAL)


def is_marked(text: str) -> bool:
    """Whether a text holds marks that are of minCHAT and of no other convention."""
    return any(pattern.search(text) for pattern in (MARKED, GROUP, TIME, ERROR_AND_END, UNSPOKEN_AND_END))


def without_groups(text: str, is_mark: Callable[[str], bool]) -> str:
    """The text without the brackets of groups that have a code; what `is_mark` knows, such as <BREATH>, stays."""
    for _ in range(MAX_DEPTH):
        if "<" not in text:
            return text
        before = text
        text = GROUP.sub(lambda group: group[0] if is_mark(group[0]) else group["words"], text)
        if text == before:
            return text
    return text


def without_unspoken(text: str, is_mark: Callable[[str], bool], is_chat: bool) -> str:
    """The text without the letters that were not said: (be)cause; the(laughs)dog stays.

    At the end of a word, wan(t), only if the text `is_chat`.
    """
    patterns = [UNSPOKEN, UNSPOKEN_END] if is_chat else [UNSPOKEN]
    for pattern in patterns:
        text = pattern.sub(lambda letters: letters[0] if is_mark(letters[0]) else "", text)
    return text


def token_of(word: str) -> Token | None:
    """The token of a word that minCHAT marks; None for other words. Of "went+..." it is the word."""
    prefixed = PREFIXED.fullmatch(word)
    if prefixed:
        form = prefixed["form"]
        if prefixed["sign"] in "=*":
            return Token(Kind.NOISE, word)
        if prefixed["sign"] == "-":
            return Token(Kind.FILLER, form)
        return Token(Kind.PARTIAL, form.rstrip(".,?!;:-") + "-")
    special = SPECIAL_FORM.fullmatch(word)
    if special:
        # @u: the sounds, in phonetic letters
        is_unclear = special["suffix"] == "u" or special["form"].lower() in UNCLEAR
        return Token(Kind.UNCLEAR, word) if is_unclear else Token(Kind.WORD, special["form"] + special["rest"])
    ended = ENDED.fullmatch(word)
    if ended:
        return Token(Kind.WORD, ended["word"]) if ended["word"] else Token(Kind.NOISE, word)
    return None


def with_final_mark(tokens: list[Token]) -> list[Token]:
    """The same with the punctuation that CHAT writes apart joined to the word before: "want doggy ."."""
    joined: list[Token] = []
    last = None  # the place of the last word
    for token in tokens:
        if token.text in ENDS and last is not None:
            joined[last] = Token(joined[last].kind, joined[last].text + token.text)
            continue
        if token.kind in SPOKEN:
            last = len(joined)
        joined.append(token)
    return joined
