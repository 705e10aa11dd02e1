"""Weights between those of the base and those of a tuned model: base + alpha (tuned - base).

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT), arXiv:2109.01903. Of a full checkpoint, every
weight is interpolated. Of a LoRA adapter, lora_alpha is multiplied by alpha: the update that it adds to the base is
lora_alpha / r (or / sqrt(r), rsLoRA) times the product of its two matrices, so this is the same.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration

from stages.common.errors import UserError
from stages.records.paths import BASE_FOLDER
from stages.whisper import model
from stages.whisper.model import ADAPTER_FILE, Checkpoint

# What decides, beside the shapes of the weights, what a model computes.
ARCHITECTURE = (
    "activation_function",
    "encoder_attention_heads",
    "decoder_attention_heads",
    "scale_embedding",
    "tie_word_embeddings",
)
# Settings of PEFT's LoraConfig, with the values under which the whole update is a multiple of lora_alpha.
# Initialisations such as "pissa" change the base's weights too.
LINEAR = {
    "peft_type": ("LORA",),
    "use_dora": (None, False),  # it divides by the norm of the sum of base and update
    "bias": (None, "none"),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None, [], {}),
    "layer_replication": (None, []),
    "init_lora_weights": (None, True, False, "gaussian"),
    "use_qalora": (None, False),
    "use_bdlora": (None, False),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "monteclora_config": (None,),
    "alora_invocation_tokens": (None, []),
}


def interpolated(folder: Path, alpha: float, base_folder: Path = BASE_FOLDER) -> Checkpoint:
    """Load the model at alpha, ready to decode: 0 is the base, as it is always decoded; others as the tuned model.

    Parameters
    ----------
    folder : of the tuned model, a full checkpoint or an adapter
    alpha : from 0, exactly the base's weights, to 1, exactly the tuned model's

    Raises
    ------
    UserError
        A model cannot be loaded, the two do not fit, or the adapter cannot be scaled.
    """
    if alpha == 0:
        return model.load_checkpoint(base_folder)
    if alpha == 1:
        return model.load_checkpoint(folder, base_folder)
    if is_adapter(folder):
        with tempfile.TemporaryDirectory(prefix="adapter-") as scratch:
            scaled = Path(scratch) / "adapter"
            shutil.copytree(folder, scaled)
            scale_adapter(scaled, alpha, named=folder)
            return model.load_checkpoint(scaled, base_folder)
    tuned = model.load_checkpoint(folder)
    base = model.load_whisper(base_folder)
    problem = mismatch(tuned.model, base)
    if problem:
        raise UserError(f"{folder} was not tuned from {base_folder}: {problem}; run dvc repro, or dvc checkout")
    move_towards_base(tuned.model, base, alpha)
    return tuned


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and not a full checkpoint."""
    return (folder / ADAPTER_FILE).is_file()


def check_scalable(folder: Path) -> None:
    """Raise UserError if a folder holds an adapter whose update cannot be scaled exactly; full checkpoints pass."""
    if not is_adapter(folder):
        return
    config = model.read_json(folder, ADAPTER_FILE)
    for key, allowed in LINEAR.items():
        if config.get(key) not in allowed:
            raise UserError(
                f"{folder / ADAPTER_FILE}: {key} is {config.get(key)!r}, and the update of such an adapter cannot be "
                "scaled exactly; train one that can: in params.yaml, train_lora.variant lora or rslora"
            )
    if not isinstance(config.get("lora_alpha"), int | float):
        raise UserError(f"{folder / ADAPTER_FILE}: lora_alpha is missing or not a number; train the adapter again")


def scale_adapter(folder: Path, alpha: float, named: Path | None = None) -> None:
    """Multiply the update of an adapter by alpha, in the config in its folder; stock PEFT loads the result.

    Parameters
    ----------
    named : the folder that error messages name, if it is not `folder`
    """
    check_scalable(named or folder)
    config = model.read_json(folder, ADAPTER_FILE)
    config["lora_alpha"] = _product(config["lora_alpha"], alpha)
    patterns = config.get("alpha_pattern") or {}  # of modules that have a lora_alpha of their own
    for key in patterns:
        patterns[key] = _product(patterns[key], alpha)
    (folder / ADAPTER_FILE).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _product(lora_alpha: float, alpha: float) -> float:
    """The product, as a whole number where it is one: so PEFT writes it."""
    product = lora_alpha * alpha
    return int(product) if product == int(product) else product


def mismatch(tuned: WhisperForConditionalGeneration, base: WhisperForConditionalGeneration) -> str | None:
    """Why there are no weights between two models; None if there are."""
    for key in ARCHITECTURE:
        of_tuned, of_base = getattr(tuned.config, key), getattr(base.config, key)
        if of_tuned != of_base:
            return f"{key} is {of_tuned} in its config.json, and {of_base} in the base's"
    shapes = {name: tuple(weight.shape) for name, weight in tuned.named_parameters()}
    base_shapes = {name: tuple(weight.shape) for name, weight in base.named_parameters()}
    for name in sorted(shapes.keys() | base_shapes.keys()):
        if shapes.get(name) != base_shapes.get(name):
            return f"weight {name} has the shape {shapes.get(name)}, and {base_shapes.get(name)} in the base"
    return None


def move_towards_base(
    tuned: WhisperForConditionalGeneration, base: WhisperForConditionalGeneration, alpha: float
) -> None:
    """Set the weights of a tuned model to base + alpha (tuned - base); in place.

    Weights that did not change in training keep their bits. The others are computed in 64 bits.
    """
    of_base = dict(base.named_parameters())
    with torch.no_grad():
        for name, weight in tuned.named_parameters():  # tied weights are one parameter
            start = of_base[name]
            if not torch.equal(weight, start):
                weight.copy_(torch.lerp(start.double(), weight.double(), alpha))
