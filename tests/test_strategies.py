"""Which parameters learn under each strategy, counted on whisper-base's real shape."""

import pytest
import torch

from stages.errors import UserError
from stages.params import TrainLora, TrainSelective
from stages.strategies import add_lora, parameter_counts, unfreeze_layers
from tests.checkpoints import base_on_meta

LORA = TrainLora(learning_rate=0.001, rank=16, alpha=32, dropout=0.0, target_modules=["q_proj", "v_proj"])


def selective(encoder_layers: int, decoder_layers: int, token_embedding: bool = False) -> TrainSelective:
    return TrainSelective(
        learning_rate=0.001,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        token_embedding=token_embedding,
    )


def learning(module: torch.nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def test_lora_share_of_whisper_base():
    tuned = add_lora(base_on_meta(), LORA)
    count, total = parameter_counts(tuned)
    assert count == 16 * (512 + 512) * 2 * (6 + 6 + 6)  # q and v, encoder self, decoder self, decoder cross
    assert count / total == pytest.approx(0.0081, abs=5e-5)
    assert all(".q_proj.lora_" in name or ".v_proj.lora_" in name for name in learning(tuned))


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


@pytest.mark.parametrize(("chosen", "message"), [((7, 6), "encoder_layers is 7"), ((0, 0), "nothing to train")])
def test_impossible_selection(chosen, message):
    with pytest.raises(UserError, match=message):
        unfreeze_layers(base_on_meta(), selective(*chosen))
