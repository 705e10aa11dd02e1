"""Markup of plain transcripts: what people put between the words, tolerant of how they spell it.

Known are the marks of MyST (<BREATH>, +UM+, (()), *word*), CMU Kids ([begin_noise], /phones/), OGI Kids (<bn>; CSLU
labelling guide), TLT-school (@um, @ns), SCTK's STM ({a / b}, (%hesitation)) and Kaldi ([NOISE], <unk>). Transcribers
misspell them: names are compared without case, spaces and punctuation, and a long one also if it is only similar.
Whatever looks like a mark and is none of these becomes an UNKNOWN token: it is never taken for a word or deleted.
"""

import difflib
import functools
import re
from collections.abc import Iterator

from stages.corpus.markup.tokens import Kind, Token

FILLERS = frozenset("um umm uh uhh uhm er erm hm hmm mm mmm".split())  # also where they are written as words

# Of background and cross talk, only that somebody speaks is marked: it is not the speech that is transcribed.
# A filled pause without spelling (<FP>) says nothing about how to write it.
NOISE = """
    breath breathing breathe inhale exhale cough coughing laugh laughs laughing laughter giggle giggles giggling sniff
    sniffs sniffing sniffle sneeze sneezing sigh sighs yawn yawning whisper whispering whispers sing singing cry crying
    scream screaming shout shouting burp hiccup gasp click lipsmack smack throat clearsthroat throatclearing silence sil
    pause pau nosignal noise noises nosie humannoise humannosie microphonenoise micnoise linenoise backgroundnoise
    background bang beep tone music hum static typing rustling footsteps door clap clapping crosstalk crosstalknoise
    backgroundspeech cut tap tapping fp filledpause hesitation eehesitation hes bn br bs ln ls ns ct asp blip nsn
    vocnoise vocalizednoise
"""
UNCLEAR = """
    indiscernible unintelligible inaudible unclear unk unknown oov spokennoise spn xxx xx yyy yy www sidespeech discard
    unin uu foreign foreignlanguage mumble mumbling mumbles garbled gibberish
"""
KINDS = {name: Kind.NOISE for name in NOISE.split()} | {name: Kind.UNCLEAR for name in UNCLEAR.split()}
LONG_NAME = 5  # letters; a shorter one is similar to too many words
SIMILAR = 0.8  # difflib's ratio

SHOWN = 20  # characters of an unknown mark

# Marks are no longer than that: what is further apart are stray brackets, and looking for their ends takes no time.
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
MARKING = re.compile(r"[<>\[\](){}+*@%/]")
SPEAKER = re.compile(r"speaker\s*[0-9]{1,3}\s*:", re.IGNORECASE)
TIME = re.compile(r"[0-9]{1,2}(:[0-9]{1,2}){1,2}([.,][0-9]{1,3})?")
EDGE_OF_STRETCH = re.compile(r"^(begin|being|end)(?=.{2})")  # [begin_noise] ... [end_noise]; being is a frequent slip
CLITIC = re.compile(r"'(m|s|t|re|ve|ll|d)|n't", re.IGNORECASE)
PUNCTUATION = ".,;:!?\"'"

Own = dict[str, Kind]

# OGI Kids, as published recipes take it: words in [ ] are kept, what is in ( ) goes (ESPnet, egs2/myst_ogi_cmu_kids).
OGI: Own = {"[]": Kind.WORD, "()": Kind.NOISE}


def own_table(markup: dict[str, str]) -> Own:
    """The user's preprocess.markup with marks in lower case."""
    return {mark.lower(): Kind(kind) for mark, kind in markup.items()}


def tokenize(text: str, own: Own) -> list[Token]:
    """The tokens of a transcript in normal form. `own` says what marks, or whole pairs of brackets ("[]"), mean."""
    marked = MARKING.search(text) or any(mark in text.lower() for mark in own)
    tokens = list(_marks(text, own)) if marked else [_word(word) for word in text.split()]
    if SPEAKER.match(text):
        tokens = list(_marks(SPEAKER.sub("", text, count=1), own))
    return _with_clitics(tokens) if "'" in text else tokens


def _marks(text: str, own: Own) -> Iterator[Token]:
    for found in MARK.finditer(text):
        match found.lastgroup:
            case "guess":
                words = found["guess"].split()
                yield from map(_word, words)
                if not words:
                    yield Token(Kind.UNCLEAR, "(())")
            case "mark":
                yield from _bracketed(found["mark"], own)
            case "open" | "close":
                # Half a mark if it has the name of one, else a word with a stray bracket.
                text_of = found[found.lastgroup]
                yield _named(text_of, text_of, own) or _word(text_of.strip("<>"))
            case "phones":
                yield Token(Kind.UNCLEAR, found["phones"])
            case "word":
                yield from _symbols(found["word"], own)
            case _:
                yield Token(Kind.UNKNOWN, found["stray"])


def _bracketed(mark: str, own: Own) -> Iterator[Token]:
    inside, pair = mark[1:-1].strip(), mark[0] + mark[-1]
    if token := _named(mark, inside, own):
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
    if kind := own.get(mark.lower()):
        return next(_as(kind, inside.strip("<>[](){}+*@%")), Token(kind, mark))
    name = re.sub(r"[\W\d_]+", "", inside.lower())
    name = EDGE_OF_STRETCH.sub("", name)
    if kind := KINDS.get(name):
        return Token(kind, mark)
    if known := _similar(name):
        return Token(KINDS[known], mark, read_as=known)
    return None


@functools.lru_cache(maxsize=10_000)
def _similar(name: str) -> str | None:
    if not LONG_NAME <= len(name) <= 30:
        return None
    names = [known for known in KINDS if len(known) >= LONG_NAME]
    return next(iter(difflib.get_close_matches(name, names, 1, SIMILAR)), None)


def _as(kind: Kind, inside: str) -> Iterator[Token]:
    """What is inside a mark, as the user wants it."""
    if kind in (Kind.NOISE, Kind.UNCLEAR):
        yield Token(kind, inside)
    else:
        yield from (Token(kind, word) for word in inside.split())


def _symbols(word: str, own: Own) -> Iterator[Token]:
    """A run of characters without brackets: +UM+, *word*, word*, @um, %uh, or a word."""
    if kind := own.get(word.lower()):
        yield next(_as(kind, word.strip("+*@%")), Token(kind, word))
    elif found := re.fullmatch(r"\+([^\s+]+)\+([.,?!]*)", word):
        yield from _as(own.get("++", Kind.FILLER), found[1] + found[2])
    elif found := re.fullmatch(r"\*?([^\s*]*[^\W_][^\s*]*)\*?([.,?!]*)", word) if "*" in word else None:
        yield from _as(own.get("**", Kind.WORD), found[1] + found[2])
    elif word[0] in "@%" and len(word) > 1:
        name = word[1:].lower().strip(PUNCTUATION)
        token = _named(word, name, own)
        filler = Token(Kind.FILLER, word[1:]) if re.fullmatch(r"[aeouhmw]{1,5}", name) else None
        yield filler or token or Token(Kind.UNKNOWN, word.lower()[:SHOWN])
    elif not re.search(r"[^*+]", word):
        yield Token(Kind.UNKNOWN, word[:SHOWN])
    else:
        yield _word(word)


def _word(word: str) -> Token:
    bare = word.strip(PUNCTUATION)
    if bare.lower() in FILLERS:
        return Token(Kind.FILLER, word)
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
