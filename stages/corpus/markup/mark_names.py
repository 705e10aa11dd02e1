"""The names of marks in transcripts, and which of them a misspelled name means."""

import difflib
import functools

from stages.corpus.markup.tokens import Kind

# Of background and cross talk, only that somebody speaks is marked: it is not the speech that is transcribed.
# A filled pause without spelling (<FP>) says nothing about how to write it.
NOISE = """
    breath breathing breathe inhale exhale cough coughing laugh laughs laughing laughter giggle giggles giggling sniff
    sniffs sniffing sniffle sneeze sneezing sigh sighs yawn yawning whisper whispering whispers sing singing cry crying
    scream screaming shout shouting burp hiccup gasp click lipsmack smack throat clearsthroat throatclearing silence sil
    pause pau nosignal noise noises nosie humannoise humannosie microphonenoise micnoise linenoise backgroundnoise
    background bang beep tone music hum static typing rustling footsteps door clap clapping crosstalk crosstalknoise
    backgroundspeech cut tap tapping fp filledpause hesitation eehesitation hes bn br bs ln ls ns ct asp blip nsn
    vocnoise vocalizednoise echo
"""
UNCLEAR = """
    indiscernible unintelligible inaudible unclear unk unknown oov spokennoise spn xxx xx yyy yy www sidespeech discard
    unin uu foreign foreignlanguage mumble mumbling mumbles garbled gibberish
"""
KINDS = {name: Kind.NOISE for name in NOISE.split()} | {name: Kind.UNCLEAR for name in UNCLEAR.split()}
LONG_NAME = 5  # letters; a shorter one is similar to too many words
LONGEST_NAME = 30  # letters; a longer one is not compared
LONG_NAMES = [name for name in KINDS if len(name) >= LONG_NAME]
SIMILAR = 0.8  # difflib's ratio


@functools.lru_cache(maxsize=10_000)
def similar(name: str) -> str | None:
    """The name of a mark that a misspelled name is closest to; None where none is similar."""
    if not LONG_NAME <= len(name) <= LONGEST_NAME:
        return None
    closest = difflib.get_close_matches(name, LONG_NAMES, 1, SIMILAR)
    return closest[0] if closest else None
