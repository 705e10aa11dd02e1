"""Extra clips in the training batches: a bounded share of each epoch's speech, all of them used in turns."""

from pathlib import Path

import numpy as np
import pytest

from stages.common.errors import UserError
from stages.records import paths, shards
from stages.training import extra_clips
from stages.training.batching import Batches
from tests.support.training import settings, write_split

WINDOW = 3000
GENERATOR = np.random.default_rng(0)
TRAIN = GENERATOR.gamma(4.0, 100.0, 300).clip(50, 2900).astype(int).tolist()
EXTRA = GENERATOR.gamma(3.0, 200.0, 170).clip(50, 2900).astype(int).tolist()


def clips_of_epoch(turns: list, epoch: int) -> list[int]:
    return [int(group[epoch % len(group)]) for group in turns]


@pytest.mark.parametrize(
    ("trained", "share", "most"),
    [
        (8000, 0.2, 2000),  # 20 of 100 s
        (9000, 0.1, 1000),
        (1000, 0.5, 1000),
        (1000, 0.75, 3000),
        (1000, 0.0, 0),
    ],
)
def test_share_is_of_all_speech_of_an_epoch(trained, share, most):
    assert extra_clips.most_speech(trained, share) == most


@pytest.mark.parametrize(
    ("speech", "most", "drawn"),
    [
        ([500] * 10, 2500, 2500),  # five of ten clips of 5 s
        ([500] * 10, 2999, 2500),
        ([500] * 10, 5000, 5000),  # just all of them
        ([500] * 3, 9000, 1500),  # fewer than the share: each is used once, none twice
        ([500], 500, 500),
        ([500], 499, 0),  # less than one clip
        ([900, 300, 300, 300], 1200, 1200),  # 900 or 300, and 300: never more than the limit
        ([400, 300, 200, 100], 500, 400),  # one clip, the longest of which has 4 s; two would have up to 6 s
    ],
)
def test_amount_of_an_epoch(speech, most, drawn):
    turns = extra_clips.take_turns(speech, most, seed=1)
    amounts = [sum(speech[clip] for clip in clips_of_epoch(turns, epoch)) for epoch in range(12)]
    assert max(amounts) == drawn


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.5, 0.9])
def test_share_is_reached_and_not_exceeded_in_any_epoch(share):
    turns = extra_clips.take_turns(EXTRA, extra_clips.most_speech(sum(TRAIN), share), seed=1)
    used: set[int] = set()
    for epoch in range(max(map(len, turns))):
        clips = clips_of_epoch(turns, epoch)
        assert len(clips) == len(set(clips)) == len(turns)  # none twice
        drawn = sum(EXTRA[clip] for clip in clips)
        assert drawn <= share * (drawn + sum(TRAIN)) + 1
        if len(turns) < len(EXTRA):
            assert drawn >= extra_clips.most_speech(sum(TRAIN), share) - 3 * max(EXTRA)
        used |= set(clips)
    assert used == set(range(len(EXTRA)))
    assert max(map(len, turns)) - min(map(len, turns)) <= 1  # so all are used about equally often


def test_turns_depend_on_the_seed_alone():
    most = extra_clips.most_speech(sum(TRAIN), 0.1)
    first, again, other = (extra_clips.take_turns(EXTRA, most, seed) for seed in (1, 1, 2))
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def mixed(share: float = 0.2, **options) -> Batches:
    """Batches of TRAIN, with a share of EXTRA."""
    source = extra_clips.Source(Path("replay"), share, "train.replay_share", "")
    extra = extra_clips.mix(source, sum(TRAIN), EXTRA, "2 speakers", len(TRAIN), seed=1)
    options = {"window_share": 0.0, "speeds": (1.0,)} | options
    return Batches(TRAIN + EXTRA, WINDOW, 6000, seed=1, turns=extra.turns, **options)


def draws(sampler: Batches, epoch: int) -> list[tuple]:
    sampler.epoch = epoch
    rows = []
    for part in sampler:
        rows += [(draw.clip, int(draw.frames), draw.speed) for draw in part if draw.is_real]
    return rows


@pytest.mark.parametrize("window_share", [0.0, 0.2])
def test_every_epoch_has_as_many_steps_all_training_clips_and_other_extra_clips(window_share):
    sampler = mixed(window_share=window_share)
    extra_of_epochs = []
    for epoch in range(12):
        assert len(sampler.batches(epoch)) == sampler.steps
        clips = [clip for clip, _, _ in draws(sampler, epoch)]
        assert sorted(clips)[: len(TRAIN)] == list(range(len(TRAIN)))
        extra_of_epochs.append(sorted(clips)[len(TRAIN) :])
        assert len(extra_of_epochs[-1]) == len(set(extra_of_epochs[-1])) == len(sampler.turns)
    assert extra_of_epochs[0] != extra_of_epochs[1]
    assert set().union(*extra_of_epochs) == set(range(len(TRAIN), len(TRAIN) + len(EXTRA)))


def test_no_extra_clip_is_cut_and_no_batch_longer_than_asked():
    for clips, frames in mixed().batches(3):
        assert all((TRAIN + EXTRA)[clip] <= frames for clip in clips)
        assert len(clips) == 1 or len(clips) * frames <= 6000


def test_extra_clips_are_spread_over_the_batches():
    """They are shuffled among the training clips of their length, and have no batches of their own."""
    alone = [clips for clips, _ in mixed().batches(0) if min(clips) >= len(TRAIN) and len(clips) > 2]
    assert len(alone) <= 2


@pytest.mark.parametrize(("parts", "devices"), [(4, 1), (1, 3), (2, 2)])
def test_devices_and_parts_do_not_change_the_batches(parts, devices):
    whole = sorted(draws(mixed(speeds=(0.9, 1.1)), 2))
    rows = []
    for device in range(devices):
        rows += draws(mixed(speeds=(0.9, 1.1), parts=parts, devices=devices, device=device), 2)
    assert sorted(rows) == whole


def test_epoch_is_drawn_alike_when_training_resumes_there():
    """A resumed run makes its batches anew, and begins with the epoch of its checkpoint."""
    running = mixed()
    for epoch in range(3):
        draws(running, epoch)
    assert draws(mixed(), 3) == draws(running, 3)


def test_share_of_less_than_a_clip_is_an_error():
    source = extra_clips.Source(Path("processed_data/replay"), 0.01, "train.replay_share", "")
    with pytest.raises(UserError, match=r"train.replay_share is 0.01.* of 100 s .* less than one clip .* raise it"):
        extra_clips.mix(source, 10_000, [500, 500], "", 0, seed=1)


def test_line_on_the_screen():
    source = extra_clips.Source(Path("processed_data/replay"), 0.2, "train.replay_share", "")
    some = extra_clips.mix(source, 24_000, [600] * 100, "7 speakers", 0, seed=1)
    assert some.describe() == (
        "10 of the 100 clips of processed_data/replay (7 speakers) are mixed into every epoch, others in each: 1.0 min"
        " with 4.0 min of training clips, a share of 20.0% (train.replay_share is 0.2)"
    )
    few = extra_clips.mix(source, 24_000, [600] * 4, "7 speakers", 0, seed=1)
    assert few.describe() == (
        "all 4 clips of processed_data/replay (7 speakers) are mixed into every epoch, each once: 0.4 min with"
        " 4.0 min of training clips, a share of 9.1% (train.replay_share is 0.2)"
    )
    assert extra_clips.figures([some]) == {"replay_clips_per_epoch": 10, "replay_speech_share": 0.2}
    assert extra_clips.figures([]) == {}


def test_share_without_clips_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = settings(replay_share=0.2)
    extra_clips.check(settings())  # nothing is asked for, so nothing has to be there
    with pytest.raises(UserError, match=r"processed_data/replay/manifest.jsonl is missing"):
        extra_clips.check(wanted)
    folder = paths.split_folder(paths.REPLAY)
    folder.mkdir(parents=True)
    shards.write_manifest(folder, [])
    with pytest.raises(
        UserError, match=r"train.replay_share is 0.2, but processed_data/replay holds no clips: put .* into data/replay"
    ):
        extra_clips.check(wanted)
    assert extra_clips.describe_unused(settings()) == []
    folder.joinpath(shards.MANIFEST).unlink()
    folder.rmdir()
    write_split(folder, 3, seed=5)
    extra_clips.check(wanted)
    assert extra_clips.describe_unused(wanted) == []
    assert extra_clips.describe_unused(settings()) == [
        "the 3 clips of processed_data/replay are not used, because train.replay_share is 0"
    ]
