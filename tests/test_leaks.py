"""The same sound on both sides of the fence."""

import pytest

from stages.common.errors import UserError
from stages.cutting.cutting import Cut
from stages.cutting.leaks import Contents
from tests.support.corpora import utterance


def cut(id: str, content: str, recording: str, start: float | None = None, end: float | None = None) -> Cut:
    row = utterance(id=id, source=f"{id}.wav", start=start, end=end)
    return Cut(row, b"", 1.0, 16_000, content, recording)


def contents(**splits: list[Cut]) -> Contents:
    found = Contents()
    for split, cuts in splits.items():
        for one in cuts:
            found.add(split, one)
    return found


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            {"train": [cut("a", "x", "r")], "test": [cut("b", "x", "q")]},
            r"train and test share the audio of 1 clip\(s\): a.wav \(a\) = b.wav \(b\)",
        ),
        ({"train": [cut("a", "x", "r")], "dev": [cut("b", "x", "q")]}, "train and dev share"),
        ({"dev": [cut("a", "x", "r")], "adult": [cut("b", "x", "q")]}, "dev and adult share"),
        # The same recording, cut at other places.
        ({"train": [cut("a", "x", "r", 1, 3)], "test": [cut("b", "y", "r", 2.5, 4)]}, r"a.wav \(a\) = b.wav \(b\)"),
        ({"train": [cut("a", "x", "r", 1, None)], "test": [cut("b", "y", "r", 8, 9)]}, "share the audio of 1"),
        ({"train": [cut("a", "x", "r")], "test": [cut("b", "y", "r", 8, 9)]}, "share the audio of 1"),
        (
            {"train": [cut("l", "x", "r", 0, 9), cut("s", "z", "r", 1, 2)], "test": [cut("b", "y", "r", 5, 6)]},
            r"l.wav \(l\) = b.wav",
        ),
    ],
)
def test_shared_audio_is_an_error(splits, message, capsys):
    with pytest.raises(UserError, match=message):
        contents(**splits).check_apart(allowed=False)
    contents(**splits).check_apart(allowed=True)
    assert "warning: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "splits",
    [
        {"train": [cut("a", "x", "r")], "test": [cut("b", "y", "q")]},
        {"train": [cut("a", "x", "r"), cut("b", "x", "r")], "test": []},
        {"test": [cut("a", "x", "r")], "adult": [cut("b", "x", "r")]},
        # Two children of one session, one in each split.
        {"train": [cut("a", "x", "r", 1, 3)], "test": [cut("b", "y", "r", 3, 4), cut("c", "z", "r", 0, 1.05)]},
    ],
)
def test_no_leak(splits):
    contents(**splits).check_apart(allowed=False)


def test_sound_in_two_evaluation_sets_is_a_warning(capsys):
    sets = {"train": [cut("t", "z", "q")], "test": [cut("a", "x", "r")], "noisy": [cut("b", "x", "s")]}
    contents(**sets).check_apart(allowed=False)
    assert capsys.readouterr().out == "warning: test and noisy share the audio of 1 clip(s): a.wav (a) = b.wav (b)\n"


@pytest.mark.parametrize(
    ("cuts", "pairs"),
    [
        ([cut("a", "x", "r"), cut("b", "y", "q")], []),
        ([cut("a", "x", "r", 0, 2), cut("b", "y", "r", 2, 3)], []),
        ([cut("a", "x", "r"), cut("b", "x", "r")], ["a.wav (a) = b.wav (b)"]),
        ([cut("a", "x", "r", 0, 2), cut("b", "x", "q", 4, 6)], ["a.wav (a) = b.wav (b)"]),
        ([cut("a", "x", "r", 1, 2), cut("b", "y", "r")], ["b.wav (b) = a.wav (a)"]),
    ],
)
def test_sound_twice_in_one_split(cuts, pairs):
    found = contents(train=cuts, test=[cut("c", "x", "r")])
    assert found.repeated("train") == pairs
    assert found.repeated("test") == found.repeated("dev") == []
