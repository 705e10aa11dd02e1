"""Batches by seconds: every clip once an epoch, few shapes, the same batches on any number of devices."""

import itertools

import numpy as np
import pytest

from stages.training import trainer_options
from stages.training.batching import Batches, bucket_lengths
from tests.support.training import settings

WINDOW = 3000
LENGTHS = np.random.default_rng(0).gamma(4.0, 100.0, 500).clip(50, WINDOW).astype(int).tolist()


def batches(lengths=LENGTHS, seconds: float = 60.0, share: float = 0.0, speeds=(1.0,), **kwargs) -> Batches:
    return Batches(lengths, WINDOW, round(100 * seconds), share, speeds, seed=1, **kwargs)


def drawn(sampler: Batches, epoch: int) -> list:
    sampler.epoch = epoch
    return list(sampler)


def draws_of(parts: list) -> list:
    """All draws, in order."""
    return list(itertools.chain.from_iterable(parts))


def clips_of(parts: list) -> list[int]:
    """The clips of all draws, in order."""
    return [draw.clip for draw in draws_of(parts)]


def sorted_draws(draws: list) -> list[tuple]:
    return sorted((draw.clip, draw.speed, draw.frames) for draw in draws)


def test_bucket_lengths_are_few_and_end_with_the_window():
    lengths = bucket_lengths(WINDOW)
    assert lengths[0] == 32
    assert lengths[-1] == WINDOW
    assert len(lengths) < 50
    assert all(length % 32 == 0 for length in lengths[:-1])
    assert lengths == sorted(set(lengths))


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize(("parts", "devices"), [(1, 1), (3, 1), (2, 4)])
def test_every_clip_is_learnt_from_once_an_epoch(share, parts, devices):
    learnt = []
    for device in range(devices):
        sampler = batches(share=share, parts=parts, devices=devices, device=device)
        parts_drawn = drawn(sampler, 0)
        assert len(parts_drawn) == len(sampler)
        learnt += [draw.clip for draw in draws_of(parts_drawn) if draw.is_real]
    assert sorted(learnt) == list(range(len(LENGTHS)))


def test_no_clip_is_cut_and_no_batch_is_longer_than_asked():
    for part in drawn(batches(), 0):
        frames = part[0].frames
        assert all(LENGTHS[draw.clip] <= draw.frames == frames for draw in part)
        assert len(part) == 1 or len(part) * frames <= 6000


def test_a_clip_longer_than_a_batch_comes_alone():
    assert [len(part) for part in drawn(batches([2900, 2800], seconds=20.0), 0)] == [1, 1]


def test_little_is_padded():
    heard = sum(LENGTHS)
    padded = sum(len(part) * part[0].frames for part in drawn(batches(), 0))
    assert padded < 1.15 * heard


def test_epochs_have_the_same_number_of_batches_in_another_order():
    for share in (0.0, 0.1):
        sampler = batches(share=share)
        epochs = [drawn(sampler, epoch) for epoch in range(4)]
        assert {len(epoch) for epoch in epochs} == {sampler.steps}
        assert clips_of(epochs[0]) != clips_of(epochs[1])
        assert clips_of(epochs[0]) == clips_of(drawn(sampler, 0))


@pytest.mark.parametrize(("parts", "devices"), [(4, 1), (2, 2), (1, 4), (1, 7)])
@pytest.mark.parametrize("speeds", [[1.0], [0.8, 1.25]])
def test_devices_and_parts_do_not_change_the_batches(parts, devices, speeds):
    samplers = [batches(speeds=speeds, parts=parts, devices=devices, device=device) for device in range(devices)]
    shared = [drawn(sampler, 2) for sampler in samplers]
    for step, whole in enumerate(drawn(batches(speeds=speeds), 2)):
        pieces, sizes = [], []
        for of_device in shared:
            pieces += of_device[step * parts : (step + 1) * parts]
        for part in pieces:
            sizes.append(sum(draw.is_real for draw in part))
        real_draws = [draw for draw in draws_of(pieces) if draw.is_real]
        assert sorted_draws(real_draws) == sorted_draws(whole)
        assert len({part[0].frames for part in pieces}) == 1
        assert max(sizes) - min(sizes) <= 1
        assert all(pieces)  # no device is left without work: the others would wait for it for ever


def test_share_of_clips_at_the_window():
    at_window = []  # the clips of each epoch
    for epoch in range(3):
        draws = draws_of(drawn(batches(share=0.1), epoch))
        at_window.append([draw.clip for draw in draws if draw.frames == WINDOW])
        assert len(at_window[-1]) == pytest.approx(50, abs=3)  # leftovers of an epoch may join them
    assert set(at_window[0]) != set(at_window[1])


def test_nothing_is_drawn_after_the_end():
    assert list(batches(ended=True)) == []


def test_batches_hold_their_clips_at_the_speed_drawn():
    sampler = batches(speeds=[0.9, 1.0, 1.1])
    speeds = set()
    for part in drawn(sampler, 0):
        for draw in part:
            speeds.add(draw.speed)
            assert LENGTHS[draw.clip] / draw.speed <= draw.frames <= WINDOW
    assert speeds == {0.9, 1.0, 1.1}
    assert not np.array_equal(sampler.clip_speeds(0), sampler.clip_speeds(1))
    assert len(drawn(sampler, 0)) == len(drawn(sampler, 1)) == sampler.steps


def test_a_clip_that_would_outgrow_the_window_keeps_its_speed():
    assert {draw.speed for draw in draws_of(drawn(batches([2900], speeds=[0.9]), 0))} == {1.0}


def test_parts_are_not_smaller_than_a_clip(capsys):
    """With 0.001 s on a device, each batch would be cut into 9 000 parts, nearly all of them empty."""
    lengths = [96, 160, 300, 900] * 8
    usual = trainer_options.make_batches(lengths, settings(), WINDOW)
    tiny = trainer_options.make_batches(lengths, settings({"device_seconds": 0.001}), WINDOW)
    assert tiny.parts == max(len(clips) for clips, _ in usual.batches(0)) > 1
    assert (usual.parts, tiny.batches(0)) == (1, usual.batches(0))
    printed = capsys.readouterr().out
    assert printed.count("runtime.device_seconds is 0.001, which asks for 9000 parts per device") == 1
    assert f"no batch has over {tiny.parts} clips; it is cut into {tiny.parts} part(s) per device" in printed


def test_few_clips_are_not_said_to_be_longer_than_a_part(capsys):
    """Three clips of 1 s fit into one part of 10 s; a batch of 30 s would still be cut into three."""
    three = trainer_options.make_batches([100] * 3, settings({"device_seconds": 10.0}, batch_seconds=30.0), WINDOW)
    two = trainer_options.make_batches([100] * 2, settings({"device_seconds": 10.0}, batch_seconds=30.0), WINDOW)
    assert (three.parts, two.parts) == (3, 2)
    assert capsys.readouterr().out == (
        "runtime.device_seconds is 10, which asks for 3 parts per device, but no batch has over 2 clips; it is cut"
        " into 2 part(s) per device\n"
    )
