"""The memory that training takes, by model and strategy: counted on the published shapes, on any machine.

    python -m bench.memory                 # needs no weights and no GPU; large-v3 wants more than 24 GB of memory

Columns:

    fixed GB     weights, gradients and AdamW's state, in float32
    8-bit GB     the same with train.optimizer adamw_8bit
    fp32 GB/min  what the backward pass needs of the forward one, counted tensor by tensor as PyTorch keeps it, for each
                 minute of padded audio on the device (runtime.device_seconds)
    bf16 GB/min  half of it: an estimate, since what is added and normalised stays float32
    ckpt         GB/min, float32, with runtime.gradient_checkpointing

On top come the logits of the text (small: children say little), the workspace of kernels and fragmentation (a tenth
or two), and 0.5 GB that CUDA takes for itself.
"""

import argparse
import gc
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.autograd.graph import saved_tensors_hooks
from tqdm import tqdm
from transformers import WhisperConfig, WhisperForConditionalGeneration

from bench.train import TOKENS_PER_SECOND
from stages import model, params, strategies
from stages.text_table import aligned
from stages.units import FRAMES_PER_SECOND, Seconds
from tests.checkpoints import ENGLISH, LARGE_V3, MULTILINGUAL, whisper_config

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
CLIPS = 2
WEIGHT, GRADIENT, ADAMW, ADAMW_8BIT = 4, 4, 8, 2  # bytes a parameter
HEADER = (
    "model",
    "strategy",
    "million",
    "learn %",
    "fixed GB",
    "8-bit GB",
    "fp32 GB/min",
    "bf16 GB/min",
    "ckpt GB/min",
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = [HEADER]
    for name, config in tqdm(MODELS.items(), unit="model"):
        for strategy in ("lora", "selective"):
            rows.append((name, strategy, *row(config, strategy)))
    print(aligned(rows, names=2))


def row(config: WhisperConfig, strategy: str) -> Iterator[str]:
    """Parameters, share, memory whatever the batch (both optimizers), and a minute of padded audio three ways."""
    gc.collect()  # a model's own methods refer to it: the last one would stay
    tuned = tuned_model(config, strategy)
    learning, total = strategies.parameter_counts(tuned)
    yield f"{total / 1e6:.0f}"
    yield f"{100 * learning / total:.2f}"
    for optimizer in (ADAMW, ADAMW_8BIT):
        yield f"{(total * WEIGHT + learning * (GRADIENT + optimizer)) / 1e9:.2f}"
    plain = kept_bytes_a_minute(tuned)
    yield f"{plain / 1e9:.2f}"
    yield f"{plain / 2e9:.2f}"
    tuned.gradient_checkpointing_enable({"use_reentrant": False})
    yield f"{kept_bytes_a_minute(tuned) / 1e9:.2f}"


def tuned_model(config: WhisperConfig, strategy: str) -> torch.nn.Module:
    """The model under the real profile's strategy; its weights are zeros, which take no time to draw."""
    settings = params.load(PROFILE)
    with torch.device("meta"):
        whisper = WhisperForConditionalGeneration(config)
    whisper.to_empty(device="cpu")
    whisper.tie_weights()
    for parameter in whisper.parameters():
        parameter.data.zero_()
    model.encode_at_own_length(whisper)
    if strategy == "lora":
        return strategies.add_lora(whisper, settings.train_lora).train()
    section = settings.train_selective.model_copy(update={"decoder_layers": config.decoder_layers})
    return strategies.unfreeze_layers(whisper, section).train()


def kept_bytes_a_minute(tuned: torch.nn.Module) -> float:
    """What the forward pass keeps for the backward pass, weights apart, for a minute of padded audio."""
    whisper = model.whisper_of(tuned)
    features = torch.zeros(CLIPS, whisper.config.num_mel_bins, round(CLIP * FRAMES_PER_SECOND))
    tokens = torch.zeros(CLIPS, PROMPT + round(CLIP * TOKENS_PER_SECOND), dtype=torch.long)
    weights = {parameter.untyped_storage()._cdata for parameter in tuned.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # by address; kept alive, or an address would serve twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        output = whisper.model(features, decoder_input_ids=tokens, use_cache=False)  # whose graph must live till here
    del output
    return sum(storage.nbytes() for storage in kept.values()) * 60.0 / (CLIPS * CLIP)


if __name__ == "__main__":
    main()
