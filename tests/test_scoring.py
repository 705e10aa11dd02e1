"""Normalisers, and error counts that add up; figures checked by hand."""

import pytest

from stages.common.errors import UserError
from stages.records import letter_case, light_normaliser
from stages.wer import error_counts, normalisers
from stages.whisper.model import load_processor
from tests.support.checkpoints import SAMPLE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Um, the DOG!", "um the dog"),
        ("two three five", "two three five"),
        ("don\u2019t 'quote' it", "don't quote it"),
        ("rock-and-roll", "rock and roll"),
        ("  a\u00a0b\n", "a b"),
        ("caf\u00e9 nai\u0308ve", "caf\u00e9 na\u00efve"),
        ("\u8336 \u2014 \u00e6r\u00f8", "\u8336 \u00e6r\u00f8"),
        ("...", ""),
    ],
)
def test_light(text, expected):
    assert light_normaliser.light(text) == expected


TURKISH = "I\u015eIK \u0130STANBUL'da"
TURKISH_LOWER = "\u0131\u015f\u0131k istanbul'da"
HINDI = "\u092c\u091a\u094d\u091a\u0947 \u0915\u093f\u0924\u093e\u092c \u0930\u0939\u0947"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (TURKISH, "tr", TURKISH_LOWER),
        ("I\u0307stanbul", "az", "istanbul"),  # the dot as a letter of its own, as some keyboards write it
        ("I \u0130", "en", "i i\u0307"),
        ("Straße IN", "de", "straße in"),
    ],
)
def test_lower_case_by_the_language(text, language, expected):
    assert letter_case.lower(text, language) == expected
    assert letter_case.lower(expected, language) == expected
    for name, rule in normalisers.load(SAMPLE, language).items():
        assert rule(text).split() == rule(expected).split(), name


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("hi", HINDI),
        (
            "ta",
            "\u0b95\u0bc1\u0bb4\u0ba8\u0bcd\u0ba4\u0bc8 \u0baa\u0b9f\u0bbf",
        ),
        ("he", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd"),
        ("ar", "\u0643\u0650\u062a\u064e\u0627\u0628"),
    ],
)
def test_vowel_signs_stay_in_their_word(language, text):
    for name, rule in normalisers.load(SAMPLE, language).items():
        assert len(rule(text + " .").split()) == len(text.split()), name
        assert error_counts.count_errors([text], [text], rule).words == len(text.split()), name


def test_whisper_normaliser_is_the_published_one():
    rules = normalisers.load(SAMPLE, "en")
    assert rules["whisper"]("Um, two three five colours") == "235 colors"
    assert rules["light"]("Um, two three five colours") == "um two three five colours"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_normalisers_are_those_of_the_tokenizer(language):
    tokenizer = load_processor(SAMPLE).tokenizer
    theirs = tokenizer.normalize if language == "en" else tokenizer.basic_normalize
    ours = normalisers.load(SAMPLE, language)["whisper"]
    for text in (
        "Um, two three five colours",
        "Mr. O'Neil's <laugh> caf\u00e9 (really)",
        "L'\u00e9t\u00e9, \u00e7a va?",
    ):
        assert ours(text) == theirs(text)


def test_checkpoint_without_a_spelling_list(tmp_path):
    text = "Um, two three five colours"
    assert normalisers.load(tmp_path, "en")["whisper"](text) == normalisers.load(SAMPLE, "en")["whisper"](text)
    assert normalisers.load(tmp_path, "fr")["whisper"]("\u00c7a va?") == "\u00e7a va "


def test_damaged_spelling_list_is_named(tmp_path):
    (tmp_path / "normalizer.json").write_text("{")
    with pytest.raises(UserError, match=r"normalizer\.json is not valid JSON"):
        normalisers.load(tmp_path, "en")


def test_corpus_rate_is_not_the_mean_of_rates():
    # 1 substitution in 10 words and 1 deletion in 1: (1 + 1) / 11, where the mean of the rates would be 0.55.
    counts = error_counts.count_errors(
        ["a b c d e f g h i j", "x"], ["a b c d e f g h i k", ""], light_normaliser.light
    )
    assert (counts.substitutions, counts.deletions, counts.insertions, counts.words) == (1, 1, 0, 11)
    assert counts.wer == pytest.approx(2 / 11)


def test_empty_reference_counts_its_insertions():
    counts = error_counts.count_errors(["a b", "", "..."], ["a b", "so many words", ""], light_normaliser.light)
    assert (counts.insertions, counts.words, counts.utterances) == (3, 2, 3)
    assert counts.wer == pytest.approx(1.5)


def test_character_errors():
    counts = error_counts.count_errors(["the cat"], ["the cut s"], light_normaliser.light)
    assert (counts.characters, counts.character_errors) == (7, 3)
    assert counts.cer == pytest.approx(3 / 7)


def test_nothing_to_score():
    with pytest.raises(UserError, match="nothing is left of the references"):
        error_counts.count_errors(["...", ""], ["a", "b"], light_normaliser.light)


def test_figures_round_and_hold_no_list():
    figures = error_counts.count_errors(["a b c"], ["a b"], light_normaliser.light).figures()
    assert figures == {
        "wer": 0.333333,
        "cer": 0.4,
        "utterances": 1,
        "words": 3,
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
    }
