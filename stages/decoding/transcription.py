"""Transcribe clips in batches of similar length: the base at its full window, a tuned model as it was trained."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from peft import PeftModel

from stages.common.params import Params, Transcribe
from stages.decoding import batching, generation
from stages.records.units import SAMPLE_RATE, Seconds
from stages.runtime import devices
from stages.whisper import dtypes, features
from stages.whisper.model import Checkpoint, is_multilingual, prompt_tokens, set_language

EXTRA_TOKENS = 16  # beyond tokens_per_second: even a short clip may hold a sentence
DIGITS = 4  # of log-probabilities


@dataclass(frozen=True)
class Decoder:
    """A checkpoint with everything that decides its hypotheses."""

    checkpoint: Checkpoint
    settings: Transcribe
    prompt: list[int]  # tokens that the decoder gets before those of the text
    max_tokens: int  # new ones that the decoder has positions for, after the prompt
    device: torch.device
    precision: str  # resolved: fp32, bf16 or fp16
    language: str  # Whisper's code of it

    @property
    def prompt_length(self) -> int:
        return len(self.prompt)

    @property
    def window(self) -> Seconds:
        return self.checkpoint.processor.feature_extractor.n_samples / SAMPLE_RATE


@dataclass(frozen=True)
class Inputs:
    """A batch, ready for the model."""

    features: torch.Tensor  # (clips, mel_bins, frames)
    limits: list[int]  # of each clip: how many new tokens at most


@dataclass(frozen=True)
class Hypothesis:
    """A model's transcript of a clip."""

    text: str  # as the model wrote it, special tokens removed
    log_probability: float | None  # mean over its tokens, natural; None: nothing was decoded, as nobody was heard
    is_cut: bool = False  # at the limit of new tokens


def prepare(
    checkpoint: Checkpoint, settings: Params, device: torch.device | None = None, precision: str | None = None
) -> Decoder:
    """Put a checkpoint on a device, and fix language, precision and limits.

    Parameters
    ----------
    device : None: the one that runtime.device chooses
    precision : fp32, bf16 or fp16; None: the one that transcribe.precision chooses for the device
    """
    if isinstance(checkpoint.model, PeftModel):
        # A merged adapter costs no time in the decoder's steps.
        checkpoint = replace(checkpoint, model=checkpoint.model.merge_and_unload())
    device = device or devices.choose_device(settings.runtime.device)
    model = checkpoint.model.to(device)
    set_language(model, settings.language)
    if settings.language != "en" and not is_multilingual(model):
        print(
            f"warning: the checkpoint knows English only, and params.yaml says language {settings.language!r}: unless "
            "it was trained on that language, it writes English words for what it hears",
            file=sys.stderr,
        )
    prompt = prompt_tokens(model, settings.language)
    precision = precision or dtypes.choose_precision(settings.transcribe.precision, device, learning=False)
    max_tokens = model.config.max_target_positions - len(prompt)
    return Decoder(checkpoint, settings.transcribe, prompt, max_tokens, device, precision, settings.language)


def clip_batches(decoder: Decoder, durations: Sequence[Seconds]) -> Iterator[list[int]]:
    """Indices of clips that are decoded together, for clips of these durations."""
    padded_to = decoder.window if decoder.checkpoint.audio_context == "window" else 0.0
    return batching.batches(durations, decoder.settings.batch_seconds, padded_to)


def transcribe(decoder: Decoder, clips: list[np.ndarray]) -> list[Hypothesis]:
    """Transcribe clips as one batch; none may be longer than the window.

    Parameters
    ----------
    clips : float32 arrays, shape (samples,), 16 kHz
    """
    return decode_batch(decoder, model_inputs(decoder, clips))


def model_inputs(decoder: Decoder, clips: list[np.ndarray]) -> Inputs:
    """Make features and token limits of clips, each float32 of shape (samples,), 16 kHz."""
    checkpoint, extractor = decoder.checkpoint, decoder.checkpoint.processor.feature_extractor
    # Not under autocast: in bfloat16, the extractor fails on a CPU.
    spectrograms, limits = [], []
    for clip in clips:
        spectrograms.append(features.log_mel(extractor, clip, checkpoint.spare_seconds))
        limits.append(token_limit(len(clip) / SAMPLE_RATE, decoder))
    return Inputs(features.batch(spectrograms, extractor, checkpoint.audio_context), limits)


def decode_batch(decoder: Decoder, inputs: Inputs) -> list[Hypothesis]:
    """Generate the text of every clip of a batch."""
    torch.manual_seed(decoder.settings.seed)  # for each batch, so that it does not depend on those before it
    search = generation.beam_search if decoder.settings.num_beams > 1 else generation.greedy
    log_mel = inputs.features.to(decoder.device)
    with torch.inference_mode(), dtypes.autocast(decoder.device, decoder.precision):
        tokens, log_probabilities = search(
            decoder.checkpoint.model, log_mel, decoder.settings, decoder.prompt_length, inputs.limits
        )
    # Each clip has a limit of its own, so that its text does not depend on which clips it was batched with.
    limited = [row[:limit] for row, limit in zip(tokens, inputs.limits, strict=True)]
    texts = decoder.checkpoint.processor.batch_decode(limited, skip_special_tokens=True)
    longest = max(inputs.limits)  # where generate stops: a row of that length has no end
    hypotheses = []
    for text, log_probability, row, limit in zip(texts, log_probabilities, tokens, inputs.limits, strict=True):
        is_cut = len(row) > limit or len(row) == longest
        hypotheses.append(Hypothesis(text.strip(), round(log_probability, DIGITS), is_cut))
    return hypotheses


def token_limit(seconds: Seconds, decoder: Decoder) -> int:
    """How many new tokens a clip may have: by its duration, and never more than the decoder has positions for."""
    return min(decoder.max_tokens, EXTRA_TOKENS + math.ceil(seconds * decoder.settings.tokens_per_second))
