"""What bench.long_form counts in a session: words, segments with valid times, and the errors of their borders."""

import pytest

from bench.long_form import Counts, cells, count_session

TRUTH = [
    {"start": 1.0, "end": 3.0, "text": "we call it bear"},
    {"start": 10.0, "end": 12.0, "text": "go home"},
]


def counted(cues: list[tuple]) -> Counts:
    counts = Counts(audio=20.0, computing=2.0)
    count_session(cues, TRUTH, 20.0, str.lower, counts)
    return counts


def test_borders_are_compared_with_the_nearest_of_their_kind():
    counts = counted([(1.0, 3.5, "we call it bear"), (9.25, 12.0, "go home")])
    assert (counts.segments, counts.valid) == (2, 2)
    assert sorted(counts.border_errors) == [0.0, 0.0, 0.5, 0.75]
    assert (counts.utterances, counts.on_time) == (2, 1)  # the second begins 0.75 s early


def test_a_segment_over_two_utterances_has_no_border_between_them():
    counts = counted([(1.0, 12.0, "we call it bear go home")])
    assert (counts.valid, counts.on_time) == (1, 0)


@pytest.mark.parametrize("times", [(None, 3.0), (1.0, None), (3.0, 3.0), (3.0, 1.0), (1.0, 21.0)], ids=str)
def test_times_that_are_missing_or_impossible_are_not_valid(times):
    counts = counted([(*times, "we call it bear")])
    assert (counts.segments, counts.valid, counts.border_errors, counts.on_time) == (1, 0, [], 0)
    assert cells(counts)[6:9] == ("0.0", "-", "0.0")


def test_words_where_nobody_speaks_are_invented():
    assert counted([(1.0, 3.0, "we call it bear"), (5.0, 8.0, "thank you"), (10.0, 12.0, "go home")]).invented == 2
    assert counted([(15.0, None, "thank you")]).invented == 2  # no end: it may last up to the recording's end
    assert counted([(5.0, None, "thank you")]).invented == 0


def test_a_decoder_that_writes_nothing_has_no_segments():
    counts = counted([])
    assert (counts.segments, counts.utterances, counts.on_time) == (0, 2, 0)
    assert cells(counts) == ("100.00", "100.00", "0.00", "0", "0", "0", "0.0", "-", "0.0", "10.0")
