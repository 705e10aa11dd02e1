"""Errors by utterance, intervals by speakers, paired comparisons; figures checked by hand or by simulation."""

import tracemalloc

import jiwer
import numpy as np
import pytest
from transformers.models.whisper.english_normalizer import BasicTextNormalizer

from stages.records import light_normaliser
from stages.scores import significance
from stages.scores.significance import SpeakerBootstrap
from stages.wer import error_counts
from stages.wer.alignment import align

REFERENCES = ["a b c d", "", "x", "the cat sat", "\u00e9t\u00e9 ici"]
HYPOTHESES = ["a x c d d", "so many words", "", "the cat sat the cat sat", "ete ici l\u00e0"]

# Reference, hypothesis, and the errors and reference words that meeteval 0.4.3, another implementation, counts in them
# (siso_word_error_rate, on the texts under scoring.light). The first dozen are the sample's base.
MEETEVAL = [
    ("the snake with the big foot likes cereal", "sister wet goats", 8, 8),
    ("when it is windy we play in the market", "afternoon always please cake", 9, 9),
    ("yes i loved the train but no one fell", "long swam want balls", 9, 9),
    ("the tall monkey rolled near the bush", "night lion kittens", 7, 7),
    ("where is my pink coat", "when it is cold we draw in the bedroom", 8, 5),
    ("she gave her grandpa a lemon and twenty balls", "cheese her banana and an", 7, 9),
    ("my leg hurts because i fell over the roof", "where is my black backpack", 9, 9),
    ("where is my red hat", "when it is warm we draw in the pool", 8, 5),
    ("they heard a long golden cat", "it can we goat in the park", 7, 6),
    ("the grey dragon lost its shirt always", "rabbit reading lego lost chased always", 5, 7),
    ("the tiger with the big ear likes water", "three tigers ear baby leg likes water", 6, 8),
    ("the brown puppy lost its jumper tonight", "bear rainy pasta fluffy zoo garden", 7, 7),
    ("", "thank you for watching", 4, 0),
    ("the dog ran away", "", 4, 4),
    ("", "", 0, 0),
    ("and then and then he fell", "and then and then and then and then and then he fell", 6, 6),
    ("Le garçon a mangé à l\u2019école, n\u2019est-ce pas?", "le garcon a mange à l'école n'est ce pas", 2, 9),
    ("сорок два котёнка", "сорок двадцать котенка", 2, 3),
    ("小 猫 在 睡觉", "小 猫 睡觉 睡觉", 1, 4),
    ("I I I want want it", "I want it it", 3, 6),
    ("um the uh cat", "the cat", 2, 4),
]


def test_errors_are_those_of_another_implementation():
    references, hypotheses, errors, words = zip(*MEETEVAL, strict=True)
    found = align(references, hypotheses, light_normaliser.light)
    assert found.errors.tolist() == list(errors)
    assert found.words.tolist() == list(words)
    corpus = error_counts.count_errors(references, hypotheses, light_normaliser.light)
    assert corpus.wer == sum(errors) / sum(words)


def test_errors_by_utterance():
    found = align(REFERENCES, HYPOTHESES, light_normaliser.light)
    assert found.substitutions.tolist() == [1, 0, 0, 0, 1]
    assert found.deletions.tolist() == [0, 0, 1, 0, 0]
    assert found.insertions.tolist() == [1, 3, 0, 3, 1]
    assert found.words.tolist() == [4, 0, 1, 3, 2]
    assert found.hypothesis_words.tolist() == [5, 3, 0, 6, 3]


@pytest.mark.parametrize("rule", [light_normaliser.light, BasicTextNormalizer()])
def test_corpus_counts_are_those_of_jiwer(rule):
    generator = np.random.default_rng(3)
    words = ["a", "b", "c", "D,", "e-f", "...", "\u00e9t\u00e9", "(um)", "\u5c0f\u732b", "g\u00a0h"]
    texts = ([], [])  # references, hypotheses
    for side in texts:
        for _ in range(200):
            side.append(" ".join(generator.choice(words, generator.integers(0, 9))))
    counts = error_counts.count_errors(*texts, rule)
    jiwers = jiwer.process_words(list(map(rule, texts[0])), list(map(rule, texts[1])))
    assert counts.words == jiwers.hits + jiwers.substitutions + jiwers.deletions
    assert counts.wer == jiwers.wer
    kinds = ("substitutions", "deletions", "insertions")
    assert [getattr(counts, kind) for kind in kinds] == [getattr(jiwers, kind) for kind in kinds]
    aligned = align(*texts, rule)
    assert error_counts.count_errors(*texts, rule, aligned) == counts


def speech(generator: np.random.Generator, speakers: int, utterances: int = 20):
    """Speakers, words and errors of utterances whose WER differs from speaker to speaker around 20 %."""
    rates = generator.beta(2, 8, speakers)
    words = generator.integers(3, 12, (speakers, utterances))
    errors = generator.binomial(words, rates[:, None])
    names = np.repeat(np.arange(speakers).astype(str), utterances)
    return names, errors.ravel(), words.ravel()


def test_interval_holds_the_true_rate_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    held = []
    for _ in range(100):
        names, errors, words = speech(generator, 30)
        low, high = SpeakerBootstrap(names).interval(errors, words)
        held.append(low <= 0.2 <= high)
    assert 0.87 <= np.mean(held) <= 0.99


def test_resampling_utterances_would_claim_more():
    names, errors, words = speech(np.random.default_rng(2), 30)
    by_speaker = SpeakerBootstrap(names).interval(errors, words)
    by_utterance = SpeakerBootstrap([str(n) for n in range(len(words))]).interval(errors, words)
    assert by_speaker.high - by_speaker.low > 1.5 * (by_utterance.high - by_utterance.low)


def test_difference():
    names, errors, words = speech(np.random.default_rng(4), 30)
    better = np.maximum(errors - 1, 0)
    found = SpeakerBootstrap(names).difference(errors, better, words)
    assert found.wer == pytest.approx((better.sum() - errors.sum()) / words.sum())
    assert found.interval.low < found.wer < found.interval.high < 0
    assert found.p < 0.001
    assert found.matched_pairs_p < 0.001


def test_same_errors_differ_in_nothing():
    names, errors, words = speech(np.random.default_rng(4), 30)
    found = SpeakerBootstrap(names).difference(errors, errors, words)
    assert found == (0.0, (0.0, 0.0), 1.0, 1.0)


def test_chance_is_called_significant_no_more_often_than_it_should():
    generator = np.random.default_rng(5)
    found = []
    for _ in range(100):
        names, _, words = speech(generator, 30)
        first, second = (generator.binomial(words, 0.2) for _ in range(2))
        found.append(SpeakerBootstrap(names).difference(first, second, words).p < 0.05)
    assert np.mean(found) < 0.15


@pytest.mark.parametrize(("speakers", "p"), [(2, 0.5), (5, 0.0625), (6, 0.03125), (12, 2**-11), (30, 2 / 10_001)])
def test_few_speakers_have_no_small_p(speakers, p):
    names, errors, words = speech(np.random.default_rng(7), speakers)
    difference = SpeakerBootstrap(names).difference(errors, errors - 1, words)
    assert difference.interval.high < 0
    assert difference.p == pytest.approx(p)


@pytest.mark.parametrize("speakers", [2, 3, 4, 5])
def test_chance_is_not_shown_with_few_speakers(speakers):
    """Of two models, each suits some speakers better, and neither is better on the whole."""
    generator = np.random.default_rng(speakers)
    for _ in range(100):
        names, errors, words = speech(generator, speakers)
        change = np.repeat(generator.normal(0, 2, speakers), len(names) // speakers)
        difference = SpeakerBootstrap(names).difference(errors, errors + change, words)
        assert difference.p > 0.05


def test_order_of_speakers_and_seed_change_nothing():
    names, errors, words = speech(np.random.default_rng(6), 12)
    order = np.random.default_rng(7).permutation(len(words))
    shuffled = SpeakerBootstrap(names[order]).interval(errors[order], words[order])
    assert shuffled == SpeakerBootstrap(names).interval(errors, words)


def test_blocks_of_draws_change_nothing(monkeypatch):
    names, errors, words = speech(np.random.default_rng(8), 40)
    draws = np.random.default_rng(significance.SEED).multinomial(40, np.full(40, 1 / 40), significance.RESAMPLINGS)
    of_speaker = []  # errors and words of each speaker
    for name in np.unique(names):
        of_speaker.append((errors[names == name].sum(), words[names == name].sum()))
    drawn_errors, drawn_words = (draws @ np.array(of_speaker)).T
    expected = drawn_errors / drawn_words
    for block in (1, 1000, 10**9):
        monkeypatch.setattr(significance, "BLOCK", block)
        significance.speaker_draws.cache_clear()
        assert np.array_equal(SpeakerBootstrap(names).resampled_rates(errors, words), expected)


def test_many_speakers_are_drawn_once_and_in_little_memory(monkeypatch):
    drawn, generator = [], np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn.append(seed) or generator(seed))
    significance.speaker_draws.cache_clear()
    tracemalloc.start()
    for _ in range(3):
        SpeakerBootstrap([str(number) for number in range(1000)]).interval(np.ones(1000, int), np.ones(1000, int))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert drawn == [significance.SEED]
    assert peak < 40e6  # as 64-bit numbers, all draws take 80 MB


def test_matched_pairs_by_hand():
    # differences 1, 0, 1, 0: mean 0.5, standard error 0.2887, z = 1.732, two-sided p = 0.0833
    assert significance.matched_pairs(np.zeros(4, int), np.array([1, 0, 1, 0])) == pytest.approx(0.0833, abs=1e-4)
    assert significance.matched_pairs(np.zeros(1, int), np.ones(1, int)) == 1.0
    assert significance.matched_pairs(np.zeros(9, int), np.zeros(9, int)) == 1.0
    assert significance.matched_pairs(np.zeros(9, int), np.ones(9, int)) == 0.0


def test_no_word_in_a_resample_is_no_division_by_zero():
    low, high = SpeakerBootstrap(["a", "b"]).interval(np.array([1, 1]), np.array([0, 4]))
    assert np.isfinite([low, high]).all()
