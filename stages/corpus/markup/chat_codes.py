"""CHAT main lines (CHILDES, TalkBank): what the speaker said, as https://talkbank.org/0info/manuals/CHAT.html codes it.

    *CHI:   &-um (be)cause <I want> [/] I want the goed [: went] +...

Retraced material is kept, since it was said; a replacement is what should have been said, and is dropped. Of marks of
punctuation, those that Whisper writes stay, with the word before them.
"""

import functools
import re
from collections.abc import Iterator

from stages.corpus.markup.plain_markup import FILLERS, SHOWN, Own
from stages.corpus.markup.tokens import Kind, Token

# In this order; the first that fits. What is paired with None leaves nothing behind.
RULES: tuple[tuple[str, Kind | str | None], ...] = (
    (r"\x15[^\x15]*\x15?", None),  # a time
    (r"\[x ?(?P<times>[0-9]{1,3})\]", "repeat"),
    (r"\[/{1,3}\]|\[/[?-]\]|\[e\]", None),  # retracing, material that analyses exclude: what precedes was said
    (r"\[(?:::?|[*+=%!?><^\"$#-])[^\]]*\]", None),  # replacements, errors, comments, overlaps, postcodes
    (r"&=[^\s<>\[\]]*", Kind.NOISE),  # events: &=laughs
    (r"&[{}][^\s<>\[\]]*", Kind.NOISE),  # the edges of long events
    (r"&\*\w+[:=][^\s<>\[\]]*", Kind.NOISE),  # somebody else's short "mhm" within the line
    (r"&-[^\s<>\[\]\"]+", Kind.FILLER),
    (r"&[~+]?[^\s<>\[\]\"&=*{}~+-][^\s<>\[\]\"]*", Kind.PARTIAL),
    (r"\(\.{1,3}\)|\([0-9]{1,5}(?::[0-9]{1,5})?(?:\.[0-9]*)?\)", Kind.NOISE),  # pauses
    (r"\+[^\w\s<\[+]*(?=[\s\[]|$)|\+[+<\"^,]", None),  # special terminators and links: +... +/. +" +, ++
    (r"[\u2013\u2014\u2026-]+(?=\s|$)|\"", None),  # dashes on their own, quotes
    (r"0[\w'-]*(?=[\s.?!,<\[]|$)", None),  # an action without speech, or a word that is missing
    (r"<", "group"),
    (r">", "end of group"),
    (r"\[[^\]]*\]?|[$@][^\s<>\[\]]*", Kind.UNKNOWN),
    (r"[^\s<>\[\]\"\x15]+", Kind.WORD),
    (r"\S", Kind.UNKNOWN),
)
ACTIONS = [action for _, action in RULES]
SCANNER = "|".join(f"(?P<r{index}>{rule})" for index, (rule, _) in enumerate(RULES))
# What the user's table calls "<>", "()" or "{}": no group with a code, (be)cause, pause, or edge of a long event.
OWN_PAIRS = {
    "<>": r"<[^<>]{0,60}>(?!\s*\[)",
    "()": r"(?<!\w)\((?=[^()]*[^\W\d_])[^()]{0,60}\)(?!\w)",
    "{}": r"(?<!&)\{[^{}]{0,200}\}",
}

# How it was said: intonation, stress, lengthening, overlap (some numbered), voice, underlining. Most of the signs that
# https://ca.talkbank.org/codes.html lists are from Unicode's blocks of arrows and symbols, and no word holds such.
PROSODY = re.compile(
    "[\u2308-\u230b][0-9]?|[\u2190-\u23ff\u2580-\u26ff\u2900-\u29ff]"
    "|[\x01-\x08\u00a7\u00b0\u02c8\u02cc\u02d0\u02d1\u03ab\u2047\u204e\u2051^]|(?<=[^\\W\\d]):+"
)
STUTTER = "\u21ab"  # encloses what was repeated of a word, left or right of it
ENDS = ".?!,"  # punctuation that stays
AFTER_WORDS = ENDS + ";:\u2021\u201e"
UNCLEAR = frozenset("xxx xx yyy yy www".split())
LONGEST = 1000  # tokens of a line: [x 99] many times in it would make it endless
MAX_BETWEEN = 10  # tokens between a word and its punctuation: laughter, a pause
SPOKEN = (Kind.WORD, Kind.FILLER, Kind.PARTIAL)


def tokenize(text: str, own: Own) -> list[Token]:
    """The tokens of a main line, without its speaker code.

    Parameters
    ----------
    own : kinds of marks by the mark in lower case; that of "[]" is for marks in brackets that CHAT does not know.
        Of CHAT's own marks, the table comes first, too
    """
    tokens: list[Token] = []
    starts: list[int] = []  # where each open group begins
    last = 0  # where the last word or group begins: what [x 3] repeats
    for match in _scanner(tuple(own)).finditer(text):
        action = None if match["own"] else ACTIONS[int(match.lastgroup[1:])]
        own_kind = _own_kind(match[0], action, own)
        if own_kind:
            last = len(tokens)
            parts = match[0].strip("[]<>(){}").split() if own_kind in SPOKEN else [match[0]]
            tokens += [Token(own_kind, part) for part in parts]
        elif action == "group":
            starts.append(len(tokens))
        elif action == "end of group":
            last = starts.pop() if starts else last
        elif action == "repeat":
            tokens += _again(tokens, last, match)
            last = len(tokens)
        elif action in SPOKEN:
            word = match[0].rstrip(AFTER_WORDS)
            last = len(tokens) if word else last
            tokens += _spoken(action, word)
            _punctuate(tokens, re.sub(f"[^{ENDS}]", "", match[0][len(word) :]))
        elif action:
            last = len(tokens)
            tokens.append(Token(action, match[0][:SHOWN]))
    return tokens


@functools.cache
def _scanner(marks: tuple[str, ...]) -> re.Pattern[str]:
    """The rules with the user's marks of brackets before them, as <bang>, which the rules would take for a group."""
    whole = [mark for mark in marks if mark[0] in "<({[" and len(mark) > 2]
    own = [re.escape(mark) for mark in sorted(whole, key=len, reverse=True)]
    own += [pattern for pair, pattern in OWN_PAIRS.items() if pair in marks]
    return re.compile(f"(?P<own>{'|'.join(own) or '(?!)'})|{SCANNER}", re.IGNORECASE)


def _own_kind(mark: str, action: Kind | str | None, own: Own) -> Kind | None:
    """The kind that the user's table has for a mark, a word without its punctuation; None where it has none."""
    kind = own.get(mark.lower()) or own.get(mark.lower().rstrip(AFTER_WORDS))
    if kind is None and mark[0] + mark[-1] in OWN_PAIRS and action is None:
        kind = own.get(mark[0] + mark[-1])
    if kind is None and action is Kind.UNKNOWN and mark.startswith("["):
        kind = own.get("[]")
    return kind


def _again(tokens: list[Token], last: int, repeat: re.Match[str]) -> list[Token]:
    """The tokens that [x 3] adds: those from `last` on two more times."""
    times = int(repeat["times"]) - 1
    if len(tokens) + times * (len(tokens) - last) > LONGEST:
        return [Token(Kind.UNKNOWN, repeat[0])]
    return tokens[last:] * times


def _punctuate(tokens: list[Token], mark: str) -> None:
    """Attach a sentence's punctuation to its last word, where CHAT has a space; a word with a mark gets no second."""
    for place in range(len(tokens) - 1, max(-1, len(tokens) - 1 - MAX_BETWEEN), -1):
        token = tokens[place]
        if token.kind in SPOKEN and not token.text.endswith(tuple(ENDS)):
            tokens[place] = Token(token.kind, token.text + mark)
        if token.kind is not Kind.NOISE:
            return  # the last word has the mark now, or is one that is not transcribed


def _spoken(kind: Kind, word: str) -> Iterator[Token]:
    """The tokens of a word, which its codes may turn into another kind; a_lot is two words."""
    if kind is not Kind.WORD:
        form = _plain(word.lstrip("&-~+")).rstrip("-")
        if kind is Kind.FILLER or form.lower() in FILLERS:  # older files have &um
            yield Token(Kind.FILLER, form)
        elif form:
            yield Token(Kind.PARTIAL, form + "-")
        return
    form, _, suffix = word.partition("@")
    if form.lower() in UNCLEAR or suffix.split("$")[0] == "u":  # @u: the sounds, in phonetic letters
        yield Token(Kind.UNCLEAR, word)
        return
    form = _plain(form)
    if re.search(r"[&*%{}\\|=]", form) or (form and not re.search(r"\w", form)):
        yield Token(Kind.UNKNOWN, word[:SHOWN])
    elif form.lower() in FILLERS:
        yield Token(Kind.FILLER, form)
    else:
        for part in form.split():
            yield Token(Kind.PARTIAL if part.endswith("-") else Kind.WORD, part)


def _plain(word: str) -> str:
    """A word without what was not said, (be)cause, how it was said, and joints: a_lot, choo+choo."""
    word = re.sub(r"\([^()]*\)", "", word.split("@")[0].split("$")[0])
    word = PROSODY.sub("", word.strip(STUTTER).replace(STUTTER, "-"))
    return word.replace("(", "").replace(")", "").replace("_", " ").replace("+", " ").strip()
