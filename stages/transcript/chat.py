"""CHAT main lines (CHILDES, TalkBank): what the speaker said, as https://talkbank.org/0info/manuals/CHAT.html codes it.

    *CHI:   &-um (be)cause <I want> [/] I want the goed [: went] +...

Retraced material is kept, since it was said; a replacement is what should have been said, and is dropped.
"""

import re
from collections.abc import Iterator

from stages.transcript.markup import FILLERS
from stages.transcript.tokens import Kind, Token

# In this order; the first that fits. What is paired with None leaves nothing behind.
RULES: tuple[tuple[str, Kind | str | None], ...] = (
    (r"\x15[^\x15]*\x15?", None),  # a time
    (r"\[x ?(?P<times>[0-9]{1,2})\]", "repeat"),
    (r"\[/{1,3}\]|\[/[?-]\]", None),  # retracing: what precedes was said
    (r"\[(?:::?|[*+=%!?><^\"$#-])[^\]]*\]", None),  # replacements, errors, comments, overlaps, postcodes
    (r"&=[^\s]*", Kind.NOISE),  # events: &=laughs
    (r"&[{}][^\s]*", Kind.NOISE),  # the edges of long events
    (r"&\*\w+[:=][^\s]*", Kind.NOISE),  # somebody else's short "mhm" within the line
    (r"&-(?P<filler>[^\s\[\]<>]+)", Kind.FILLER),
    (r"&[~+]?(?P<partial>[^\s\[\]<>&=]+)", Kind.PARTIAL),
    (r"\(\.{1,3}\)|\([0-9]+:?[0-9]*\.?[0-9]*\)", Kind.NOISE),  # pauses
    (r"\+[^\w\s<\[]*(?=\s|$)", None),  # special terminators and links: +... +/. +" +,
    (r"(?P<punctuation>[.?!,]+)\"?(?=\s|$)", "punctuation"),
    (r"[\u2021;:\"]+(?=\s|$)", None),  # quotes, and marks of what stands apart
    (r"0[\w']*(?=[\s.?!,]|$)", None),  # an action without speech, or a word that is missing
    (r"<", "group"),
    (r">", "end of group"),
    (r"\[[^\]]*\]?", Kind.UNKNOWN),
    (r"(?P<word>[^\s<>\[\]]+?)(?=[.?!,\"]*(?:\s|$)|[<>\[\]])", "word"),
    (r"\S", Kind.UNKNOWN),
)
ACTIONS = [action for _, action in RULES]
SCANNER = re.compile("|".join(f"(?P<r{index}>{rule})" for index, (rule, _) in enumerate(RULES)))

# Intonation, stress, lengthening and overlap: how it was said.
PROSODY = re.compile(
    "[\u02c8\u02cc\u02d0\u02d1\u2191\u2193\u21d7\u21d8\u2192\u2190\u221e\u2261\u2206\u2207\u204e\u2047\u00b0\u2581\u2594\u263a\u222c\u03ab\u222e\u21ab]"
    "|[\u2308\u2309\u230a\u230b][0-9]?|\\^|(?<=\\w):+|\u2260"
)
UNCLEAR = frozenset("xxx xx yyy yy www".split())
MOST_REPEATED = 20
SPOKEN = (Kind.WORD, Kind.FILLER, Kind.PARTIAL)


def tokenize(text: str) -> list[Token]:
    """The tokens of a main line, without its speaker code."""
    tokens: list[Token] = []
    starts: list[int] = []  # where each open group begins
    last = 0  # where the last word or group begins: what [x 3] repeats
    for found in SCANNER.finditer(text):
        action = ACTIONS[next(index for index in range(len(RULES)) if found[f"r{index}"] is not None)]
        if action == "group":
            starts.append(len(tokens))
        elif action == "end of group":
            last = starts.pop() if starts else last
        elif action == "repeat":
            tokens += tokens[last:] * (min(int(found["times"]), MOST_REPEATED) - 1)
        elif action == "punctuation":
            _punctuate(tokens, found["punctuation"])
        elif action == "word":
            last = len(tokens)
            tokens += _words(found["word"])
        elif action is Kind.FILLER:
            last = len(tokens)
            tokens += [Token(Kind.FILLER, _plain(found["filler"]))]
        elif action is Kind.PARTIAL:
            last = len(tokens)
            tokens += [Token(Kind.PARTIAL, _plain(found["partial"]).rstrip("-") + "-")]
        elif action:
            tokens.append(Token(action, found[0]))
    return tokens


def _punctuate(tokens: list[Token], mark: str) -> None:
    """Attach a sentence's punctuation to its last word, as it is written elsewhere."""
    for place in range(len(tokens) - 1, -1, -1):
        if tokens[place].kind in SPOKEN:
            tokens[place] = Token(tokens[place].kind, tokens[place].text + mark)
            return
        if tokens[place].kind is not Kind.NOISE:
            return  # the last word is one that cannot be written


def _words(word: str) -> Iterator[Token]:
    form, _, suffix = word.partition("@")
    if form.lower() in UNCLEAR or suffix.split("$")[0] == "u":  # @u: the sounds, in phonetic letters
        yield Token(Kind.UNCLEAR, word)
        return
    form = _plain(form)
    if not form:
        return
    if re.search(r"[&@*%{}\\|=\x15]", form):
        yield Token(Kind.UNKNOWN, word)
    elif form.lower() in FILLERS:
        yield Token(Kind.FILLER, form)
    else:
        yield from (Token(Kind.PARTIAL if part.endswith("-") else Kind.WORD, part) for part in form.split())


def _plain(word: str) -> str:
    """A word without what was not said, (be)cause, how it was said, and joints: a_lot, choo+choo."""
    word = re.sub(r"\([^()]*\)", "", word.split("@")[0].split("$")[0])
    return PROSODY.sub("", word).replace("(", "").replace(")", "").replace("_", " ").replace("+", " ").strip()
