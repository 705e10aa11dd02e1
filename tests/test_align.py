"""Where the lines of a transcript are spoken: words, groups of stretches, borders. Without a model; see
test_align_sessions.py for whole recordings."""

import importlib.util
import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from stages.common.errors import UserError
from stages.decoding import voice
from tools.align import matching, placing, session
from tools.align.matching import GAP, SIMILAR, match
from tools.align.placing import Range, fill_gaps, place_by_words
from tools.align.session import align, components
from tools.align.stretches import clipped, parts_between, unused
from tools.align.transcript import Line
from tools.token_times import FRAME, TimedTokens, token_borders, warp


def indices(pairs: list[matching.Pair]) -> list[tuple[int, int]]:
    return [(reference, hypothesis) for reference, hypothesis, _ in pairs]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "pairs"),
    [
        ("one two three four", "one two three four", [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ("one two three four", "one three four", [(0, 0), (2, 1), (3, 2)]),  # a word missing
        ("one three four", "um one two three four", [(0, 1), (1, 3), (2, 4)]),  # words too many
        ("the rabbit ran", "the rabbits ran", [(0, 0), (1, 1), (2, 2)]),  # similar
        ("the rabbit ran", "the moon ran", [(0, 0), (2, 2)]),  # unlike
        ("go go stop", "go stop", [(1, 0), (2, 1)]),
        ("", "one two", []),
        ("one two", "", []),
        ("", "", []),
    ],
)
def test_words_are_matched(reference, hypothesis, pairs):
    assert indices(match(reference.split(), hypothesis.split())) == pairs


def test_similar_words_count_in_part():
    ((_, _, same),) = match(["rabbit"], ["rabbit"])
    ((_, _, similar),) = match(["rabbit"], ["rabbits"])
    assert same == 1.0
    assert similar == pytest.approx(fuzz.ratio("rabbit", "rabbits") / 100)


def gain(reference: str, hypothesis: str) -> float:
    """What a pair adds to an alignment."""
    similarity = fuzz.ratio(reference, hypothesis) / 100
    return 2 * similarity - 1 if similarity >= SIMILAR else -1


def best_total(reference: list[str], hypothesis: list[str]) -> float:
    """The highest total of any alignment, cell by cell."""
    totals = {}
    for row, column in itertools.product(range(len(reference) + 1), range(len(hypothesis) + 1)):
        options = [0.0] if row == column == 0 else []
        if row:
            options.append(totals[row - 1, column] - GAP)
        if column:
            options.append(totals[row, column - 1] - GAP)
        if row and column:
            options.append(totals[row - 1, column - 1] + gain(reference[row - 1], hypothesis[column - 1]))
        totals[row, column] = max(options)
    return totals[len(reference), len(hypothesis)]


WORDS = st.lists(st.sampled_from(["a", "bat", "bats", "cat", "catch", "dog"]), max_size=7)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_no_alignment_is_better(reference, hypothesis):
    pairs = indices(match(reference, hypothesis))
    assert pairs == sorted(pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    alone = len(reference) + len(hypothesis) - 2 * len(pairs)
    total = sum(gain(reference[row], hypothesis[column]) for row, column in pairs) - GAP * alone
    assert total == pytest.approx(best_total(reference, hypothesis), abs=1e-4)


def random_words(count: int, generator: random.Random) -> list[str]:
    return ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(count)]


def test_long_sequences_are_divided_with_the_same_result(monkeypatch):
    generator = random.Random(1)
    vocabulary = random_words(300, generator)
    reference = generator.choices(vocabulary, k=1500)
    hypothesis = []
    for word in reference:
        change = generator.random()
        if change > 0.1:  # else missing
            hypothesis.append(word if change > 0.2 else generator.choice(vocabulary))
        if change > 0.95:
            hypothesis.append(generator.choice(vocabulary))
    undivided = match(reference, hypothesis)
    assert len(undivided) > 1000
    monkeypatch.setattr(matching, "LARGEST", 20_000)
    assert match(reference, hypothesis) == undivided


def test_long_sequences_with_nothing_in_common(monkeypatch):
    generator = random.Random(1)
    monkeypatch.setattr(matching, "LARGEST", 100)
    with pytest.raises(UserError, match="too little in common"):
        match(random_words(20, generator), random_words(20, generator))


def split(*texts: str) -> list[list[str]]:
    return [text.split() for text in texts]


def test_lines_are_placed_by_their_words():
    spans = [(0.0, 2.0), (3.0, 5.0), (6.0, 8.0), (20.0, 22.0)]
    heard = split("the white zebra", "lost its jumper", "hello who are you", "a scooter and eleven turtles")
    lines = split("the white zebra lost its jumper", "nobody says this one", "a scooter", "and eleven turtles")
    places = place_by_words(lines, heard, spans)
    assert places == [Range(0, 1), None, Range(3, 3), Range(3, 3)]


def test_line_is_not_placed_across_a_long_pause():
    lines, heard = split("one two three four five six"), split("one two three four", "five six")
    assert place_by_words(lines, heard, [(0.0, 1.0), (3.0, 4.0)]) == [Range(0, 1)]
    assert place_by_words(lines, heard, [(0.0, 1.0), (5.0, 6.0)]) == [Range(0, 0)]


def test_lines_with_too_little_support_have_no_place():
    lines = split("elephants and giraffes", "", "cake")
    assert place_by_words(lines, split("and cake", ""), [(0.0, 1.0), (2.0, 3.0)]) == [None, None, Range(0, 0)]
    assert place_by_words(lines, split(""), [(0.0, 1.0)]) == [None, None, None]


class Scores:
    """A score that is given for some pairs of line and group, and -1 for others; remembers what was asked."""

    def __init__(self, scores: dict[tuple[int, int], float]):
        self.scores = scores
        self.asked: set[tuple[int, int]] = set()

    def __call__(self, line: int, groups: list[int]) -> list[float]:
        self.asked.update((line, group) for group in groups)
        return [self.scores.get((line, group), -1.0) for group in groups]


SECONDS = [(2.0 * group, 2.0 * group + 1) for group in range(6)]  # six groups of one second


def test_gaps_are_filled_between_placed_neighbours():
    score = Scores({(1, 2): 1.0, (2, 3): 1.0, (1, 0): 9.0, (2, 5): 9.0})
    places = [Range(0, 1), None, None, Range(4, 5)]
    assert fill_gaps(places, [10] * 4, SECONDS, score) == [Range(0, 1), Range(2, 2), Range(3, 3), Range(4, 5)]
    assert score.asked == set(itertools.product((1, 2), (2, 3)))
    assert places == [Range(0, 1), None, None, Range(4, 5)]


def test_filled_gaps_keep_the_order_of_the_lines():
    crossing = Scores({(0, 3): 1.0, (1, 1): 0.9})
    assert fill_gaps([None, None], [10, 10], SECONDS, crossing) == [Range(3, 3), None]
    behind = Scores({(0, 3): 1.0, (1, 1): 0.9, (0, 0): 0.3})
    assert fill_gaps([None, None], [10, 10], SECONDS, behind) == [Range(0, 0), Range(1, 1)]


def test_lines_that_fit_nowhere_stay_without_a_place():
    assert fill_gaps([None, Range(2, 2), None], [10] * 3, SECONDS, Scores({})) == [None, Range(2, 2), None]
    no_room = Scores({(1, 1): 1.0})
    assert fill_gaps([Range(0, 1), None, Range(1, 2)], [10] * 3, SECONDS, no_room) == [Range(0, 1), None, Range(1, 2)]


@pytest.mark.parametrize("length", [1, 31, 0])
def test_lines_are_not_tried_where_they_would_be_spoken_too_slowly_or_fast(length):
    score = Scores({(0, group): 5.0 for group in range(6)})
    assert fill_gaps([None], [length], SECONDS, score) == [None]
    assert score.asked == set()


def test_lines_that_share_groups_belong_together():
    places = [Range(0, 1), Range(1, 1), None, Range(1, 3), Range(2, 2), Range(3, 3), Range(4, 4)]
    assert components(places) == [[0, 1, 3, 4, 5], [6]]
    assert components([None]) == []


STRETCHES = [(0.0, 2.0), (3.0, 5.0)]


@pytest.mark.parametrize(
    ("border", "before", "after"),
    [
        (1.0, [(0.0, 1.0)], [(1.0, 2.0), (3.0, 5.0)]),
        (2.5, [(0.0, 2.0)], [(3.0, 5.0)]),
        (0.1, [], STRETCHES),  # near a stretch's start
        (1.9, [(0.0, 2.0)], [(3.0, 5.0)]),  # near its end
        (3.2, [(0.0, 2.0)], [(3.0, 5.0)]),
        (4.9, STRETCHES, []),
        (2.0, [(0.0, 2.0)], [(3.0, 5.0)]),
        (-math.inf, [], STRETCHES),
        (7.0, STRETCHES, []),
    ],
)
def test_border_divides_stretches(border, before, after):
    assert parts_between(STRETCHES, -math.inf, border) == before
    assert parts_between(STRETCHES, border, math.inf) == after


@given(st.lists(st.floats(-1, 6), max_size=6))
def test_borders_give_each_moment_to_one_line_at_most(borders):
    edges = [-math.inf, *sorted(borders), math.inf]
    parts = []
    for first, last in itertools.pairwise(edges):
        parts += parts_between(STRETCHES, first, last)
    assert all(start < end for start, end in parts)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(parts))


@given(st.floats(-1, 6))
def test_one_border_loses_nothing(border):
    parts = parts_between(STRETCHES, -math.inf, border) + parts_between(STRETCHES, border, math.inf)
    assert sum(end - start for start, end in parts) == pytest.approx(4.0)


def test_stretches_from_a_time_on():
    assert clipped(STRETCHES, 1.5) == [(1.5, 2.0), (3.0, 5.0)]
    assert clipped(STRETCHES, 2.0) == [(3.0, 5.0)]
    assert clipped(STRETCHES, -1.0) == STRETCHES


def test_unused_stretches():
    stretches = [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0)]
    assert unused(stretches, []) == stretches
    assert unused(stretches, [(4.5, 5.0), (0.0, 0.5)]) == [(2.0, 3.0), (6.0, 7.0)]
    assert unused(stretches, stretches) == []


class FakeAligner:
    """An aligner of which it is given what is recognised and where each text begins; a token a word."""

    window = 30.0
    most_tokens = 100

    def __init__(self, groups: list[list[voice.Span]], texts: list[str], starts: dict[str, float]):
        self.groups = groups
        self.spans = [(group[0][0], group[-1][1]) for group in groups]
        self.texts = texts
        self.starts = starts
        self.asked: list[tuple[voice.Span, list[str]]] = []

    def stretches(self, first: int, last: int) -> list[voice.Span]:
        return list(itertools.chain(*self.groups[first : last + 1]))

    def fits(self, start: float, end: float, tokens: int) -> bool:
        return end - start + 2 * session.MARGIN <= self.window and tokens < self.most_tokens

    def hypotheses(self) -> list[str]:
        return self.texts

    def tokens(self, text: str) -> list[int]:
        return list(range(len(text.split())))

    def gains(self, text: str, groups: list[int]) -> list[float]:
        return [0.0] * len(groups)

    def timed(self, span: voice.Span, texts: list[str]) -> TimedTokens:
        self.asked.append((span, texts))
        offset = max(0.0, span[0] - session.MARGIN)
        starts = []
        for text in texts:
            starts += [self.starts.get(text, span[0]) - offset] * len(text.split())
        return TimedTokens([*starts, span[1] - offset], [math.log(0.5)] * (len(starts) + 1))


def aligned(monkeypatch, aligner: FakeAligner, texts: list[str]) -> tuple[list[tuple], list[voice.Span]]:
    """(start, end) of each line, and the stretches that no line has."""
    monkeypatch.setattr(session, "Aligner", lambda *_: aligner)
    lines = [Line(number, "", text, text) for number, text in enumerate(texts, start=1)]
    result = align(None, np.zeros(0), lines, str)
    assert [placed.line for placed in result.placed] == lines
    assert {placed.confidence for placed in result.placed} <= {0.5, None}
    return [(placed.start, placed.end) for placed in result.placed], result.without_text


def test_lines_that_share_a_group_are_divided_by_the_text(monkeypatch):
    groups = [[(1.0, 2.0)], [(5.0, 6.0), (6.3, 8.0)], [(10.0, 11.0)], [(20.0, 21.0)]]
    heard = ["who are you", "one two three four", "five six", "nothing that is written"]
    aligner = FakeAligner(groups, heard, {"three four five six": 7.0})
    places, without_text = aligned(monkeypatch, aligner, ["one two", "three four five six", "seven eight"])
    assert places == [(5.0, 7.0), (7.0, 11.0), (None, None)]
    assert without_text == [(1.0, 2.0), (20.0, 21.0)]
    assert aligner.asked == [((5.0, 11.0), ["one two", "three four five six"])]


@pytest.mark.parametrize(("window", "most_tokens"), [(11.0, 100), (30.0, 5)])
def test_lines_are_aligned_in_parts_that_the_model_can_take(monkeypatch, window, most_tokens):
    """Lines that share groups in a row: longer than the window, or with more text than there are positions."""
    groups = [[(0.0, 5.0)], [(5.6, 10.0)], [(10.6, 15.0)]]
    starts = {"b b": 4.0, "c c": 9.0}
    aligner = FakeAligner(groups, ["aa aa b", "b c", "c"], {})
    monkeypatch.setattr(FakeAligner, "window", window)
    monkeypatch.setattr(FakeAligner, "most_tokens", most_tokens)
    aligner.starts = starts
    places, without_text = aligned(monkeypatch, aligner, ["aa aa", "b b", "c c"])
    assert places == [(0.0, 4.0), (4.0, 9.0), (9.0, 15.0)]
    assert without_text == []
    assert len(aligner.asked) > 1


def test_line_that_is_too_long_for_the_model_has_no_place(monkeypatch):
    aligner = FakeAligner([[(0.0, 5.0)], [(10.0, 11.0)]], ["one " * 200, "two"], {})
    places, without_text = aligned(monkeypatch, aligner, ["one " * 200, "two"])
    assert places == [(None, None), (10.0, 11.0)]
    assert without_text == [(0.0, 5.0)]


def paths(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """All monotone paths from corner to corner."""
    if rows == columns == 1:
        return [[(0, 0)]]
    shorter = []
    if rows > 1:
        shorter += paths(rows - 1, columns)
    if columns > 1:
        shorter += paths(rows, columns - 1)
    if rows > 1 and columns > 1:
        shorter += paths(rows - 1, columns - 1)
    return [[*path, (rows - 1, columns - 1)] for path in shorter]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (4, 1), (3, 5), (4, 4), (5, 3)])
def test_cheapest_path(rows, columns):
    for seed in range(10):
        cost = np.random.default_rng(seed).normal(size=(rows, columns))
        cheapest = min(paths(rows, columns), key=lambda path: sum(cost[cell] for cell in path))
        assert warp(cost).tolist() == [list(cell) for cell in cheapest]


def test_token_begins_where_attention_moves_to_it():
    edges = [0, 15, 40, 60]
    weights = np.random.default_rng(0).uniform(0.0, 0.1, (2, 3, 60))
    for token, (first, last) in enumerate(itertools.pairwise(edges)):
        weights[:, token, first:last] += 1.0
    borders = token_borders(weights)
    assert borders == pytest.approx([edge * FRAME for edge in edges], abs=3 * FRAME)
    assert borders[0] == 0
    assert borders[-1] == pytest.approx(60 * FRAME)


def level(*loud: tuple[int, int], frames: int = 1000) -> np.ndarray:
    """Background at -60 dB with louder frames."""
    decibels = np.full(frames, -60.0)
    for first, last in loud:
        decibels[first:last] = -20.0
    return decibels


@pytest.mark.parametrize(
    ("loud", "fitted"),
    [
        ([(100, 200)], [(1.0, 2.0)]),  # begins before the stretch, ends before its end
        ([(90, 95), (100, 200)], [(0.9, 2.0)]),  # a short hole
        ([(70, 80), (100, 200)], [(1.0, 2.0)]),  # a long hole: something else
        ([(10, 200)], [(0.6, 2.0)]),  # no farther than REACH
        ([(120, 150)], [(1.2, 2.1)]),  # no loud frame near the end: left as it is
        ([], [(1.2, 2.1)]),
    ],
)
def test_stretches_are_fitted_to_the_level(loud, fitted):
    assert voice.fit_to_level([(1.2, 2.1)], level(*loud)) == fitted


def test_fitted_stretches_do_not_overlap():
    spans = voice.fit_to_level([(1.0, 2.0), (2.3, 3.0)], level((100, 300)))
    assert spans[0] == (1.0, 2.0)
    assert spans[1][0] >= 2.0


def test_stretch_at_the_end_of_a_recording():
    assert voice.fit_to_level([(9.0, 10.03)], level((900, 1000))) == [(9.0, 10.0)]


def test_levels_are_in_decibels():
    decibels = voice.levels(np.concatenate([np.full(160, 0.1), np.zeros(160), np.ones(100)]).astype(np.float32))
    assert decibels.tolist() == pytest.approx([-20.0, -100.0], abs=0.01)


def test_stretches_are_grouped_across_short_pauses():
    spans = [(0.0, 1.0), (1.5, 3.0), (4.0, 5.0), (5.1, 30.0), (30.2, 31.0)]
    assert voice.groups(spans, longest=10.0, pause=0.6) == [
        [(0.0, 1.0), (1.5, 3.0)],
        [(4.0, 5.0)],
        [(5.1, 30.0)],
        [(30.2, 31.0)],
    ]
    assert voice.groups(spans[:2], longest=2.0, pause=0.6) == [[(0.0, 1.0)], [(1.5, 3.0)]]
    assert voice.groups([], longest=10.0, pause=0.6) == []


@pytest.mark.parametrize("missing", ["silero_vad", "onnxruntime"])
def test_missing_speech_detector_is_named(monkeypatch, missing):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else name)
    with pytest.raises(UserError, match=r"pip install -r requirements\.txt"):
        voice.check_installed()


def test_runs_without_words_are_limited():
    """Lines that are tried in groups one by one are at most LONGEST_RUN, so that the time does not grow as a square."""
    spans = [(2.0 * group, 2.0 * group + 1) for group in range(100)]
    score = Scores({(line, line): 1.0 for line in range(100)})
    places = fill_gaps([None] * 100, [10] * 100, spans, score)
    assert places[: placing.LONGEST_RUN] == [Range(line, line) for line in range(placing.LONGEST_RUN)]
    assert len(score.asked) <= placing.LONGEST_RUN**2
