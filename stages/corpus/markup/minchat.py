"""Marks of minCHAT in files that are not CHAT: ELAN tiers, TextGrids, tables and texts of child language hold them.

They mean what stages/corpus/markup/chat_codes.py says. Only what no plain text has is read so: doggy@c and not
anna@example.org, "&=laughs" and not "R&B", "0." only where it is the whole text.
"""

import re

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
# [: replacement] [* error] [= meaning] [=! manner] [% comment], retracing and overlap; (.) is a pause
BRACKET = re.compile(
    r"\[(?:::? \S[^\]]*|\* \S[^\]]*|=[!?]? ?\S[^\]]*|% ?\w[^\]]*|/{1,3}|/[-?]|[<>][0-9]?)\]|\(\.{1,2}\)"
)
MARKED = re.compile(
    rf"(?<!\S)&[-+~=*][^\W_]|[^\s@]{FORM}(?=[\s.,?!;:]|$)|{TERMINATOR}(?=\s|$)|(?<!\S)\+[<\"^,]|\[(?:::? |\* |=|/)"
)
ENDS = (".", "?", "!")
SPOKEN = (Kind.WORD, Kind.FILLER, Kind.PARTIAL)


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
