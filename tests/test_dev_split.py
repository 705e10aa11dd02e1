"""The development set that is drawn from the training speakers."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.corpus.rows.dev_split import draw_speakers, speaker_groups, with_dev
from tests.support.corpora import reading, utterance


def alone(names: list[str]) -> list[frozenset[str]]:
    return [frozenset([name]) for name in names]


def test_draw_is_stable():
    names = [f"child{number}" for number in range(30)]
    drawn = draw_speakers(alone(names), 0.1, seed=1)
    assert len(drawn) == 3
    assert drawn == draw_speakers(reversed(alone(names)), 0.1, seed=1)
    assert drawn != draw_speakers(alone(names), 0.1, seed=2)
    assert len(drawn & draw_speakers(alone([*names, "new"]), 0.1, seed=1)) >= 2
    assert len(draw_speakers(alone(["a", "b"]), 0.9, seed=1)) == 1
    with pytest.raises(UserError, match=r"1 speaker.*data/dev"):
        draw_speakers(alone(["a"]), 0.1, seed=1)


def rows(*pairs: tuple[str, str]):
    """An utterance of each speaker in each recording."""
    return [replace(utterance(speaker), audio=Path(recording)) for speaker, recording in pairs]


def test_groups_share_recordings_also_through_others():
    shared = [("a", "1"), ("b", "1"), ("c", "2"), ("b", "3"), ("d", "3"), ("e", "4"), ("e", "5")]
    expected = {frozenset("abd"), frozenset("c"), frozenset("e")}
    for order in itertools.islice(itertools.permutations(shared), 0, 5040, 97):
        assert set(speaker_groups(rows(*order))) == expected


@pytest.mark.parametrize("seed", range(20))
def test_a_recording_is_in_one_split(seed):
    pairs = [(f"s{number}", f"r{number // 2}") for number in range(12)] + [("alone", "r9")]
    train = reading("train")
    train.utterances = rows(*pairs)
    splits = with_dev({"train": train}, 0.2, seed)
    train_recordings = {row.audio for row in splits["train"].utterances}
    dev_recordings = {row.audio for row in splits["dev"].utterances}
    assert not train_recordings & dev_recordings
    assert 1 <= len({row.speaker for row in splits["dev"].utterances}) <= 3
    assert len(splits["train"].utterances) + len(splits["dev"].utterances) == len(pairs)


def test_no_more_speakers_than_needed_if_that_is_possible():
    groups = [frozenset(f"class{number}" for number in range(20)), *alone([f"child{number}" for number in range(10)])]
    for seed in range(20):
        assert len(draw_speakers(groups, 0.1, seed)) == 3
    pairs = [frozenset((f"{number}a", f"{number}b")) for number in range(4)]
    assert {len(draw_speakers(pairs, 0.01, seed)) for seed in range(20)} == {2}


def test_all_speakers_share_recordings():
    train = reading("train")
    train.utterances = rows(("a", "1"), ("b", "1"))
    with pytest.raises(UserError, match="2 speakers, who share recordings, so none can be held out"):
        with_dev({"train": train}, 0.1, 1)


def test_a_thousand_speakers_of_one_recording_are_grouped_in_no_time():
    pairs = [(f"s{number}", f"r{number // 2}") for number in range(2000)] + [
        (f"s{number}", "all") for number in range(2000)
    ]
    (group,) = speaker_groups(rows(*pairs))
    assert len(group) == 2000
