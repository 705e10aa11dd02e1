"""The output of frozen encoder layers, computed once: what is learnt stays the same, and where it is not kept."""

import re
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Seq2SeqTrainingArguments, WhisperConfig

from stages.common import params
from stages.training import frozen_layers, loop, strategies, trainer_options
from stages.training.dataset import Clips
from stages.training.frozen_outputs import FrozenOutputs
from stages.training.trainer import CheckpointCallback, SpeechTrainer
from tests.support.training import enter_copy, failing, run, settings, write_split

pytestmark = pytest.mark.slow

CURVE = Path("metrics/train_selective.csv")
WEIGHTS = Path("models/selective/model.safetensors")
NO_EFFECT = "runtime.cache_frozen has no effect"


@pytest.fixture
def workspace(training_inputs, tmp_path, monkeypatch) -> Path:
    root = enter_copy(training_inputs, tmp_path, monkeypatch)
    shutil.rmtree("processed_data/train")
    write_split(Path("processed_data/train"), 40, seed=1)  # more than one batch of most lengths
    return root


def chosen(cached: bool, runtime: dict | None = None, layers: int | str = 1, **train) -> params.Params:
    """Parameters of a training whose features never change, with so many of the two encoder layers trained."""
    values = settings({"cache_frozen": cached} | (runtime or {}), **{"epochs": 3} | train).model_dump()
    values["train"]["augment"] |= {"time_masks": 0, "frequency_masks": 0, "speeds": [1.0], "vtlp": 0.0}
    values["train_selective"]["encoder_layers"] = layers
    return params.Params.model_validate(values)


def prepared_trainer(parameters: params.Params, strategy: str = "selective") -> SpeechTrainer:
    tuned = strategies.make_trainable(loop.prepared_base(parameters), strategy, parameters)
    folder = Path("checkpoints/train_selective/run")
    folder.mkdir(parents=True, exist_ok=True)
    digests = {"train": "train", "dev": "dev", "replay": "replay"}
    return loop.make_trainer(tuned, parameters, 1e-3, CheckpointCallback(folder, 10.0, 1), digests)


def learnt(parameters: params.Params) -> tuple[np.ndarray, dict[str, torch.Tensor]]:
    """The learning curve with the losses on dev, and the weights."""
    run("train_selective", parameters)
    return np.loadtxt(CURVE, delimiter=",", skiprows=1), load_file(WEIGHTS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 0},
        {"window_share": 0.3},
        {"audio_context": "window", "batch_seconds": 120.0},
        {"replay_share": 0.5},
        {"runtime": {"gradient_checkpointing": True, "device_seconds": 4.0, "data_workers": 1}},
    ],
    ids=["one layer", "no layer", "window share", "window", "other clips in each epoch", "options of the machine"],
)
def test_what_is_learnt_is_the_same(workspace, capsys, options):
    write_split(Path("processed_data/replay"), 12, seed=3)
    curve, weights = learnt(chosen(False, **options))
    assert "kept on disk" not in capsys.readouterr().out
    cached_curve, cached_weights = learnt(chosen(True, **options))
    assert "frozen encoder layer(s) is kept on disk" in capsys.readouterr().out
    np.testing.assert_allclose(cached_curve, curve, atol=2e-5)
    for name, weight in weights.items():
        torch.testing.assert_close(cached_weights[name], weight, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("layers", "kept"), [(("all", "all"), 0), ((1, "all"), 1), ((0, 1), 2)])
def test_lora_in_the_top_layers_learns_the_same(workspace, capsys, layers, kept):
    curves, adapters = [], []
    for is_cached in (False, True):
        values = chosen(is_cached).model_dump()
        values["train_lora"] |= {"encoder_layers": layers[0], "decoder_layers": layers[1], "dropout": 0.0}
        run("train_lora", params.Params.model_validate(values))
        curves.append(np.loadtxt("metrics/train_lora.csv", delimiter=",", skiprows=1))
        adapters.append(load_file("models/lora/adapter_model.safetensors"))
    printed = capsys.readouterr().out
    assert (f"the output of {kept} frozen encoder layer(s) is kept" in printed) == bool(kept)
    assert (f"{NO_EFFECT}: no encoder layer is frozen" in printed) == (not kept)
    np.testing.assert_allclose(curves[1], curves[0], atol=2e-5)
    for name, weight in adapters[0].items():
        torch.testing.assert_close(adapters[1][name], weight, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, {"window_share": 0.3}, {"audio_context": "window", "batch_seconds": 120.0}])
def test_outputs_are_those_of_every_batch(workspace, monkeypatch, options):
    """Of every epoch, and of dev in several batches: the frozen layers see the padding, so it must be the same."""
    monkeypatch.setattr(trainer_options, "DEV_SECONDS", 20.0 if "audio_context" in options else 4.0)
    plain, cached = (prepared_trainer(chosen(value, **options)) for value in (False, True))
    whisper = plain.model
    padded = set()
    with torch.no_grad(), frozen_layers.only_lower(whisper, 1):
        for epoch in range(3):
            plain.batches.epoch = cached.batches.epoch = epoch
            for batch, outputs in zip(plain.get_train_dataloader(), cached.get_train_dataloader(), strict=True):
                compare(whisper, batch, outputs)
                padded.add(batch["input_features"].shape[-1])
        pairs = list(zip(plain.get_eval_dataloader(), cached.get_eval_dataloader(), strict=True))
        for batch, outputs in pairs:
            compare(whisper, batch, outputs)
    assert len(pairs) > 1
    assert len(padded) > 1 or options.get("audio_context") == "window"


def compare(whisper, batch: dict[str, torch.Tensor], outputs: dict[str, torch.Tensor]) -> None:
    expected = whisper.model.encoder(batch["input_features"]).last_hidden_state.transpose(1, 2)
    torch.testing.assert_close(outputs["input_features"], expected, atol=1e-5, rtol=1e-5)
    for name in ("decoder_input_ids", "labels"):
        assert torch.equal(outputs[name], batch[name])


def test_bfloat16_is_stored_where_training_computes_in_it(workspace):
    """Dev is decoded in float32 in any case."""
    trainer = prepared_trainer(chosen(True, precision="bf16"))
    assert trainer.train_dataset.outputs.dtype == torch.bfloat16
    assert trainer.eval_dataset.outputs.dtype == torch.float32
    curve, _ = learnt(chosen(False, precision="bf16"))
    cached_curve, _ = learnt(chosen(True, precision="bf16"))
    np.testing.assert_allclose(cached_curve[:, :4], curve[:, :4], rtol=2e-3)


def test_outputs_of_a_clip_at_another_length_are_refused(workspace):
    outputs = prepared_trainer(chosen(True)).train_dataset.outputs
    with pytest.raises(KeyError, match="no output of clip 0 padded to 2016 frames"):
        outputs.read(0, 2016)


@pytest.mark.parametrize("left", ["all", "half"])
def test_resumed_run_ends_the_same(workspace, monkeypatch, left):
    """It uses the files of the killed run; a file that was not written to its end is written again."""
    parameters = chosen(True)
    expected = run("train_selective", parameters)
    with monkeypatch.context() as patch:
        failing(patch, 13, RuntimeError("killed"))  # an epoch has 11 steps
        with pytest.raises(RuntimeError, match="killed"):
            run("train_selective", parameters)
    written = sorted(Path("checkpoints/train_selective").glob("*/frozen-*"))
    assert [path.name for path in written] == ["frozen-dev.bin", "frozen-train.bin"]
    if left == "half":
        for path in written:
            content = path.read_bytes()
            path.with_name(f"{path.name}.partial").write_bytes(content[: len(content) // 2])
            path.write_bytes(content[: len(content) // 2])
    else:
        monkeypatch.setattr(FrozenOutputs, "batches", None)  # nothing is computed again
    assert run("train_selective", parameters) == expected
    assert not written[0].parent.exists()


@pytest.mark.parametrize(
    "augment", [{"time_masks": 1}, {"frequency_masks": 1}, {"speeds": [0.9, 1.0]}, {"speeds": [1.1]}, {"vtlp": 0.1}]
)
def test_no_effect_with_augmentation(workspace, capsys, augment):
    parameters = chosen(True)
    values = parameters.model_dump()
    values["train"]["augment"] |= augment
    trainer = prepared_trainer(params.Params.model_validate(values))
    assert type(trainer.train_dataset) is type(trainer.eval_dataset) is Clips
    assert f"{NO_EFFECT}: train.augment changes the features" in capsys.readouterr().out


@pytest.mark.parametrize("strategy", ["lora", "selective"])
def test_no_effect_where_all_layers_learn(workspace, capsys, strategy):
    trainer = prepared_trainer(chosen(True, layers="all"), strategy)
    assert type(trainer.train_dataset) is Clips
    assert f"{NO_EFFECT}: no encoder layer is frozen" in capsys.readouterr().out


def test_no_effect_on_a_short_disk(workspace, capsys, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100_000))
    trainer = prepared_trainer(chosen(True))
    assert type(trainer.train_dataset) is Clips
    assert re.search(NO_EFFECT + r": it needs 0\.\d+ GB of disk, and half of what is free", capsys.readouterr().out)
    assert not list(Path("checkpoints").rglob("frozen-*"))


def test_what_a_killed_run_has_left_does_not_count_as_used_disk(workspace, monkeypatch):
    """A run with enough disk, killed while it writes its last bytes, has enough when it is resumed."""
    folder = Path("checkpoints/train_selective/run")
    folder.mkdir(parents=True)
    left = [folder / "frozen-train.bin.partial", folder / "frozen-dev.bin", folder / "frozen-dev.bin.partial"]
    for path in left:
        path.write_bytes(b"0" * 1000)

    def usage(_):
        return namedtuple("usage", "free")(1e9 if not any(map(Path.exists, left)) else 1000)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", usage)
        trainer = prepared_trainer(chosen(True))
    assert type(trainer.train_dataset) is not Clips
    assert sorted(path.name for path in folder.glob("frozen-*")) == ["frozen-dev.bin", "frozen-train.bin"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dropout", 0.1),
        ("attention_dropout", 0.1),
        ("activation_dropout", 0.1),
        ("encoder_layerdrop", 0.1),
        ("apply_spec_augment", True),
    ],
)
def test_no_effect_where_frozen_layers_are_random(workspace, capsys, option, value):
    config = WhisperConfig.from_pretrained("models/base")
    setattr(config, option, value)
    config.save_pretrained("models/base")
    trainer = prepared_trainer(chosen(True))
    assert type(trainer.train_dataset) is Clips
    assert f"{NO_EFFECT}: the base model's config.json has {option}" in capsys.readouterr().out


def test_no_effect_with_several_processes(workspace, capsys, monkeypatch):
    monkeypatch.setattr(Seq2SeqTrainingArguments, "world_size", 2)
    frozen_layers.compute_once(prepared_trainer(chosen(False)), chosen(True))
    assert f"{NO_EFFECT}: several processes" in capsys.readouterr().out
