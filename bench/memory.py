"""Count the GPU memory that training needs, by model and strategy, for the published sizes; runs on any machine.

    python -m bench.memory    # needs no weights, no GPU and 4 GB of memory

Columns:

    fixed GB     weights, gradients and AdamW's state, in float32
    8-bit GB     the same with train.optimizer adamw_8bit
    copies GB    bfloat16 copies of the weights, which autocast makes and the backward pass needs
    fp32 GB/min  tensors of the forward pass that PyTorch saves for the backward pass, per minute of padded audio on the
                 device: train.batch_seconds, or runtime.device_seconds if that is less
    bf16 GB/min  the same under bfloat16 autocast, where sums and normalisations stay float32
    ckpt GB/min  the same with runtime.gradient_checkpointing, including the one layer that is being recomputed
    GPU GB       an estimate of the memory of one GPU in bfloat16 with the profile's batches: fixed, copies and
                 bf16 GB/min, a share SPARE for workspaces of kernels and fragmentation, and CUDA_OWN for CUDA itself
    least GB     the same with gradient checkpointing and adamw_8bit

Three small models of the real width are measured: with two layers of each kind, with one more encoder layer, and with
one more decoder layer. The differences are the memory per layer, which is the same for all encoder layers, and for all
decoder layers below the top two. The logits are not counted, since children's texts are short.
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
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records.paths import TUNED
from stages.records.units import FRAMES_PER_SECOND, Seconds
from stages.training import strategies
from stages.whisper import model
from tests.support.checkpoints import ENGLISH, LARGE_V3, MULTILINGUAL, whisper_config

PROFILE = Path(__file__).parent.parent / "profiles" / "whisper-base.yaml"
PROMPT = 4  # tokens before the text
MODELS = {
    "tiny.en": whisper_config((4, 4), 6, ENGLISH),
    "base": whisper_config((6, 6), 8, MULTILINGUAL),
    "small": whisper_config((12, 12), 12, MULTILINGUAL),
    "medium": whisper_config((24, 24), 16, MULTILINGUAL),
    "large-v3": whisper_config((32, 32), 20, LARGE_V3, mel_bins=128),
    "large-v3-turbo": whisper_config((32, 4), 20, LARGE_V3, mel_bins=128),
}
CLIP: Seconds = 4.48  # length of a child's utterance, with train.spare_seconds
WEIGHT, GRADIENT, ADAMW, ADAMW_8BIT = 4, 4, 8, 2  # bytes a parameter
SPARE = 0.15  # share of the counted memory
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
    """Bytes that the forward pass keeps for the backward pass."""

    always: float  # for a batch of any size
    a_minute: float  # for each minute of padded audio

    def plus(self, times: int, other: "Kept") -> "Kept":
        """Add `times` times another one."""
        return Kept(self.always + times * other.always, self.a_minute + times * other.a_minute)


@exit_on_user_error
def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = [("model", "strategy", *COLUMNS)]
    for name, config in tqdm(MODELS.items(), unit="model"):
        layer = kept_by_layer(config)
        for strategy in TUNED:
            rows.append((name, strategy, *row(config, strategy, layer)))
    print(aligned(rows, names=2))


def row(config: WhisperConfig, strategy: str, layer: Kept) -> Iterator[str]:
    """Yield the cells under COLUMNS.

    Parameters
    ----------
    layer : what the layer keeps that gradient checkpointing recomputes
    """
    learning, total = strategies.parameter_counts(tuned_model(config, strategy, "meta"))
    yield f"{total / 1e6:.0f}"
    yield f"{100 * learning / total:.2f}"
    fixed = total * WEIGHT + learning * (GRADIENT + ADAMW)
    eight_bit = total * WEIGHT + learning * (GRADIENT + ADAMW_8BIT)
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
    """Return what a whole model keeps, computed from models with two or three layers of each kind."""
    small = kept_by(config, (2, 2), strategy, dtype, checkpointing)
    encoder_layer = kept_by(config, (3, 2), strategy, dtype, checkpointing).plus(-1, small)
    decoder_layer = kept_by(config, (2, 3), strategy, dtype, checkpointing).plus(-1, small)
    return small.plus(config.encoder_layers - 2, encoder_layer).plus(config.decoder_layers - 2, decoder_layer)


def kept_by_layer(config: WhisperConfig) -> Kept:
    """Return what one encoder layer (larger than a decoder layer) keeps in bfloat16, with LoRA in all layers."""
    small = kept_by(config, (2, 2), "lora", torch.bfloat16, False)
    return kept_by(config, (3, 2), "lora", torch.bfloat16, False).plus(-1, small)


def kept_by(
    config: WhisperConfig, layers: tuple[int, int], strategy: str, dtype: torch.dtype, checkpointing: bool
) -> Kept:
    """Return what a model of this width keeps with other numbers of (encoder, decoder) layers."""
    small = copy.deepcopy(config)
    small.encoder_layers, small.decoder_layers = layers
    tuned = tuned_model(small, strategy, "cpu")
    if checkpointing:
        tuned.gradient_checkpointing_enable({"use_reentrant": False})
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        of_one_clip = kept_bytes(tuned, clips=1)
        of_two_clips = kept_bytes(tuned, clips=2)
    del tuned
    gc.collect()  # frees the model, which refers to itself
    a_clip = of_two_clips - of_one_clip
    return Kept(of_one_clip - a_clip, a_clip * 60.0 / CLIP)


def tuned_model(config: WhisperConfig, strategy: str, device: str) -> torch.nn.Module:
    """Return a model prepared for training with the profile of whisper-base; its weights are zeros, to save time."""
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
    """Return the bytes that the forward pass of `clips` clips keeps for the backward pass, without the weights."""
    whisper = model.whisper_of(tuned)
    features = torch.zeros(clips, whisper.config.num_mel_bins, round(CLIP * FRAMES_PER_SECOND))
    tokens = torch.zeros(clips, PROMPT + round(CLIP * TOKENS_PER_SECOND), dtype=torch.long)
    weights = {parameter.untyped_storage()._cdata for parameter in tuned.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # by address; references, so that no address is reused

    # It returns no tensor, because a graph that refers to itself is never freed.
    def pack(tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage

    with saved_tensors_hooks(pack, lambda nothing: nothing):
        whisper.model(features, decoder_input_ids=tokens, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


if __name__ == "__main__":
    main()
