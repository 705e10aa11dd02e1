"""Recordings are cut where they are quiet, wholly, and into stretches that fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.decoding import pauses

RATE = 16_000


def tone(seconds: float, level: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, round(seconds * RATE)).astype(np.float32)


def recording(*parts: tuple[float, float]) -> np.ndarray:
    return np.concatenate([tone(seconds, level) for seconds, level in parts])


def test_cut_falls_into_the_pauses():
    samples = recording((8, 0.1), (0.6, 0.001), (9, 0.1), (0.5, 0.002), (11, 0.1), (0.8, 0.001), (7, 0.1))
    cuts = [start / RATE for start, _ in pauses.cut(samples, 15.0)[1:]]
    assert [round(cut) for cut in cuts[:3]] == [8, 18, 30]
    for cut, (start, end) in zip(cuts, [(8.0, 8.6), (17.6, 18.1), (29.1, 29.9)], strict=True):
        assert start < cut < end


def test_a_dip_within_a_word_is_no_pause():
    samples = recording((10, 0.1), (0.06, 0.0), (2, 0.1), (0.5, 0.01), (10, 0.1))
    first = pauses.cut(samples, 15.0)[0]
    assert 12.06 < first[1] / RATE < 12.56


@pytest.mark.parametrize("level", [0.0, 0.1])
@given(seconds=st.floats(0.05, 70.0))
def test_stretches_are_the_whole_recording(level, seconds):
    samples = np.full(round(seconds * RATE), level, np.float32)
    cuts = pauses.cut(samples, 5.0)
    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts[:-1])]
    assert cuts[-1][1] == len(samples)
    lengths = [(end - start) / RATE for start, end in cuts]
    assert all(length <= 5.0 for length in lengths)
    assert all(length >= 2.4 for length in lengths[:-1])
    assert len(lengths) == 1 or lengths[-1] >= 0.9
