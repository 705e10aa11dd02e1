"""What the usual names and codes of speakers and tiers mean: a child, an adult, or no speech.

The codes are those of

- CHAT (MacWhinney, Tools for Analyzing Talk, part 1: CHAT, "Participants"): CHI, MOT, FAT, INV, SIB ...
- ACLEW's annotation scheme (Casillas et al. 2017, Introduction to the ACLEW DAS template): CHI for the key child, and
  F or M or U for female, male or unknown, A or C for adult or child, and a number: FA1, MC2, UC1
- LENA (Gilkerson et al. 2008, LTR-02-2): CHN, CHF for the key child near and far, CXN, CXF for other children,
  FAN, FAF, MAN, MAF for adults, OLN, OLF for overlaps, TVN, TVF for electronic sound, NON, NOF for noise, SIL
- VTC (Lavechin et al. 2020, arXiv:2005.12656): KCHI, OCH, FEM, MAL

and beside them, the words that people write instead.
"""

import re
from collections.abc import Iterable

CHILD, ADULT, NO_SPEECH = "child", "adult", "no speech"

_CHILD = """
chi kchi och chn chf cxn cxf fc mc uc child children target_child key_child kid boy girl baby infant toddler
student pupil learner sib sibling sis sister bro brother female_child male_child other_child
"""
_ADULT = """
mot mother mom mum mommy mummy mama mamma ma mo mutter mutti mere madre mor
fat father dad daddy papa pa fa vater papi pere padre far
parent parents gra grm grf grandma grandpa grandmother grandfather granny grandad grandparent oma opa
aunt auntie uncle caregiver carer caretaker nanny nurse babysitter sitter
inv investigator exp experimenter int ivr interviewer researcher ra research_assistant tester examiner assessor
clinician therapist slp slt speech_therapist doctor tea teacher tutor instructor educator coach staff observer visitor
adult adu fem mal fan faf man maf ua female_adult male_adult adult_female adult_male woman
"""
_NO_SPEECH = """
note notes comment comments com remark remarks noise noises background bg silence sil pause pauses music event events
marker markers section sections segment_number ref reference_number number line_number time timestamp code codes coding
coding tocode to_code on_off on_or_off onoff onoroff addressee adressee xds vcm lex mwu sylcnt remember_me
breaks tones tobi pitch intonation prosody stress syllable syllables vowel vowels misc miscellaneous
translation translations free_translation literal_translation ft lt gloss glosses glossing morph morphs morphemes pos
ipa phon phons phonetic phonetics phonology phonemes phones gesture gestures gaze action actions activity activities
task oln olf tvn tvf non nof overlap ee electronic context metadata participant_info confidence
"""


# Of names such as code_num_periodic and context_random, which ACLEW's templates have.
_FIRST_OF_NO_SPEECH = frozenset("code codes coding context".split())

SHORTEST_WORD = 5  # letters: far, pere and oma are names too


def _table() -> dict[str, str]:
    meanings = {}
    for codes, meaning in ((_CHILD, CHILD), (_ADULT, ADULT), (_NO_SPEECH, NO_SPEECH)):
        for code in codes.split():
            meanings[code] = meaning
    return meanings


MEANINGS = _table()


def meaning_of(name: str) -> str | None:
    """CHILD, ADULT or NO_SPEECH for a name or code that says what somebody or a tier is; None for any other name.

    Upper or lower case, numbers and punctuation do not count: "MOT*", "Mom 2" and "mom" are one. Of vcm@CHI, as ELAN's
    users name the codes for CHI, the part before the @ counts if it means no speech.
    """
    words = re.findall(r"[^\W\d_]+", name.lower())
    if words[:1] and words[0] in _FIRST_OF_NO_SPEECH:
        return NO_SPEECH
    about, _, person = name.partition("@")
    if person and meaning_of(about) == NO_SPEECH:
        return NO_SPEECH
    return MEANINGS.get("_".join(words))


def is_adult_word(name: str) -> bool:
    """Whether a name in a table's speaker column is a word for an adult, such as "Mother" or "researcher".

    Codes do not count there, nor words with numbers: FA01 and RA12 are how people number children, and Mo is a name.
    """
    is_long = sum(map(str.isalpha, name)) >= SHORTEST_WORD
    return meaning_of(name) == ADULT and is_long and not any(map(str.isdigit, name))


def are_adults(names: Iterable[str]) -> bool:
    """Whether one of a speaker's names or tiers means an adult, and none means a child."""
    meanings = {meaning_of(name) for name in names}
    return ADULT in meanings and CHILD not in meanings
