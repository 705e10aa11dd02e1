"""Batches, gradients and whole training runs, on a tiny model and clips of noise."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Seq2SeqTrainer, TrainerCallback, WhisperProcessor

from stages import checkpoints, dataset, finetune, model, params, shards, strategies
from stages.errors import UserError
from tests.checkpoints import SAMPLE, tiny_checkpoint, tiny_model
from tests.corpora import write_clip

ROOT = Path(__file__).parent.parent
PROCESSOR = WhisperProcessor.from_pretrained(SAMPLE)
WORDS = "the little dog has a big red ball and runs home".split()


def token(name: str) -> int:
    return PROCESSOR.tokenizer.convert_tokens_to_ids(name)


def write_split(folder: Path, count: int, seed: int, seconds: float | None = None) -> None:
    generator = np.random.default_rng(seed)
    clips = []
    with shards.ShardWriter(folder, megabytes=64) as writer:
        for index in range(count):
            length = seconds or generator.uniform(0.5, 2.0)
            samples = generator.normal(0, 0.1, round(16_000 * length)).astype(np.float32)
            text = " ".join(generator.choice(WORDS, 3))
            row = {"id": f"clip{index}", "text": text, "text_raw": text, "speaker": f"s{index % 2}"}
            clips.append(write_clip(writer, samples, **row))
    shards.write_manifest(folder, clips)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 16, seed=1)
    write_split(root / "processed_data" / "dev", 4, seed=2)
    return root


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch) -> Path:
    root = shutil.copytree(prepared, tmp_path / "workspace")
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return root


def settings(**train) -> params.Params:
    values = params.load(ROOT / "params.yaml").model_dump()
    values["train"] |= {"epochs": 2, "batch_size": 4, "precision": "fp32"} | train
    values["train_lora"] |= {"rank": 2, "alpha": 4}
    values["train_selective"] |= {"encoder_layers": 1, "decoder_layers": 2}
    values["runtime"]["device"] = "cpu"
    return params.Params.model_validate(values)


PROMPT = [token(name) for name in ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")]


def rows(folder: Path, cache: Path, most_tokens: int = 128) -> dataset.Dataset:
    return dataset.speech_dataset(folder, dataset.Labels(PROCESSOR, PROMPT, most_tokens), 0.5, cache)


@pytest.fixture
def batch(workspace, tmp_path) -> dict[str, torch.Tensor]:
    table = rows(Path("processed_data/dev"), tmp_path / "cache")
    return dataset.Collator(PROCESSOR, "utterance", 4)(list(table))


def test_decoder_is_started_once_and_given_the_prompt(batch):
    for inputs in batch["decoder_input_ids"].tolist():
        assert inputs[:4] == PROMPT
        assert inputs.count(PROMPT[0]) == 1


def test_labels_are_the_next_tokens_with_the_end_and_without_the_prompt(batch, workspace):
    end = token("<|endoftext|>")
    texts = [clip.text for clip in shards.read_manifest(Path("processed_data/dev"))]
    for inputs, labels, text in zip(batch["decoder_input_ids"], batch["labels"], texts, strict=True):
        assert labels[:3].tolist() == [-100] * 3
        learnt = labels[labels != -100].tolist()
        assert learnt[-1] == end  # or the model never learns to stop; end and padding are the same token
        assert learnt.count(end) == 1
        assert PROCESSOR.tokenizer.decode(learnt[:-1]) == " " + text
        assert inputs[4 : 3 + len(learnt)].tolist() == learnt[:-1]


def test_batches_are_as_long_as_their_longest_clip(workspace, tmp_path):
    table = rows(Path("processed_data/dev"), tmp_path / "cache")
    for context, frames in (("utterance", -(-max(table["length"]) // 32) * 32), ("window", 1000)):
        features = dataset.Collator(PROCESSOR, context, 4)(list(table))["input_features"]
        assert features.shape == (4, 80, frames)


def test_clip_longer_than_the_window_is_refused(workspace, tmp_path):
    write_split(tmp_path / "long", 1, seed=3, seconds=10.1)
    with pytest.raises(UserError, match=r"clip0 lasts 10.1 s and the model hears 10 s"):
        rows(tmp_path / "long", tmp_path / "cache")


def test_transcript_of_too_many_tokens_is_named_and_left_out(workspace, tmp_path, capsys):
    table = rows(Path("processed_data/dev"), tmp_path / "all")
    tokens = [len(ids) for ids in table["tokens"]]
    most = max(tokens) - 1
    table = rows(Path("processed_data/dev"), tmp_path / "some", most)
    assert len(table) == sum(count <= most for count in tokens)
    assert f"of over {most} tokens: clip" in capsys.readouterr().out


class GradientNorms(TrainerCallback):
    def __init__(self):
        self.norms = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "grad_norm" in logs:
            self.norms.append((logs["grad_norm"], logs["loss"]))


def first_step(root: Path, batch_size: int, accumulation: int, adapter: bool) -> tuple[float, float]:
    """Gradient norm and loss of the first optimizer step over the same 8 clips."""
    torch.manual_seed(0)
    whisper = model.load_whisper(Path("models/base"))
    model.encode_at_own_length(whisper)
    chosen = settings(batch_size=batch_size, gradient_accumulation=accumulation, audio_context="window")
    tuned = strategies.add_lora(whisper, chosen.train_lora) if adapter else whisper
    tables = {"train": rows(Path("processed_data/train"), root / "cache").select(range(8))}
    tables["dev"] = tables["train"]
    arguments = finetune.training_arguments(chosen, 1e-3, tables, 128, root / "run")
    arguments.max_steps, arguments.eval_strategy, arguments.save_strategy = 1, "no", "no"
    arguments.logging_steps = 1
    norms = GradientNorms()
    collator = dataset.Collator(PROCESSOR, "window", 4)
    Seq2SeqTrainer(tuned, arguments, collator, tables["train"], callbacks=[norms]).train()
    return norms.norms[0]


@pytest.mark.parametrize("adapter", [False, True])
def test_accumulated_gradients_are_those_of_one_batch(workspace, adapter):
    """transformers multiplies Whisper's gradients by the accumulation steps unless told not to."""
    whole = first_step(workspace / "a", 8, 1, adapter)
    for batch_size, accumulation in ((4, 2), (2, 4)):
        parts = first_step(workspace / "b", batch_size, accumulation, adapter)
        # Not exactly equal: each part's loss is a mean over its own number of tokens.
        assert parts == pytest.approx(whole, rel=0.1)


def run(stage: str, chosen: params.Params) -> dict[str, bytes]:
    """Train a strategy and return every file it left."""
    strategy = getattr(chosen, stage)
    choose = {"train_lora": strategies.add_lora, "train_selective": strategies.unfreeze_layers}[stage]
    finetune.run(stage, chosen, strategy, lambda base: choose(base, strategy))
    name = stage.removeprefix("train_")
    files = [*sorted(Path("models", name).iterdir()), Path("metrics") / f"{stage}.csv"]
    return {path.as_posix(): path.read_bytes() for path in files}


def test_training_is_reproducible_and_leaves_no_checkpoints(workspace):
    chosen = settings()
    first = run("train_selective", chosen)
    assert first == run("train_selective", chosen)
    assert list(Path("checkpoints").glob("*/*")) == []
    curve = Path("metrics/train_selective.csv").read_text().splitlines()
    assert curve[0] == "step,epoch,train_loss,dev_loss,dev_wer"
    assert [line.split(",")[0] for line in curve[1:]] == ["4", "8"]
    before, after = load_file("models/base/model.safetensors"), load_file("models/selective/model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(
        name.startswith(("model.encoder.layers.1.", "model.encoder.layer_norm.", "model.decoder.la"))
        for name in changed
    )


def test_killed_run_goes_on_and_ends_the_same(workspace, monkeypatch):
    expected = run("train_lora", settings())
    save = Seq2SeqTrainer._save_checkpoint

    def save_and_die(trainer, *args, **kwargs):
        save(trainer, *args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Seq2SeqTrainer, "_save_checkpoint", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            run("train_lora", settings())
    folder = next(Path("checkpoints/train_lora").iterdir())
    assert checkpoints.latest(folder) == str(folder / "checkpoint-4")
    (folder / "checkpoint-8").mkdir()  # as a kill while saving leaves it
    assert run("train_lora", settings()) == expected


def test_best_checkpoint_on_dev_is_kept(workspace, monkeypatch):
    """The metric says the first evaluation was the best: its weights are what is saved."""
    scores = iter([0.1, 0.9])
    monkeypatch.setattr(finetune, "word_error_rate", lambda *_: lambda _: {"wer": next(scores)})
    kept = []
    save = Seq2SeqTrainer._save_checkpoint

    def save_and_remember(trainer, *args, **kwargs):
        kept.append(trainer.model.model.decoder.layers[0].fc1.weight.detach().clone())
        save(trainer, *args, **kwargs)

    monkeypatch.setattr(Seq2SeqTrainer, "_save_checkpoint", save_and_remember)
    chosen = settings()
    run("train_selective", chosen)
    saved = load_file("models/selective/model.safetensors")["model.decoder.layers.0.fc1.weight"]
    assert torch.equal(saved, kept[0])
    assert not torch.equal(saved, kept[1])


def test_dev_metric_compares_each_clip_with_its_own_words(workspace, tmp_path, monkeypatch):
    """The trainer shuffles the dev set by length; a model that answers perfectly has a WER of 0 all the same."""
    chosen = settings(batch_size=1)  # evaluated in several batches
    shutil.rmtree("processed_data/dev")
    write_split(Path("processed_data/dev"), 20, seed=4)
    whisper = model.load_whisper(Path("models/base"))
    model.encode_at_own_length(whisper)
    trainer = finetune.make_trainer(whisper, chosen, 1e-3, tmp_path / "run")
    monkeypatch.setattr(whisper, "generate", lambda labels, **_: labels.where(labels != -100, token("<|endoftext|>")))
    assert trainer.evaluate()["eval_wer"] == 0


def test_early_stopping(workspace, monkeypatch):
    scores = iter([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    monkeypatch.setattr(finetune, "word_error_rate", lambda *_: lambda _: {"wer": next(scores)})
    run("train_lora", settings(epochs=6, patience=2))
    assert len(Path("metrics/train_lora.csv").read_text().splitlines()) == 1 + 3


def test_changed_settings_or_data_get_another_folder(workspace):
    inputs = [Path("models/base"), Path("processed_data/train")]
    folder = checkpoints.run_folder("train_lora", [1], inputs)
    assert folder == checkpoints.run_folder("train_lora", [1], inputs)
    assert folder != checkpoints.run_folder("train_lora", [2], inputs)
    shard = Path("processed_data/train/shard-00000.tar")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert folder != checkpoints.run_folder("train_lora", [1], inputs)


def test_tiny_model_matches_the_sample_tokenizer():
    assert tiny_model().config.vocab_size == len(PROCESSOR.tokenizer)
