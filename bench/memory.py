"""The memory that training takes, by model and strategy: counted on the published shapes, on any machine.

    python -m bench.memory    # needs no weights, no GPU and 4 GB of memory

Columns:

    fixed GB     weights, gradients and AdamW's state, in float32
    8-bit GB     the same with train.optimizer adamw_8bit
    copies GB    bfloat16 copies of the weights, which autocast makes and the backward pass needs
    fp32 GB/min  what the backward pass needs of the forward one, counted tensor by tensor as PyTorch keeps it, for each
                 minute of padded audio on the device: train.batch_seconds, or runtime.device_seconds if less
    bf16 GB/min  the same under bfloat16 autocast: what is added and normalised stays float32
    ckpt GB/min  the same with runtime.gradient_checkpointing, and with the one layer that is computed again at a time
    GPU GB       an estimate of all that one GPU must have in bfloat16 with the profile's batches: fixed, copies and
                 bf16 GB/min, SPARE for kernels' workspace and fragmentation, and CUDA_OWN for CUDA itself
    least GB     the same with gradient checkpointing and adamw_8bit

Three small models of the real width, with two layers of each kind and with one more encoder or decoder layer, tell what
a layer adds, and so what all of them take: each encoder layer, and each decoder layer below the top two, keeps as much
as the next. The logits of the text are not counted: children say little.
"""

import argparse
import copy
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch.autograd.graph import saved_tensors_hooks
from tqdm import tqdm
from transformers import WhisperConfig, WhisperForConditionalGeneration

from bench.train import TOKENS_PER_SECOND
from stages.common import params
from stages.common.text_table import aligned
from stages.records.units import FRAMES_PER_SECOND, Seconds
from stages.training import strategies
from stages.whisper import model
from tests.support.checkpoints import ENGLISH, LARGE_V3, MULTILINGUAL, whisper_config

PROFILE = Path(__file__).parent.parent / "profiles" / "whisper-base.yaml"
PROMPT = 4  # tokens
MODELS = {
    "tiny.en": whisper_config((4, 4), 6, ENGLISH),
    "base": whisper_config((6, 6), 8, MULTILINGUAL),
    "small": whisper_config((12, 12), 12, MULTILINGUAL),
    "medium": whisper_config((24, 24), 16, MULTILINGUAL),
    "large-v3": whisper_config((32, 32), 20, LARGE_V3, mel_bins=128),
    "large-v3-turbo": whisper_config((32, 4), 20, LARGE_V3, mel_bins=128),
}
CLIP: Seconds = 4.48  # padded: a child's utterance and its spare second
WEIGHT, GRADIENT, ADAMW, ADAMW_8BIT = 4, 4, 8, 2  # bytes a parameter
SPARE = 0.15
CUDA_OWN = 0.5  # GB
COLUMNS = (
    "million",
    "learn %",
    "fixed GB",
    "8-bit GB",
    "copies GB",
    "fp32 GB/min",
    "bf16 GB/min",
    "ckpt GB/min",
    "GPU GB",
    "least GB",
)


class Kept(NamedTuple):
    """What the forward pass keeps for the backward pass, bytes: whatever the batch, and for each minute of audio."""

    always: float
    a_minute: float

    def plus(self, times: int, other: "Kept") -> "Kept":
        return Kept(self.always + times * other.always, self.a_minute + times * other.a_minute)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = [("model", "strategy", *COLUMNS)]
    for name, config in tqdm(MODELS.items(), unit="model"):
        layer = kept_by_layer(config)
        rows += [(name, strategy, *row(config, strategy, layer)) for strategy in ("lora", "selective")]
    print(aligned(rows, names=2))


def row(config: WhisperConfig, strategy: str, layer: Kept) -> Iterator[str]:
    """The COLUMNS of a model; `layer` is computed again under gradient checkpointing."""
    learning, total = strategies.parameter_counts(tuned_model(config, strategy, "meta"))
    yield f"{total / 1e6:.0f}"
    yield f"{100 * learning / total:.2f}"
    fixed, eight_bit = (total * WEIGHT + learning * (GRADIENT + optimizer) for optimizer in (ADAMW, ADAMW_8BIT))
    fp32 = kept_by_all(config, strategy, torch.float32)
    bf16 = kept_by_all(config, strategy, torch.bfloat16)
    checkpointed = kept_by_all(config, strategy, torch.bfloat16, checkpointing=True).plus(1, layer)
    for count in (fixed, eight_bit, bf16.always, fp32.a_minute, bf16.a_minute, checkpointed.a_minute):
        yield f"{count / 1e9:.2f}"
    profile = params.load(PROFILE)
    minutes = min(profile.train.batch_seconds, profile.runtime.device_seconds) / 60
    for states, kept in ((fixed, bf16), (eight_bit, checkpointed)):
        yield f"{(1 + SPARE) * (states + kept.always + kept.a_minute * minutes) / 1e9 + CUDA_OWN:.1f}"


def kept_by_all(config: WhisperConfig, strategy: str, dtype: torch.dtype, checkpointing: bool = False) -> Kept:
    """What all layers keep, from models of two or three on either side."""
    two, three, other = (kept_by(config, layers, strategy, dtype, checkpointing) for layers in ((2, 2), (3, 2), (2, 3)))
    encoder_layer, decoder_layer = three.plus(-1, two), other.plus(-1, two)
    return two.plus(config.encoder_layers - 2, encoder_layer).plus(config.decoder_layers - 2, decoder_layer)


def kept_by_layer(config: WhisperConfig) -> Kept:
    """What an encoder layer keeps, the larger kind, in bfloat16; under LoRA, where all of them are in the graph."""
    two, three = (kept_by(config, layers, "lora", torch.bfloat16, False) for layers in ((2, 2), (3, 2)))
    return three.plus(-1, two)


def kept_by(
    config: WhisperConfig, layers: tuple[int, int], strategy: str, dtype: torch.dtype, checkpointing: bool
) -> Kept:
    """What a model of this width with other numbers of (encoder, decoder) layers keeps."""
    small = copy.deepcopy(config)
    small.encoder_layers, small.decoder_layers = layers
    tuned = tuned_model(small, strategy, "cpu")
    if checkpointing:
        tuned.gradient_checkpointing_enable({"use_reentrant": False})
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        one, two = (kept_bytes(tuned, clips) for clips in (1, 2))
    del tuned
    gc.collect()  # a model's own methods refer to it: it would stay
    return Kept(2 * one - two, (two - one) * 60.0 / CLIP)


def tuned_model(config: WhisperConfig, strategy: str, device: str) -> torch.nn.Module:
    """The model under the real profile's strategy; its weights are zeros, which take no time to draw."""
    settings = params.load(PROFILE)
    with torch.device("meta"):
        whisper = WhisperForConditionalGeneration(config)
    if device != "meta":
        whisper.to_empty(device=device)
        whisper.tie_weights()
        for parameter in whisper.parameters():
            parameter.data.zero_()
    model.encode_at_own_length(whisper)
    return strategies.make_trainable(whisper, strategy, settings).train()


def kept_bytes(tuned: torch.nn.Module, clips: int) -> int:
    """What the forward pass of so many clips keeps for the backward pass, apart from the weights themselves."""
    whisper = model.whisper_of(tuned)
    features = torch.zeros(clips, whisper.config.num_mel_bins, round(CLIP * FRAMES_PER_SECOND))
    tokens = torch.zeros(clips, PROMPT + round(CLIP * TOKENS_PER_SECOND), dtype=torch.long)
    weights = {parameter.untyped_storage()._cdata for parameter in tuned.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # by address; kept alive, or an address would serve twice

    def pack(tensor: torch.Tensor) -> None:  # not the tensor: one that its own graph holds is never freed
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage

    with saved_tensors_hooks(pack, lambda nothing: nothing):
        whisper.model(features, decoder_input_ids=tokens, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


if __name__ == "__main__":
    main()
