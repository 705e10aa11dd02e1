"""Who speaks beside whom: context, gaps and overlaps."""

import math

import pytest

from stages.cutting.timeline import SpeechTimeline


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], (3.9, 5.1)),
        ([(2.0, 3.0), (6.0, 7.0)], (3.9, 5.1)),
        ([(2.0, 3.95), (5.04, 7.0)], (3.95, 5.04)),
        ([(2.0, 4.0), (5.0, 7.0)], (4.0, 5.0)),
        ([(2.0, 4.5)], (4.0, 5.1)),  # overlaps
        ([(4.5, 6.0)], (3.9, 5.0)),
        ([(1.0, 9.0)], (4.0, 5.0)),  # somebody talks all the time
        ([(0.0, math.inf)], (4.0, 5.0)),
        ([(4.0, 4.4), (4.4, 5.0)], (3.9, 5.1)),  # a tier of its words
        ([(4.0, 5.0)], (3.9, 5.1)),  # the same stretch twice
        ([(0.0, 3.97), (1.0, 2.0)], (3.97, 5.1)),  # not the last that started, but the last that ended
        ([(5.02, 9.0), (7.0, 8.0)], (3.9, 5.02)),
    ],
)
def test_context_keeps_out_of_neighbours(others, expected):
    neighbours = SpeechTimeline([*others, (4.0, 5.0)])
    assert neighbours.with_context(4.0, 5.0, 0.1, 10.0) == pytest.approx(expected)


def test_context_keeps_inside_the_file():
    assert SpeechTimeline([(0.05, 1.0)]).with_context(0.05, 1.0, 0.1, 1.02) == (0.0, 1.02)
    assert SpeechTimeline([(-0.02, 1.4)]).with_context(0.0, 1.0, 0.1, 1.0) == (0.0, 1.0)  # fitted into the file before


@pytest.mark.parametrize(
    ("others", "share"),
    [
        ([], 0.0),
        ([(0.0, 4.0), (5.0, 9.0)], 0.0),
        ([(4.5, 6.0)], 0.5),
        ([(0.0, 4.25), (4.75, 6.0)], 0.5),
        ([(0.0, 4.5), (4.25, 4.5)], 0.5),  # two at once count once
        ([(4.0, 5.0)], 1.0),
        ([(0.0, math.inf)], 1.0),
        ([(6.0, 8.0), (7.0, 9.0)], 0.0),  # others among themselves
    ],
)
def test_overlap(others, share):
    assert SpeechTimeline([*others, (4.0, 5.0)]).overlap(4.0, 5.0) == pytest.approx(share)


@pytest.mark.parametrize(
    ("others", "expected"), [([], False), ([(2.2, 2.8)], True), ([(1.5, 2.1)], True), ([(3.5, 5.0), (0.0, 1.9)], False)]
)
def test_somebody_speaks_between(others, expected):
    assert SpeechTimeline([(1.0, 2.0), (3.0, 4.0), *others]).speak_between(2.0, 3.0) == expected
