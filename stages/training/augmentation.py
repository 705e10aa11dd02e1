"""Augmentation of training clips: another speed, another vocal tract, and masks; new random ones in every epoch.

It works on the log-mel spectrogram, which is computed once and cached: that takes half a millisecond a clip, while
resampling the audio and computing the features again would take ten times as long. The random numbers depend only on
the seed, the epoch and the clip, not on workers, batches or whether the run was killed and resumed.
"""

import functools

import numpy as np
from transformers.audio_utils import hertz_to_mel, mel_to_hertz

from stages.common.params import Augment

HIGHEST = 8000.0  # Hz: the top of Whisper's mel filters, half the sample rate
WARPED_UP_TO = 4800.0  # Hz: VTLP scales frequencies up to about here; above, so that they still end at HIGHEST


def generator(seed: int, epoch: int, clip: int) -> np.random.Generator:
    """The source of random numbers for one clip in one epoch."""
    return np.random.default_rng([seed, epoch, clip])


def augment(
    log_mel: np.ndarray, speech: int, speed: float, settings: Augment, generator: np.random.Generator
) -> np.ndarray:
    """Change a clip's speed, then its vocal tract, then mask it. The input is not modified.

    Parameters
    ----------
    log_mel : float32, shape (mel_bins, frames), as Whisper scales it
    speech : frames before the silence at the end
    speed : one of settings.speeds; chosen by stages.training.batching, which must know how long the clip becomes

    Returns
    -------
    float32, shape (mel_bins, frames / speed), with an even number of frames
    """
    if speed != 1.0:
        log_mel, speech = change_speed(log_mel, speed), round(speech / speed)
    if settings.vtlp:
        log_mel = warp_vocal_tract(log_mel, 1 + generator.uniform(-settings.vtlp, settings.vtlp))
    return mask(log_mel, speech, settings, generator)


def change_speed(log_mel: np.ndarray, factor: float) -> np.ndarray:
    """Play a clip faster or slower, which changes tempo and pitch.

    Speed perturbation (Ko et al. 2015, "Audio augmentation for speech recognition") resamples the audio. On the
    spectrogram, this scales the time axis by 1 / factor and the frequency axis by factor.
    """
    frames = 2 * round(log_mel.shape[1] / factor / 2)  # even: the encoder halves them
    places = np.minimum(np.arange(frames) * factor, log_mel.shape[1] - 1)
    left = places.astype(np.int64)
    weight = (places - left).astype(np.float32)
    right = np.minimum(left + 1, log_mel.shape[1] - 1)
    stretched = log_mel[:, left] * (1 - weight) + log_mel[:, right] * weight
    return _resample_bins(stretched, _frequencies(len(log_mel)) / factor)


def warp_vocal_tract(log_mel: np.ndarray, alpha: float) -> np.ndarray:
    """Shift the formants as in a vocal tract of another length: multiply frequencies by alpha, up to WARPED_UP_TO.

    This is VTLP (Jaitly and Hinton 2013, "Vocal tract length perturbation improves speech recognition"), by
    interpolation between mel bins.
    """
    target = _frequencies(len(log_mel))
    edge = WARPED_UP_TO * min(alpha, 1) / alpha
    upper = HIGHEST - (HIGHEST - edge * alpha) / (HIGHEST - edge) * (HIGHEST - np.array([edge, HIGHEST]))
    source = np.interp(target, [0.0, *upper], [0.0, edge, HIGHEST])
    return _resample_bins(log_mel, source)


@functools.cache
def _frequencies(bins: int) -> np.ndarray:
    """Centre of each of Whisper's mel filters, Hz."""
    top = hertz_to_mel(HIGHEST, mel_scale="slaney")
    return mel_to_hertz(np.linspace(0, top, bins + 2)[1:-1], mel_scale="slaney")


def _resample_bins(log_mel: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Give each bin the energy at another frequency; above the highest frequency, silence.

    Parameters
    ----------
    source : of each bin, the frequency to read, Hz; shape (mel_bins,)
    """
    bins = len(log_mel)
    places = np.interp(source, _frequencies(bins), np.arange(bins))
    left = places.astype(np.int64)
    weight = (places - left).astype(np.float32)[:, None]
    moved = log_mel[left] * (1 - weight) + log_mel[np.minimum(left + 1, bins - 1)] * weight
    moved[source > HIGHEST] = log_mel.min()
    return moved


def mask(log_mel: np.ndarray, speech: int, settings: Augment, generator: np.random.Generator) -> np.ndarray:
    """SpecAugment (Park et al. 2019, arXiv:1904.08779): replace time spans and frequency bands by the clip's mean.

    Time spans are masked only in the speech: a mask on the padding would have no effect.
    """
    if not (settings.time_masks or settings.frequency_masks):
        return log_mel
    log_mel, mean = log_mel.copy(), log_mel[:, : max(1, speech)].mean()
    for _ in range(settings.time_masks):
        start, width = _span(generator, speech, round(settings.time_mask_share * speech))
        log_mel[:, start : start + width] = mean
    for _ in range(settings.frequency_masks):
        start, width = _span(generator, len(log_mel), settings.frequency_mask_bins)
        log_mel[start : start + width] = mean
    return log_mel


def _span(generator: np.random.Generator, length: int, widest: int) -> tuple[int, int]:
    """Start and width of one mask, within `length`."""
    width = int(generator.integers(0, min(widest, length) + 1))
    return int(generator.integers(0, length - width + 1)), width
