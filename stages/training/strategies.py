"""What each strategy trains: LoRA trains added parameters, selective layer tuning some of the base's layers."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import WhisperForConditionalGeneration

from stages.common.errors import UserError
from stages.common.param_types import ALL
from stages.common.params import Params, TrainLora, TrainSelective
from stages.records.strategies import STRATEGIES
from stages.whisper.adapters import without_peft_warning


def add_lora(model: WhisperForConditionalGeneration, settings: TrainLora) -> PeftModel:
    """Wrap a model in trainable low-rank adapters (Hu et al. 2021, arXiv:2106.09685); everything else is frozen.

    Variants: DoRA (Liu et al. 2024, arXiv:2402.09353) and rsLoRA (Kalajdzievski 2023, arXiv:2312.03732).

    The config names no task type: with one, PEFT passes decoder inputs twice. The modules are one regular expression
    over full paths: a list is stored as a set, whose order in adapter_config.json changes from run to run.
    """
    modules = "|".join(settings.target_modules)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=settings.variant == "dora",
        use_rslora=settings.variant == "rslora",
        target_modules=rf".*\.({modules})",
    )
    with without_peft_warning():
        return get_peft_model(model, config)


def unfreeze_layers(
    model: WhisperForConditionalGeneration, settings: TrainSelective
) -> WhisperForConditionalGeneration:
    """Train the top encoder layers and the top decoder layers, and freeze everything else; returns the same model.

    The token embedding is tied to the output projection and is over a third of whisper-base, so it has a parameter of
    its own. Position embeddings are frozen. A stack's final layer norm is trained with its top layer.

    Raises
    ------
    UserError
        More layers are asked for than the model has, or none at all.
    """
    model.requires_grad_(False)
    trainable = []
    for name in ("encoder", "decoder"):
        stack, count = getattr(model.model, name), getattr(settings, f"{name}_layers")
        if count == ALL:
            count = len(stack.layers)
        if count > len(stack.layers):
            raise UserError(
                f"params.yaml: train_selective.{name}_layers is {count}, but the base model has {len(stack.layers)}"
            )
        if count:
            trainable += [*stack.layers[len(stack.layers) - count :], stack.layer_norm]
    if settings.token_embedding:
        trainable.append(model.model.decoder.embed_tokens)
    if not trainable:
        raise UserError("params.yaml: train_selective selects nothing to train; raise encoder_layers or decoder_layers")
    for module in trainable:
        module.requires_grad_(True)
    return model


# For each name in stages/records/strategies.py. A function takes the base and the strategy's section of params.yaml. It
# returns the model to train: the base itself with requires_grad set, or the base wrapped by PEFT.
CHOOSE_PARAMETERS = {
    "lora": add_lora,
    "selective": unfreeze_layers,
}


def make_trainable(
    model: WhisperForConditionalGeneration, strategy: str, settings: Params
) -> WhisperForConditionalGeneration | PeftModel:
    """Make only a strategy's parameters trainable; returns the model to train.

    Parameters
    ----------
    strategy : its name in stages/records/strategies.py
    """
    section = getattr(settings, STRATEGIES[strategy].stage)
    return CHOOSE_PARAMETERS[strategy](model, section)


def parameter_counts(model: torch.nn.Module) -> tuple[int, int]:
    """Trainable and total number of parameters; tied weights count once."""
    trainable = total = 0
    for parameter in model.parameters():
        total += parameter.numel()
        if parameter.requires_grad:
            trainable += parameter.numel()
    return trainable, total
