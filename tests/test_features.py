"""Features at an utterance's own length are those of the stock extractor, and silence is silence."""

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from stages.whisper import features

EXTRACTOR = WhisperFeatureExtractor(feature_size=80, chunk_length=10)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


def stock(audio: np.ndarray) -> np.ndarray:
    return EXTRACTOR(audio, sampling_rate=16_000, return_tensors="np").input_features[0]


@pytest.mark.parametrize("spare", [0.0, 0.5])
@pytest.mark.parametrize("seconds", [0.3, 1.2345, 9.7, 9.995, 10.0])
def test_same_as_the_stock_extractor_up_to_the_end(seconds, spare):
    audio = noise(seconds)
    own, full = features.log_mel(EXTRACTOR, audio, spare), stock(audio)
    assert own.shape[1] % 2 == 0
    assert own.shape[1] <= full.shape[1]
    assert own.shape[1] >= min(100 * (seconds + spare), 1000)
    np.testing.assert_allclose(own, full[:, : own.shape[1]], atol=1e-5)


def test_padding_to_the_window_is_what_the_stock_extractor_does():
    audio = noise(2.0)
    padded = features.pad_to(features.log_mel(EXTRACTOR, audio, 0.5), 1000)
    np.testing.assert_allclose(padded, stock(audio), atol=1e-5)
    np.testing.assert_allclose(padded[:, -1], padded.max() - 2.0, atol=1e-5)  # the floor that silence lies on


@pytest.mark.parametrize("level", [3e-3, 1e-3, 3e-4])
def test_padding_of_a_soft_clip_is_what_the_stock_extractor_does(level):
    """The extractor cuts off at 1e-10, which soft clips reach before the floor that lies 8 decades under their peak."""
    audio = 10 * level * noise(2.0)  # its standard deviation is `level`
    expected = stock(audio)
    assert expected.min() == -1.5
    padded = features.pad_to(features.log_mel(EXTRACTOR, audio, 0.5), 1000)
    np.testing.assert_allclose(padded, expected, atol=1e-5)
    assert padded[:, -1].tolist() == [-1.5] * 80


def test_a_recording_longer_than_the_window_is_not_cut():
    assert features.log_mel(EXTRACTOR, noise(12.0), 0.5).shape == (80, 1200)


@pytest.mark.parametrize(("context", "frames"), [("utterance", 192), ("window", 1000)])
def test_batch_shape(context, frames):
    clips = [features.log_mel(EXTRACTOR, noise(seconds), 0.1) for seconds in (0.5, 1.6)]
    batch = features.batch(clips, EXTRACTOR, context)
    assert batch.shape == (2, 80, frames)
    floor = clips[0].max() - 2.0
    assert batch[0, :, clips[0].shape[1] :].unique().tolist() == [pytest.approx(floor)]


def test_batch_never_exceeds_the_window():
    assert features.batch([features.log_mel(EXTRACTOR, noise(9.95), 0.5)], EXTRACTOR, "utterance").shape[-1] == 1000
