"""Markup of plain transcripts: the marks that people put between words, also misspelled ones.

Known are the marks of MyST (<BREATH>, +UM+, (()), *word*), CMU Kids ([begin_noise], /phones/), OGI Kids (<bn>; CSLU
labelling guide), TLT-school (@um, @ns), SCTK's STM ({a / b}, (%hesitation)) and Kaldi ([NOISE], <unk>). Transcribers
misspell them: names are compared without case, spaces and punctuation, and a long one also if it is only similar.
Whatever looks like a mark and is none of these becomes an UNKNOWN token: it is never taken for a word or deleted.
"""

import re
from collections.abc import Iterator

from stages.corpus.markup import minchat
from stages.corpus.markup.mark_names import KINDS, LONG_NAME, similar
from stages.corpus.markup.tokens import Kind, Token

FILLERS = frozenset("um umm uh uhh uhm er erm hm hmm mm mmm".split())  # also where they are written as words

SHOWN = 20  # characters of an unknown mark

# Limits on the length of marks: brackets further apart do not belong together, and the search stays linear.
MARK = re.compile(
    r"""
      \(\((?P<guess>[^()]{0,200})\)\)                      # ((best guess)), or nothing: (())
    | (?P<mark><[^<>]{0,60}>|\[[^\[\]]{0,60}\]|\([^()]{0,60}\)|\{[^{}]{0,200}\})
    | (?P<close>[^\s<>]{1,60}>)                            # WORD> or side_s[eech>
    | (?P<open><[^\s<>]{1,60})                             # <NO_SIGNAL, unterminated
    | (?<!\S)(?P<phones>/[^/]{1,80}/)(?!\S)                # a mispronounced word in phones
    | (?P<word>[^\s<>\[\](){}]+)
    | (?P<stray>\S)
    """,
    re.VERBOSE,
)
MARKING = re.compile(r"[<>\[\](){}+*@%/&]")
SPEAKER = re.compile(r"speaker\s*[0-9]{1,3}\s*:", re.IGNORECASE)
TIME = re.compile(r"[0-9]{1,2}(:[0-9]{1,2}){1,2}([.,][0-9]{1,3})?")
EDGE_OF_STRETCH = re.compile(r"^(begin|being|end)(?=.{2})")  # [begin_noise] ... [end_noise]; being is a frequent slip
IN_PLUS = re.compile(r"\+([^\s+]+)\+([.,?!]*)")
WITH_STAR = re.compile(r"\*?([^\s*]*[^\W_][^\s*]*)\*?([.,?!]*)")
# Not all the names of NOISE: *door* and *cut* are words.
STARRED_EVENT = re.compile(
    r"(?<!\S)\*(?:(?:laugh(?:s|ing|ter)|(?:giggl|chuckl|sniffl)(?:es|ing)|(?:cough|sigh|sniff|gasp|yawn|burp|grunt)s"
    r"|sneezes|hiccups|(?:cough|sigh|sniff|yawn)ing)(?:\s[^*]{1,30})?|clear(?:s|ing) (?:\w+ )?throat)\*[.,?!]*(?!\S)",
    re.IGNORECASE,
)
CONTRACTION = re.compile(r"<contraction e_form=\"[^\"]{0,200}\">", re.IGNORECASE)  # of NIST's STM: the word follows
FILLER_SOUNDS = re.compile(r"[aeouhmw]{1,5}")
CLITIC = re.compile(r"'(m|s|t|re|ve|ll|d)|n't", re.IGNORECASE)
PUNCTUATION = ".,;:!?\"'"

Own = dict[str, Kind]

# OGI Kids, as published recipes take it: words in [ ] are kept, what is in ( ) goes (ESPnet, egs2/myst_ogi_cmu_kids).
OGI: Own = {"[]": Kind.WORD, "()": Kind.NOISE}


def own_table(markup: dict[str, str]) -> Own:
    """The user's preprocess.markup with marks in lower case."""
    return {mark.lower(): Kind(kind) for mark, kind in markup.items()}


def tokenize(text: str, own: Own) -> list[Token]:
    """The tokens of a transcript in normal form.

    Parameters
    ----------
    own : kinds of marks, or of all marks in a pair of brackets ("[]"), by the mark in lower case
    """
    if minchat.NO_SPEECH.fullmatch(text):
        return [Token(Kind.NOISE, text)]
    is_chat = minchat.is_marked(text)
    text = _without_codes(text, own, is_chat)
    has_speaker = SPEAKER.match(text)
    if has_speaker:
        text = SPEAKER.sub("", text, count=1)
    if has_speaker or MARKING.search(text) or any(mark in text.lower() for mark in own):
        tokens = list(_marks(minchat.LINKER.sub("", _without_events(text, own)), own, is_chat))
    else:
        tokens = [_word(word) for word in text.split()]
    if is_chat:
        tokens = minchat.with_final_mark(tokens)
    return _with_clitics(tokens) if "'" in text else tokens


def _without_codes(text: str, own: Own, is_chat: bool) -> str:
    """The text without times, and without the brackets of minCHAT's groups and unspoken letters."""
    if "\x15" in text or "\u2022" in text or "%" in text:
        text = " ".join(minchat.TIME.sub(" ", text).split())
    if "<" in text:
        text = minchat.without_groups(CONTRACTION.sub("", text), lambda mark: _is_mark(mark, own))
    if "(" in text and "()" not in own:
        text = minchat.without_unspoken(text, lambda mark: len(mark) >= LONG_NAME + 2 and _is_mark(mark, own), is_chat)
    return text


def _is_mark(mark: str, own: Own) -> bool:
    """Whether a mark in brackets has an entry in the user's table or is a name in ours."""
    return mark.lower() in own or mark[0] + mark[-1] in own or bool(_named(mark, mark[1:-1].strip(), own))


def _without_events(text: str, own: Own) -> str:
    """The text without *laughs*, which is no *word* that was said, unless the user's table has an entry for it."""
    if "*" not in text or "**" in own:
        return text
    return STARRED_EVENT.sub(lambda event: event[0] if event[0].lower() in own else " ", text)


def _marks(text: str, own: Own, is_chat: bool) -> Iterator[Token]:
    for found_mark in MARK.finditer(text):
        group = found_mark.lastgroup
        part = found_mark[group]
        match group:
            case "guess":
                words = part.split()
                yield from map(_word, words)
                if not words:
                    yield Token(Kind.UNCLEAR, "(())")
            case "mark":
                yield from _bracketed(part, own, is_chat)
            case "open" | "close":
                # Half a mark if it has the name of one, else a word with a stray bracket.
                yield _named(part, part, own) or _word(part.strip("<>"))
            case "phones":
                yield Token(Kind.UNCLEAR, part)
            case "word":
                yield from _symbols(part, own)
            case _:
                yield Token(Kind.UNKNOWN, part)


def _bracketed(mark: str, own: Own, is_chat: bool) -> Iterator[Token]:
    inside, pair = mark[1:-1].strip(), mark[0] + mark[-1]
    is_code = minchat.BRACKET.fullmatch(mark) or (is_chat and minchat.ONLY_BESIDE_OTHERS.fullmatch(mark))
    if is_code and pair not in own and mark.lower() not in own:
        yield Token(Kind.NOISE, mark)
    elif token := _named(mark, inside, own):
        yield token
    elif pair in own:
        yield from _as(own[pair], inside)
    elif not re.search(r"\w", inside):  # nothing is named: [] and (*) stand for what could not be understood
        yield Token(Kind.UNCLEAR, mark)
    elif TIME.fullmatch(inside):
        yield Token(Kind.NOISE, mark)
    elif pair == "{}" and "/" in inside:  # alternatives; @ is none at all
        first = inside.split("/")[0].strip()
        yield from map(_word, [] if first == "@" else first.split())
    elif pair == "()" and (inside.lower() in FILLERS or re.fullmatch(r"-\w+|\w+-", inside)):
        yield _word(inside)
    else:
        yield Token(Kind.UNKNOWN, mark[0] + " ".join(inside.lower().split())[:SHOWN] + mark[-1])


def _named(mark: str, inside: str, own: Own) -> Token | None:
    """The token of a mark that has an entry in the user's table or a name in ours, perhaps misspelled."""
    kind = own.get(mark.lower())
    if kind:
        return next(_as(kind, inside.strip("<>[](){}+*@%")), Token(kind, mark))
    name = re.sub(r"[\W\d_]+", "", inside.lower())
    name = EDGE_OF_STRETCH.sub("", name)
    if name in KINDS:
        return Token(KINDS[name], mark)
    similar_name = similar(name)
    if similar_name:
        return Token(KINDS[similar_name], mark, read_as=similar_name)
    return None


def _as(kind: Kind, inside: str) -> Iterator[Token]:
    """The tokens of what is inside a mark, of the kind that the user's table has for it."""
    if kind in (Kind.NOISE, Kind.UNCLEAR):
        yield Token(kind, inside)
        return
    for word in inside.split():
        yield Token(kind, word)


def _symbols(word: str, own: Own) -> Iterator[Token]:
    """A run of characters without brackets: +UM+, *word*, word*, @um, %uh, or a word."""
    kind = own.get(word.lower()) or own.get(word.lower().rstrip(PUNCTUATION))
    if kind:
        yield next(_as(kind, word.strip("+*@%")), Token(kind, word))
        return
    chat_token = minchat.token_of(word)
    if chat_token:
        yield chat_token
        return
    in_plus = IN_PLUS.fullmatch(word)
    if in_plus:
        yield from _as(own.get("++", Kind.FILLER), in_plus[1] + in_plus[2])
        return
    with_star = WITH_STAR.fullmatch(word) if "*" in word else None
    if with_star:
        yield from _as(own.get("**", Kind.WORD), with_star[1] + with_star[2])
    elif word[0] in "@%" and len(word) > 1:
        yield _with_sign(word, own)
    elif not word.strip("*+"):
        yield Token(Kind.UNKNOWN, word[:SHOWN])
    else:
        yield _word(word)


def _with_sign(word: str, own: Own) -> Token:
    """The token of a word after @ or %: a filler such as @um, or a mark such as @ns."""
    name = word[1:].lower().strip(PUNCTUATION)
    if FILLER_SOUNDS.fullmatch(name):
        return Token(Kind.FILLER, word[1:])
    return _named(word, name, own) or Token(Kind.UNKNOWN, word.lower()[:SHOWN])


def _word(word: str) -> Token:
    bare = word.strip(PUNCTUATION)
    if bare.lower() in FILLERS:
        return Token(Kind.FILLER, word)
    if bare.lower() in minchat.UNCLEAR:
        return Token(Kind.UNCLEAR, word)
    if bare[:1] == "-" or bare[-1:] == "-":
        broken_off = re.fullmatch(r"-[^\W\d_]['\w]*|['\w]*[^\W\d_]-", bare)
        return Token(Kind.PARTIAL if broken_off else Kind.WORD, word)
    return Token(Kind.WORD, word)


def _with_clitics(tokens: list[Token]) -> list[Token]:
    """Join what some corpora write apart: I 'M, DO N'T."""
    joined: list[Token] = []
    for token in tokens:
        before = joined[-1] if joined else None
        after_word = before and token.kind is before.kind is Kind.WORD and before.text[-1:].isalpha()
        if after_word and CLITIC.fullmatch(token.text.rstrip(PUNCTUATION)):
            joined[-1] = Token(Kind.WORD, before.text + token.text)
        else:
            joined.append(token)
    return joined
