"""Transcribe clips in batches of similar length: the base at its full window, a tuned model as it was trained."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stages import features, hardware
from stages.model import Checkpoint, prompt_tokens, set_language, whisper_of
from stages.params import Params, Transcribe
from stages.shards import read_audio, read_manifest
from stages.transcripts import Transcript
from stages.units import SAMPLE_RATE

EXTRA_TOKENS = 16  # beyond tokens_per_second: a short clip still holds a sentence


@dataclass(frozen=True)
class Decoder:
    """A checkpoint with everything that decides what it answers."""

    checkpoint: Checkpoint
    settings: Transcribe
    most_tokens: int  # new ones the decoder has positions for, after the prompt
    device: torch.device
    precision: str  # resolved: fp32, bf16 or fp16

    @property
    def window_samples(self) -> int:
        return self.checkpoint.processor.feature_extractor.n_samples


def prepare(checkpoint: Checkpoint, settings: Params) -> Decoder:
    """Put a checkpoint on this machine's device and fix everything that decides what it answers."""
    device = hardware.choose_device(settings.runtime.device)
    checkpoint.model.to(device)
    whisper = whisper_of(checkpoint.model)
    set_language(whisper, settings.language)
    most_tokens = whisper.config.max_target_positions - len(prompt_tokens(whisper, settings.language))
    precision = hardware.choose_precision(settings.transcribe.precision, device)
    return Decoder(checkpoint, settings.transcribe, most_tokens, device, precision)


def transcribe_split(decoder: Decoder, folder: Path) -> list[Transcript]:
    """Transcribe every clip of processed_data/<split>, in the order of its manifest."""
    clips = read_manifest(folder)
    hypotheses = [""] * len(clips)
    window = decoder.window_samples / SAMPLE_RATE
    padded_to = window if decoder.checkpoint.audio_context == "window" else 0.0
    durations = [clip.duration for clip in clips]
    with tqdm(total=len(clips), desc=f"transcribe {folder.name}", unit="clip") as progress:
        for batch in batches(durations, decoder.settings.batch_seconds, padded_to, window):
            texts = transcribe(decoder, [read_audio(folder, clips[index]) for index in batch])
            for index, text in zip(batch, texts, strict=True):
                hypotheses[index] = text
            progress.update(len(batch))
    return [
        Transcript(split=folder.name, id=clip.id, reference=clip.text, hypothesis=text)
        for clip, text in zip(clips, hypotheses, strict=True)
    ]


def batches(durations: Sequence[float], most: float, padded_to: float, window: float) -> Iterator[list[int]]:
    """Group clip indices by length, so that little is padded. All arguments are in seconds.

    Parameters
    ----------
    durations : of the clips
    most : audio in a batch, padding included
    padded_to : what every clip is padded to at least
    window : of the model; a longer clip comes alone
    """
    batch: list[int] = []
    for index in sorted(range(len(durations)), key=lambda i: (durations[i], i)):
        cost = max(padded_to, durations[index])  # ascending: the newest is the longest
        if batch and (cost * (len(batch) + 1) > most or durations[index] > window):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def transcribe(decoder: Decoder, clips: list[np.ndarray]) -> list[str]:
    """Transcribe clips that fit together in memory.

    Parameters
    ----------
    clips : float32 arrays, shape (samples,), 16 kHz; one longer than the model's window must come alone

    Returns
    -------
    One text a clip, as the model wrote it, special tokens removed.
    """
    with torch.inference_mode(), hardware.autocast(decoder.device, decoder.precision):
        if len(clips) == 1 and len(clips[0]) > decoder.window_samples:
            tokens = _decode_long(decoder, clips[0])
        else:
            tokens = _decode_short(decoder, clips)
    texts = decoder.checkpoint.processor.batch_decode(tokens, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _decode_short(decoder: Decoder, clips: list[np.ndarray]) -> list[list[int]]:
    checkpoint, extractor = decoder.checkpoint, decoder.checkpoint.processor.feature_extractor
    spectrograms = [features.log_mel(extractor, clip, checkpoint.spare_seconds) for clip in clips]
    inputs = features.batch(spectrograms, extractor, checkpoint.audio_context).to(decoder.device)
    limits = [token_limit(len(clip) / SAMPLE_RATE, decoder) for clip in clips]
    tokens = checkpoint.model.generate(
        input_features=inputs, num_beams=decoder.settings.num_beams, max_new_tokens=max(limits), return_timestamps=False
    )
    # Each clip's own limit, so that its text does not depend on which clips it was batched with.
    return [row[:limit] for row, limit in zip(tokens.tolist(), limits, strict=True)]


def token_limit(seconds: float, decoder: Decoder) -> int:
    """Most new tokens for a clip: by its duration, and never more than the decoder has positions for."""
    return min(decoder.most_tokens, EXTRA_TOKENS + math.ceil(seconds * decoder.settings.tokens_per_second))


def _decode_long(decoder: Decoder, clip: np.ndarray) -> list[list[int]]:
    """Whisper's own long-form decoding: window after window, each starting where the last one's timestamps ended."""
    whole = {"padding": "longest", "truncation": False, "return_attention_mask": True, "return_tensors": "pt"}
    extractor = decoder.checkpoint.processor.feature_extractor
    inputs = extractor(clip, sampling_rate=SAMPLE_RATE, **whole).to(decoder.device)
    tokens = decoder.checkpoint.model.generate(**inputs, num_beams=decoder.settings.num_beams, return_timestamps=True)
    return tokens.tolist()
