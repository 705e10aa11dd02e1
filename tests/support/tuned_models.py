"""A base and tuned models without a training: adapters with random weights, and the same merged into the base."""

from pathlib import Path

import torch
from peft import PeftModel

from stages.common.params import TrainLora
from stages.records import paths
from stages.training.strategies import add_lora
from stages.whisper import model
from tests.support.checkpoints import LORA, tiny_checkpoint


def write_models(root: Path) -> None:
    """Write models/: a base, an adapter, and a full checkpoint, which all answer otherwise."""
    base = tiny_checkpoint(root / "models" / "base")
    for name in paths.TUNED:
        tuned = adapted(base, 0.5 if name == "lora" else 0.4)
        tuned = tuned if name == "lora" else tuned.merge_and_unload()
        model.save_tuned(tuned, root / "models" / name, "utterance", 0.5, base)


def adapted(base: Path, size: float, settings: TrainLora = LORA) -> PeftModel:
    """The base with an adapter of random weights.

    Parameters
    ----------
    size : standard deviation of the weights that are zero before a training
    """
    tuned = add_lora(model.load_whisper(base), settings)
    torch.manual_seed(1)
    for key, weights in tuned.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weights, std=size)
    return tuned.eval()
