"""Checkpoints and adapters that other people's code wrote."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from stages import fetch_base
from stages.common.errors import UserError
from stages.whisper import model
from tests.support.checkpoints import tiny_checkpoint, tiny_model
from tools import sources

PROJECTIONS = ["q_proj", "v_proj"]
CONFIGS = {
    "lora": LoraConfig(r=4, target_modules=PROJECTIONS),
    "biases": LoraConfig(r=4, target_modules=PROJECTIONS, bias="all"),
    "modules_to_save": LoraConfig(r=4, target_modules=PROJECTIONS, modules_to_save=["layer_norm"]),
    "trainable tokens": LoraConfig(r=4, target_modules=PROJECTIONS, trainable_token_indices={"embed_tokens": [3, 5]}),
    "IA3": IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"]),
    "AdaLoRA": AdaLoraConfig(r=4, target_modules=PROJECTIONS, total_step=10),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("base") / "base")


def write_adapter(folder: Path, config, base_name: str = "models/base"):
    """A trained adapter of the tiny model, as PEFT saves it; returns the model."""
    tuned = get_peft_model(tiny_model(), config)
    torch.manual_seed(1)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    tuned.peft_config["default"].base_model_name_or_path = base_name
    tuned.save_pretrained(folder)
    return tuned.eval()


def logits(whisper) -> torch.Tensor:
    inputs = torch.randn(1, 80, 1000, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return whisper(input_features=inputs, decoder_input_ids=torch.tensor([[1, 2, 3, 5]])).logits


@pytest.mark.parametrize("kind", CONFIGS)
def test_adapters_load_where_peft_loads_them(base, tmp_path, kind):
    tuned = write_adapter(tmp_path / "adapter", CONFIGS[kind])
    loaded = model.load_checkpoint(tmp_path / "adapter", base)
    assert torch.equal(logits(loaded.model), logits(tuned))
    assert not torch.allclose(logits(loaded.model), logits(tiny_model()), atol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_adapter_that_lacks_a_weight_is_refused(base, tmp_path, kind):
    write_adapter(tmp_path / "adapter", CONFIGS[kind])
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[-1]
    del weights[name]
    save_file(weights, path)
    with pytest.raises(UserError, match=r"its config asks for|does not fit the base model") as caught:
        model.load_checkpoint(tmp_path / "adapter", base)
    assert name.removeprefix("base_model.model.") in str(caught.value)


@pytest.mark.parametrize(
    ("files", "own"),
    [
        (["tokenizer.json", "tokenizer_config.json"], "tokenizer"),
        (["preprocessor_config.json"], "feature_extractor"),
        ([], None),
    ],
)
def test_half_a_processor_comes_from_the_base(base, tmp_path, files, own):
    write_adapter(tmp_path / "adapter", CONFIGS["lora"])
    for name in files:
        shutil.copyfile(base / name, tmp_path / "adapter" / name)
    processor = model.load_checkpoint(tmp_path / "adapter", base).processor
    assert processor.feature_extractor.nb_max_frames == 1000
    assert processor.tokenizer.eos_token_id == model.load_whisper(base).config.eos_token_id
    parts = {"tokenizer": processor.tokenizer, "feature_extractor": processor.feature_extractor}
    if own == "tokenizer":
        assert parts[own].name_or_path == str(tmp_path / "adapter")


def test_end_token_as_a_list(base, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    path = folder / "generation_config.json"
    config = json.loads(path.read_text())
    end = config["eos_token_id"]
    path.write_text(json.dumps(config | {"eos_token_id": [end]}))
    assert model.load_checkpoint(folder).model.generation_config.eos_token_id == end


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("tokenizer.json", None, "tokenizer"),
        ("preprocessor_config.json", {"feature_size": 128}, "128 mel bins, the model reads 80"),
        ("preprocessor_config.json", {"chunk_length": 30}, "window is 3000 frames, the model's 1000"),
        (
            "generation_config.json",
            {"no_timestamps_token_id": 7},
            r"<\|notimestamps\|> is token \d+ of the tokenizer, 7",
        ),
        ("generation_config.json", {"eos_token_id": 9}, "the tokenizer's end of text is .*, the model's 9"),
    ],
)
def test_parts_that_do_not_belong_together(base, tmp_path, file, changes, message):
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    path = folder / file
    if changes is None:
        path.unlink()
        (folder / "tokenizer_config.json").unlink()
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=message):
        model.load_checkpoint(folder)


def test_base_of_an_adapter_from_another_machine(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuned = write_adapter(tmp_path / "adapter", CONFIGS["lora"], base_name="/home/someone/whisper-small")
    with pytest.raises(UserError, match=r"/home/someone/whisper-small, which is not here.*--base FOLDER"):
        sources.load_checkpoint("adapter")
    assert torch.equal(logits(sources.load_checkpoint("adapter", str(base)).model), logits(tuned))


def test_misspelled_folder_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lora", "selective"):
        (tmp_path / "models" / name).mkdir(parents=True)
    with pytest.raises(
        UserError, match="models/lorra is not a folder; there are models/lora, models/selective in models"
    ):
        sources.load_checkpoint("models/lorra")


@pytest.mark.parametrize("lacking", [["lang_to_id", "task_to_id"], ["no_timestamps_token_id"], ["is_multilingual"]])
def test_ids_of_special_tokens_are_read_from_the_tokenizer(base, tmp_path, monkeypatch, capsys, lacking):
    folder = tmp_path / "local"
    shutil.copytree(base, folder)
    path = folder / "generation_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in config.items() if name not in lacking}))
    expected = model.prompt_tokens(model.load_checkpoint(base).model, "en")
    assert model.prompt_tokens(model.load_checkpoint(folder).model, "en") == expected
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages:\n  fetch_base:\n    cmd: x\n    deps:\n      - local\n")
    fetch_base.fetch("local", Path("models/base"))
    assert "read from the tokenizer" in capsys.readouterr().out
    fetched = json.loads(Path("models/base/generation_config.json").read_text())
    assert {name: fetched[name] for name in lacking} == {name: config[name] for name in lacking}


def test_complete_generation_config_is_left_as_it_is(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(base, tmp_path / "local")
    (tmp_path / "dvc.yaml").write_text("stages:\n  fetch_base:\n    cmd: x\n    deps:\n      - local\n")
    fetch_base.fetch("local", Path("models/base"))
    name = "generation_config.json"
    assert Path("models/base", name).read_bytes() == (base / name).read_bytes()
