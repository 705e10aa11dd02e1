"""What is saved and loaded, the decoder's prompt, and the encoder at an utterance's own length."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from stages.common.errors import UserError
from stages.training.strategies import add_lora
from stages.whisper import model
from tests.support.checkpoints import LORA, tiny_checkpoint, tiny_model

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("base") / "base")


def randomised_adapter(variant: str = "lora") -> PeftModel:
    """An adapter as training leaves it: PEFT starts with B at zero, where a wrong merge would not be seen."""
    tuned = add_lora(tiny_model(), LORA.model_copy(update={"variant": variant}))
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif "lora_magnitude" in name:
            parameter.data *= 1.1
    return tuned.eval()


def logits(whisper, frames: int = 1000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(2, 80, frames, generator=generator)
    with torch.no_grad():
        return whisper(input_features=inputs, decoder_input_ids=torch.tensor([[1, 2, 4], [1, 2, 4]])).logits


@pytest.mark.parametrize("variant", ["lora", "dora", "rslora"])
def test_adapter_round_trip_and_merge(base, tmp_path, variant):
    tuned = randomised_adapter(variant)
    model.save_tuned(tuned, tmp_path / "lora", "window", 0.0, base)
    stock = PeftModel.from_pretrained(WhisperForConditionalGeneration.from_pretrained(base), tmp_path / "lora").eval()
    assert torch.equal(logits(stock), logits(tuned))
    assert not torch.allclose(logits(tuned), logits(tiny_model()), atol=1e-3)
    merged = stock.merge_and_unload()
    torch.testing.assert_close(logits(merged), logits(tuned), atol=1e-5, rtol=1e-5)
    assert merged.proj_out.weight is merged.model.decoder.embed_tokens.weight
    loaded = model.load_checkpoint(tmp_path / "lora", base)
    assert torch.equal(logits(loaded.model), logits(tuned))


def test_full_checkpoint_round_trip(base, tmp_path):
    tuned = model.load_whisper(base)
    tuned.model.decoder.layers[0].fc1.weight.data += 0.01
    model.save_tuned(tuned, tmp_path / "selective", "utterance", 0.5, base)
    stock = WhisperForConditionalGeneration.from_pretrained(tmp_path / "selective").eval()
    assert torch.equal(logits(stock), logits(tuned.eval()))
    assert stock.config.max_source_positions == 500
    WhisperProcessor.from_pretrained(tmp_path / "selective").tokenizer.normalize("colours")
    loaded = model.load_checkpoint(tmp_path / "selective", base)
    assert (loaded.audio_context, loaded.spare_seconds) == ("utterance", 0.5)


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_saved_adapter_is_the_same_every_time(base, tmp_path, variant):
    for name in ("one", "two"):
        model.save_tuned(randomised_adapter(variant), tmp_path / name, "window", 0.0, base)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert isinstance(config["target_modules"], str)  # a list is written in an order that changes from run to run


def test_adapter_with_a_missing_weight_is_refused(base, tmp_path):
    model.save_tuned(randomised_adapter(), tmp_path / "lora", "window", 0.0, base)
    weights = load_file(tmp_path / "lora" / "adapter_model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, tmp_path / "lora" / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"adapter has 23 weights, its config asks for 24"):
        model.load_checkpoint(tmp_path / "lora", base)


def test_adapter_of_another_base_is_refused(base, tmp_path):
    model.save_tuned(randomised_adapter(), tmp_path / "lora", "window", 0.0, base)
    weights = load_file(tmp_path / "lora" / "adapter_model.safetensors")
    save_file(
        {name: torch.cat([w, w], dim=-1) for name, w in weights.items()}, tmp_path / "lora/adapter_model.safetensors"
    )
    with pytest.raises(UserError, match="does not fit the base model"):
        model.load_checkpoint(tmp_path / "lora", base)


def test_own_length_is_stock_at_the_full_window():
    whisper = tiny_model()
    expected = logits(whisper)
    model.encode_at_own_length(whisper)
    assert torch.equal(logits(whisper), expected)


def test_own_length_uses_the_first_position_embeddings():
    """The same as a model whose window really is that short, in the forward pass and in generate."""
    whisper, short = tiny_model(), tiny_model()
    model.encode_at_own_length(whisper)
    short.config.max_source_positions = 160
    positions = short.model.encoder.embed_positions
    short.model.encoder.embed_positions = torch.nn.Embedding.from_pretrained(positions.weight[:160])
    assert torch.equal(logits(whisper, frames=320), logits(short, frames=320))
    inputs = torch.randn(2, 80, 320, generator=torch.Generator().manual_seed(3))
    settings = {"input_features": inputs, "max_new_tokens": 8, "language": "en", "task": "transcribe"}
    assert torch.equal(whisper.generate(**settings), short.generate(**settings))


def test_own_length_leaves_the_config_as_it_was():
    whisper = tiny_model()
    model.encode_at_own_length(whisper)
    logits(whisper, frames=320)
    with pytest.raises((ValueError, RuntimeError)):
        logits(whisper, frames=1200)  # longer than the window
    assert whisper.config.max_source_positions == 500
    assert whisper.model.encoder.embed_positions.num_embeddings == 500


def test_prompt_is_what_generate_gives_the_decoder():
    whisper = tiny_model()
    model.set_language(whisper, "en")
    seen = []
    forward = whisper.model.decoder.forward

    def remember(*args, **kwargs):
        seen.append(kwargs["input_ids"].tolist())
        return forward(*args, **kwargs)

    whisper.model.decoder.forward = remember
    whisper.generate(torch.zeros(1, 80, 1000), max_new_tokens=1)
    assert seen[0] == [model.prompt_tokens(whisper, "en")]


def test_english_only_checkpoints_have_no_language():
    whisper = tiny_model()
    config = whisper.generation_config
    config.is_multilingual, config.language = False, None
    model.set_language(whisper, "en")
    assert config.language is None
    assert model.prompt_tokens(whisper, "en") == [whisper.config.decoder_start_token_id, config.no_timestamps_token_id]


def test_unknown_language_is_named():
    with pytest.raises(UserError, match="language 'fr' is unknown to the base model, which knows: en"):
        model.prompt_tokens(tiny_model(), "fr")


def test_outdated_generation_config_is_named():
    whisper = tiny_model()
    whisper.generation_config.lang_to_id = None
    with pytest.raises(UserError, match=r"generation_config\.json does not name its language"):
        model.prompt_tokens(whisper, "en")


@pytest.mark.slow
def test_importing_changes_nothing_of_transformers():
    ask = "from transformers.utils import logging as l; import stages.whisper.model; print(l.get_verbosity())"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == logging.WARNING
