"""Log-mel features that end with the utterance.

Whisper's feature extractor pads every clip to its window (30 s for the published models). Children's utterances are
3 to 5 s long, so nine tenths of the encoder's work would be silence. Features here end shortly after the speech; their
frames are the same as those of the stock extractor.
"""

import math

import numpy as np
import torch
from transformers import WhisperFeatureExtractor

from stages.records.units import SAMPLE_RATE

FRAME_MULTIPLE = 32  # batches are padded to a multiple of this, because fewer distinct shapes are faster
LOG_MEL_RANGE = 2.0  # after Whisper's scaling, a clip's floor lies this far under its loudest bin (8 decades / 4)
LOWEST_LOG_MEL = -1.5  # of the extractor, which cuts powers off at 1e-10: (-10 + 4) / 4 after the scaling


def log_mel(extractor: WhisperFeatureExtractor, audio: np.ndarray, spare_seconds: float) -> np.ndarray:
    """Log-mel spectrogram of one clip, ending `spare_seconds` after it.

    Parameters
    ----------
    audio : float32, shape (samples,), 16 kHz
    spare_seconds : silence after the audio; never beyond the model's window unless the audio itself is

    Returns
    -------
    float32, shape (mel_bins, frames), with an even number of frames (the encoder halves them)
    """
    # At least half an FFT window of silence, because the extractor mirrors the last samples there.
    spare = max(math.ceil(spare_seconds * SAMPLE_RATE), extractor.n_fft // 2)
    stride = 2 * extractor.hop_length
    samples = math.ceil((len(audio) + spare) / stride) * stride
    samples = max(min(samples, extractor.n_samples), math.ceil(len(audio) / stride) * stride)
    padding = {"padding": "max_length", "max_length": samples, "truncation": False}
    return extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="np", **padding).input_features[0]


def pad_to(features: np.ndarray, frames: int) -> np.ndarray:
    """Continue a log-mel spectrogram, shape (mel_bins, n), with silence to shape (mel_bins, frames).

    Silence is the clip's own floor, as the stock extractor computes it, not 0: zeros are loud, and cost a model
    12 to 19 points of WER. In soft clips (peaks below about -40 dBFS), it is the lowest value of the extractor.
    """
    missing = frames - features.shape[1]
    silence = max(features.max() - LOG_MEL_RANGE, LOWEST_LOG_MEL)
    return np.pad(features, ((0, 0), (0, missing)), constant_values=silence)


def batch_frames(longest: int, extractor: WhisperFeatureExtractor, audio_context: str) -> int:
    """The mel frames that a batch is padded to.

    Parameters
    ----------
    longest : mel frames of the longest clip in the batch
    audio_context : "utterance" or "window"
    """
    window = extractor.nb_max_frames  # 3000 for the published Whisper models
    if audio_context == "window":
        return window
    return min(math.ceil(longest / FRAME_MULTIPLE) * FRAME_MULTIPLE, window)


def batch(
    spectrograms: list[np.ndarray], extractor: WhisperFeatureExtractor, audio_context: str, min_frames: int = 0
) -> torch.Tensor:
    """Pad clips to one shape (clips, mel_bins, frames): the longest of them, or the model's whole window.

    Parameters
    ----------
    audio_context : "utterance" or "window"
    min_frames : to pad to at least
    """
    longest = max(min_frames, *(features.shape[1] for features in spectrograms))
    frames = batch_frames(longest, extractor, audio_context)
    return torch.from_numpy(np.stack([pad_to(features, frames) for features in spectrograms]))
