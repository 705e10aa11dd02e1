"""Which parameters learn under each strategy, counted on whisper-base's real shape."""

import pytest
import torch

from stages.common.errors import UserError
from stages.common.params import TrainSelective
from stages.records.strategies import STRATEGIES
from stages.training.strategies import CHOOSE_PARAMETERS, add_lora, parameter_counts, unfreeze_layers
from tests.support.checkpoints import LORA, base_on_meta, tiny_model


def selective(encoder_layers: int | str, decoder_layers: int | str, token_embedding: bool = False) -> TrainSelective:
    return TrainSelective(
        learning_rate=0.001,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        token_embedding=token_embedding,
    )


def learning(module: torch.nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def test_each_strategy_chooses_what_learns():
    assert CHOOSE_PARAMETERS.keys() == STRATEGIES.keys()


def test_lora_share_of_whisper_base():
    tuned = add_lora(base_on_meta(), LORA)
    count, total = parameter_counts(tuned)
    assert count == 16 * (512 + 512) * 2 * (6 + 6 + 6)  # q and v, encoder self, decoder self, decoder cross
    assert count / total == pytest.approx(0.0081, abs=5e-5)
    assert all(".q_proj.lora_" in name or ".v_proj.lora_" in name for name in learning(tuned))


@pytest.mark.parametrize(
    ("modules", "layers", "expected"),
    [
        (["q_proj"], ("all", "all"), 6 + 2 * 6),  # the decoder's layers have two attentions
        (["q_proj"], (2, 0), 2),
        (["q_proj"], (0, "all"), 2 * 6),
        (["q_proj", "fc1"], (1, 2), 1 + 2 * 2 + 1 + 2),
        (["q_proj", "fc1"], (6, 6), 6 + 2 * 6 + 6 + 6),
    ],
)
def test_lora_in_layers_from_the_top(modules, layers, expected):
    encoder, decoder = layers
    changes = {"target_modules": modules, "encoder_layers": encoder, "decoder_layers": decoder}
    names = learning(add_lora(base_on_meta(), LORA.model_copy(update=changes)))
    assert len(names) == 2 * expected
    chosen = {"encoder": encoder, "decoder": decoder}
    for stack, count in chosen.items():
        numbers = {int(name.split(".layers.")[1].split(".")[0]) for name in names if f".{stack}.layers." in name}
        assert numbers == set(range(0 if count == "all" else 6 - count, 6))


@pytest.mark.parametrize(
    ("layers", "message"),
    [((7, 6), "train_lora.encoder_layers is 7, but the base model has 6"), ((0, 0), "adapters nowhere")],
)
def test_impossible_layers_of_lora(layers, message):
    changes = dict(zip(("encoder_layers", "decoder_layers"), layers, strict=True))
    with pytest.raises(UserError, match=message):
        add_lora(base_on_meta(), LORA.model_copy(update=changes))


@pytest.mark.parametrize("variant", ["dora", "rslora"])
def test_variant_reaches_peft(variant):
    tuned = add_lora(base_on_meta(), LORA.model_copy(update={"variant": variant}))
    config = tuned.peft_config["default"]
    assert (config.use_dora, config.use_rslora) == (variant == "dora", variant == "rslora")
    assert any("lora_magnitude_vector" in name for name in learning(tuned)) == (variant == "dora")


def test_rslora_scales_by_the_root_of_the_rank():
    scales = {}
    for variant in ("lora", "rslora"):
        tuned = add_lora(tiny_model(), LORA.model_copy(update={"variant": variant}))
        scales[variant] = tuned.base_model.model.model.encoder.layers[0].self_attn.q_proj.scaling["default"]
    assert scales == {"lora": 32 / 16, "rslora": 32 / 4}


def test_selective_share_of_whisper_base():
    tuned = unfreeze_layers(base_on_meta(), selective(1, 6))
    count, total = parameter_counts(tuned)
    assert total == 72_593_920
    assert count / total == pytest.approx(0.39, abs=0.005)


def test_selective_is_layers_from_the_top_and_not_the_embedding():
    tuned = unfreeze_layers(base_on_meta(), selective(2, 6))
    prefixes = ("model.encoder.layers.4.", "model.encoder.layers.5.", "model.encoder.layer_norm.")
    prefixes += ("model.decoder.layers.", "model.decoder.layer_norm.")
    expected = {name for name, _ in tuned.named_parameters() if name.startswith(prefixes)}
    assert learning(tuned) == expected
    assert not tuned.proj_out.weight.requires_grad


def test_selective_embedding_is_its_own_choice():
    tuned = unfreeze_layers(base_on_meta(), selective(0, 1, token_embedding=True))
    assert tuned.proj_out.weight is tuned.model.decoder.embed_tokens.weight
    assert tuned.proj_out.weight.requires_grad
    assert not any("encoder.layer" in name and "decoder" not in name for name in learning(tuned))


def test_all_layers():
    chosen, counted = (unfreeze_layers(base_on_meta(), selective(*layers)) for layers in (("all", "all"), (6, 6)))
    assert learning(chosen) == learning(counted)


def test_decoder_alone():
    names = learning(unfreeze_layers(base_on_meta(), selective(0, "all")))
    assert names
    assert all(name.startswith(("model.decoder.layers.", "model.decoder.layer_norm.")) for name in names)


@pytest.mark.parametrize(("chosen", "message"), [((7, 6), "encoder_layers is 7"), ((0, 0), "nothing to train")])
def test_impossible_selection(chosen, message):
    with pytest.raises(UserError, match=message):
        unfreeze_layers(base_on_meta(), selective(*chosen))
