"""Augmentation: reproducible, within bounds, and each kind does to sound what it says."""

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from stages.common.params import Augment
from stages.training import augmentation
from stages.training.augmentation import change_speed, mask, warp_vocal_tract


def settings(**changed) -> Augment:
    off = {"time_masks": 0, "time_mask_share": 0.1, "frequency_masks": 0, "frequency_mask_bins": 10}
    return Augment(**off | {"speeds": [1.0], "vtlp": 0.0} | changed)


ALL = settings(time_masks=2, frequency_masks=2, speeds=[0.9, 1.1], vtlp=0.1)


def tone(hertz: float, bins: int = 80, seconds: float = 2.0) -> np.ndarray:
    """Whisper's own features of a pure tone."""
    samples = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(16_000 * seconds)) / 16_000)
    extractor = WhisperFeatureExtractor(feature_size=bins, chunk_length=round(seconds))
    return extractor(samples, sampling_rate=16_000, return_tensors="np").input_features[0]


def noise(bins: int = 80, frames: int = 400) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.8, 1.2, (bins, frames)).astype(np.float32)


def loudest_bin(log_mel: np.ndarray) -> float:
    """Centre of mass of the ridge in the middle of the clip, bins."""
    frame = log_mel[:, log_mel.shape[1] // 2]
    weights = np.exp(10 * (frame - frame.max()))
    return float((weights * np.arange(len(frame))).sum() / weights.sum())


def test_off_changes_nothing():
    clip = noise()
    assert np.array_equal(augmentation.augment(clip, 350, 1.0, settings(), augmentation.generator(1, 0, 0)), clip)


def test_input_is_left_as_it_is_and_types_stay():
    clip = noise()
    before = clip.copy()
    clip.flags.writeable = False  # as the memory-mapped table's rows
    changed = augmentation.augment(clip, 350, 0.9, ALL, augmentation.generator(1, 0, 0))
    assert np.array_equal(clip, before)
    assert changed.dtype == np.float32
    assert changed.shape[1] % 2 == 0
    assert not np.array_equal(changed, clip)


def test_depends_on_seed_epoch_and_clip():
    def drawn(*key: int) -> bytes:
        return augmentation.augment(noise(), 350, 1.0, ALL, augmentation.generator(*key)).tobytes()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    assert len({drawn(1, 2, 3), drawn(2, 2, 3), drawn(1, 3, 3), drawn(1, 2, 4)}) == 4


@pytest.mark.parametrize("bins", [80, 128])
def test_identities(bins):
    np.testing.assert_allclose(change_speed(noise(bins), 1.0), noise(bins), atol=1e-5)
    np.testing.assert_allclose(warp_vocal_tract(noise(bins), 1.0), noise(bins), atol=1e-5)


@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
def test_speed_moves_a_tone_as_resampling_does(bins, factor):
    fast = change_speed(tone(2000, bins), factor)
    assert fast.shape == (bins, 2 * round(200 / factor / 2))
    assert loudest_bin(fast) == pytest.approx(loudest_bin(tone(2000 * factor, bins)), abs=0.75)


def test_speed_changes_tempo():
    clip = np.full((80, 200), -0.5, dtype=np.float32)
    clip[:, 100:] = 1.0
    onset = np.argmax(change_speed(clip, 2.0)[40] > 0.25)
    assert onset == pytest.approx(50, abs=1)


def test_above_the_highest_frequency_a_slowed_clip_is_silent():
    slow = change_speed(noise(), 0.5)
    assert slow[-1].max() == pytest.approx(noise().min(), abs=0.01)


@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("alpha", [0.9, 1.1])
def test_vtlp_moves_formants_and_keeps_time_and_the_top(bins, alpha):
    warped = warp_vocal_tract(tone(2000, bins), alpha)
    assert warped.shape == (bins, 200)
    assert loudest_bin(warped) == pytest.approx(loudest_bin(tone(2000 * alpha, bins)), abs=0.75)
    edges = noise(bins)
    np.testing.assert_allclose(warp_vocal_tract(edges, alpha)[-1], edges[-1], atol=0.3)


def test_values_stay_between_floor_and_maximum():
    clip = noise()
    for epoch in range(20):
        changed = augmentation.augment(clip, 350, 1.1, ALL, augmentation.generator(1, epoch, 0))
        assert clip.min() - 1e-6 <= changed.min()
        assert changed.max() <= clip.max() + 1e-6


def test_masks_fall_on_speech_and_are_not_wider_than_said():
    clip = noise()
    for epoch in range(50):
        masked = mask(clip, 100, settings(time_masks=2), augmentation.generator(1, epoch, 0))
        changed = np.flatnonzero((masked != clip).any(axis=0))
        assert len(changed) <= 2 * 10
        assert (changed < 100).all()
        masked = mask(clip, 100, settings(frequency_masks=1), augmentation.generator(1, epoch, 0))
        assert (masked != clip).all(axis=1).sum() <= 10
    assert any(
        (mask(clip, 100, settings(time_masks=1), augmentation.generator(1, e, 0)) != clip).any() for e in range(9)
    )


def test_the_shortest_clip_can_be_masked():
    augmentation.augment(noise(frames=2), 0, 0.9, ALL, augmentation.generator(1, 0, 0))
