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
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=settings.variant == "dora",
        use_rslora=settings.variant == "rslora",
        target_modules=adapted_modules(model, settings),
    )
    with without_peft_warning():
        return get_peft_model(model, config)


def adapted_modules(model: WhisperForConditionalGeneration, settings: TrainLora) -> str:
    """A regular expression of the paths of all modules that get an adapter.

    Raises
    ------
    UserError
        More layers are asked for than the model has, or none at all.
    """
    modules = "|".join(settings.target_modules)
    layers = top_layers(model, "train_lora", settings)
    if settings.encoder_layers == settings.decoder_layers == ALL:
        return rf".*\.({modules})"
    stacks = []
    for name, numbers in layers.items():
        if numbers:
            stacks.append(rf"{name}\.layers\.({'|'.join(map(str, numbers))})")
    if not stacks:
        raise UserError("params.yaml: train_lora puts adapters nowhere; raise encoder_layers or decoder_layers")
    return rf".*\.({'|'.join(stacks)})\.(.*\.)?({modules})"


def top_layers(
    model: WhisperForConditionalGeneration, section: str, settings: TrainLora | TrainSelective
) -> dict[str, range]:
    """The numbers of the layers of encoder and decoder that learn: so many from the top.

    Parameters
    ----------
    section : of params.yaml, for messages

    Raises
    ------
    UserError
        More layers are asked for than the model has.
    """
    chosen = {}
    for name in ("encoder", "decoder"):
        present, count = len(getattr(model.model, name).layers), getattr(settings, f"{name}_layers")
        if count == ALL:
            count = present
        if count > present:
            raise UserError(f"params.yaml: {section}.{name}_layers is {count}, but the base model has {present}")
        chosen[name] = range(present - count, present)
    return chosen


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
    for name, numbers in top_layers(model, "train_selective", settings).items():
        stack = getattr(model.model, name)
        if numbers:
            trainable += [*stack.layers[numbers.start :], stack.layer_norm]
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
