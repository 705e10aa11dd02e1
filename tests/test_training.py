"""Batches, gradients and whole training runs, on a tiny model and clips of noise."""

import contextlib
import importlib.metadata
import json
import resource
import shutil
from concurrent import futures
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import Seq2SeqTrainer, TrainerCallback, WhisperProcessor

from stages.common import params
from stages.common.errors import UserError
from stages.common.files import folder_sha256
from stages.records import error_unit, shards, speaker_share
from stages.runtime import checkpoints, cost
from stages.training import dataset, feature_cache, loop, loss, strategies, trainer_options
from stages.training.batching import Draw
from stages.training.trainer import CheckpointCallback, SpeechTrainer
from stages.whisper import base_model, features, model
from tests.support.checkpoints import SAMPLE, tiny_model
from tests.support.training import checkpoint_names, enter_copy, failing, run, settings, write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PROCESSOR = WhisperProcessor.from_pretrained(SAMPLE)


def token(name: str) -> int:
    return PROCESSOR.tokenizer.convert_tokens_to_ids(name)


@pytest.fixture
def workspace(training_inputs, tmp_path, monkeypatch) -> Path:
    return enter_copy(training_inputs, tmp_path, monkeypatch)


PROMPT = [token(name) for name in ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")]


OFF = params.load(ROOT / "params.yaml").train.augment


def clips(folder: Path, cache: Path, most_tokens: int = 128, augment: params.Augment = OFF) -> dataset.Clips:
    labels = feature_cache.Labels(PROCESSOR, PROMPT, most_tokens)
    table = feature_cache.speech_table(folder, folder_sha256(folder), labels, 0.5, cache)
    return dataset.Clips(table, augment, seed=1)


def test_pseudo_labels_are_mixed_in_only_if_they_have_a_share(workspace, capsys):
    """Off, they change no byte; with a share, training says how many take part."""
    chosen = settings(epochs=1)
    without = run("train_lora", chosen)
    write_split(Path("labelled_data/labelled"), 8, seed=5)
    assert run("train_lora", chosen) == without
    assert (
        "the 8 clips of labelled_data/labelled are not used, because pseudo_labels.share is 0"
        in capsys.readouterr().out
    )
    labels = chosen.pseudo_labels.model_copy(update={"share": 0.3})
    assert run("train_lora", chosen.model_copy(update={"pseudo_labels": labels})) != without
    assert "clips of labelled_data/labelled (2 speakers) are mixed into every epoch" in capsys.readouterr().out


def test_a_run_does_not_remove_the_table_that_another_is_writing(workspace, tmp_path, monkeypatch):
    folder, make, others = Path("processed_data/dev"), Dataset.from_generator, []

    def table(spare_seconds: float) -> Dataset:
        labels = feature_cache.Labels(PROCESSOR, PROMPT, 128)
        return feature_cache.speech_table(folder, "digest", labels, spare_seconds, tmp_path / "cache")

    def from_generator(*arguments, **options):
        if not others:  # the first run: another one starts while it writes
            others.append(pool.submit(table, 0.25))
            with contextlib.suppress(futures.TimeoutError):
                others[0].result(timeout=1)
            assert Path(options["cache_dir"]).is_dir()
        return make(*arguments, **options)

    monkeypatch.setattr(Dataset, "from_generator", from_generator)
    with futures.ThreadPoolExecutor(1) as pool:
        first, second = table(0.5), others[0].result()
    assert first["length"][:] != second["length"][:]
    assert [path.is_dir() for path in (tmp_path / "cache" / "dev").iterdir()] == [True]  # the first is of no more use


def test_features_of_another_version_of_transformers_are_not_used_again(workspace, tmp_path, monkeypatch):
    def table_name() -> str:
        clips(Path("processed_data/dev"), tmp_path / "cache")
        (table,) = (path for path in (tmp_path / "cache" / "dev").iterdir() if path.is_dir())
        return table.name

    name = table_name()
    assert table_name() == name
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99")
    assert table_name() != name


@pytest.fixture
def dev(workspace, tmp_path) -> dataset.Clips:
    return clips(Path("processed_data/dev"), tmp_path / "cache")


@pytest.fixture
def batch(dev) -> dict[str, torch.Tensor]:
    return dataset.Collator(PROCESSOR, "utterance", 4)([dev[index] for index in range(len(dev))])


def test_decoder_is_started_once_and_given_the_prompt(batch):
    for inputs in batch["decoder_input_ids"].tolist():
        assert inputs[:4] == PROMPT
        assert inputs.count(PROMPT[0]) == 1


def test_labels_are_the_next_tokens_with_the_end_and_without_the_prompt(batch):
    end = token("<|endoftext|>")
    rows = sorted(shards.read_manifest(Path("processed_data/dev")), key=lambda clip: -clip.duration)
    assert len(rows) == len(batch["labels"])
    for inputs, labels, row in zip(batch["decoder_input_ids"], batch["labels"], rows, strict=True):
        assert labels[:3].tolist() == [-100] * 3
        learnt = labels[labels != -100].tolist()
        assert learnt[-1] == end  # or the model never learns to stop; end and padding are the same token
        assert learnt.count(end) == 1
        assert PROCESSOR.tokenizer.decode(learnt[:-1]) == " " + row.text
        assert inputs[4 : 3 + len(learnt)].tolist() == learnt[:-1]


def test_batches_are_as_long_as_their_longest_clip_or_as_their_bucket(dev):
    longest = -(-max(dev.table["length"]) // 32) * 32
    rows = [dev[index] for index in range(len(dev))]
    for context, frames in (("utterance", longest), ("window", 1000)):
        assert dataset.Collator(PROCESSOR, context, 4)(rows)["input_features"].shape == (4, 80, frames)
    rows = [dev[Draw(index, 0, longest + 32)] for index in range(len(dev))]
    assert dataset.Collator(PROCESSOR, "utterance", 4)(rows)["input_features"].shape == (4, 80, longest + 32)


def test_a_stand_in_is_not_learnt_from(dev):
    batch = dataset.Collator(PROCESSOR, "utterance", 4)([dev[Draw(0, 0, 320, is_real=False)]])
    assert (batch["labels"] == -100).all()


def test_table_holds_the_features(dev):
    row = max(shards.read_manifest(Path("processed_data/dev")), key=lambda clip: clip.duration)
    expected = features.log_mel(PROCESSOR.feature_extractor, shards.read_audio(Path("processed_data/dev"), row), 0.5)
    np.testing.assert_allclose(dev[0]["log_mel"], expected, atol=1e-3)
    assert dev.table[0]["speech"] == round(100 * row.duration)
    assert dev.table["length"] == sorted(dev.table["length"], reverse=True)


def test_table_is_reused_and_the_old_one_of_other_clips_removed(dev, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(features, "log_mel", None)  # computed again, it would fail
        again = clips(Path("processed_data/dev"), tmp_path / "cache")
    assert again.table[:] == dev.table[:]
    write_split(Path("processed_data/other/dev"), 2, seed=9)
    clips(Path("processed_data/other/dev"), tmp_path / "cache")
    assert len([path for path in (tmp_path / "cache" / "dev").iterdir() if path.is_dir()]) == 1


def test_smaller_share_of_the_speakers_is_part_of_a_larger_one(tmp_path):
    speakers = [f"s{index % 11}" for index in range(44)]
    table = Dataset.from_dict({"speaker": speakers, "clip": list(range(44))})
    before: set[str] = set()
    for share, count in ((0.01, 1), (0.25, 3), (0.5, 6), (1.0, 11)):
        chosen = dataset.of_speakers(table, share, seed=1)
        assert set(chosen["speaker"]) == speaker_share.choose(speakers, share, seed=1)
        assert len(set(chosen["speaker"])) == count
        assert before <= set(chosen["speaker"])
        assert chosen["clip"] == [clip for clip in range(44) if speakers[clip] in set(chosen["speaker"])]
        before = set(chosen["speaker"])
    assert set(dataset.of_speakers(table, 0.5, 1)["speaker"]) != set(dataset.of_speakers(table, 0.5, 2)["speaker"])


def test_a_share_of_the_speakers_is_trained_on(workspace, tmp_path, capsys):
    trainer = trainer_of(settings(data_share=0.5), tmp_path / "run")
    assert len(trainer.train_dataset) == 8
    assert len(set(trainer.train_dataset.table["speaker"])) == 1
    assert len(trainer.eval_dataset) == 4
    rows = [trainer.train_dataset[index]["tokens"] for index in range(8)]
    by_text = {row.text: row.speaker for row in shards.read_manifest(Path("processed_data/train"))}
    assert len({by_text[PROCESSOR.tokenizer.decode(row[4:-1]).strip()] for row in rows}) == 1
    run("train_lora", settings(data_share=0.5))
    assert "8 clips of 1 speaker," in capsys.readouterr().out


def test_training_counts_recordings_where_speakers_are_unknown(workspace, tmp_path):
    folder = Path("processed_data/train")
    clips = shards.read_manifest(folder)
    for unknown, expected in ((0, "2 speakers"), (1, "2 speakers and recordings of"), (16, "2 recordings of unknown")):
        flags = [[shards.UNKNOWN_SPEAKER] if number < unknown else [] for number in range(len(clips))]
        shards.write_manifest(folder, [replace(row, flags=of_row) for row, of_row in zip(clips, flags, strict=True)])
        trainer = trainer_of(settings(), tmp_path / f"run{unknown}")
        assert dataset.speakers_text(trainer.train_dataset.table).startswith(expected)


def test_dora_learns_and_is_saved(workspace):
    chosen = settings().model_dump()
    chosen["train_lora"]["variant"] = "dora"
    run("train_lora", params.Params.model_validate(chosen))
    tuned = model.load_checkpoint(Path("models/lora"))
    names = [name for name, _ in tuned.model.named_parameters() if "lora_magnitude_vector" in name]
    assert len(names) == 12  # q and v of 2 encoder layers, and twice of 2 decoder layers


def test_adapter_names_the_base_of_the_hub(workspace):
    base = base_model.BaseModel("kids/whisper", "0" * 40)
    base_model.write(Path("models/base"), base)
    files = run("train_lora", settings(epochs=1))
    config = json.loads(files["models/lora/adapter_config.json"])
    assert (config["base_model_name_or_path"], config["revision"]) == base
    assert "models/lora/README.md" not in files  # PEFT's, without content
    model.load_checkpoint(Path("models/lora"))  # from models/base, without the hub


def test_augmentation_depends_on_seed_epoch_and_clip_alone(dev, tmp_path):
    chosen = settings().train.augment
    augmented = clips(Path("processed_data/dev"), tmp_path / "cache", augment=chosen)
    first, again, later = (augmented[Draw(1, epoch, 320)]["log_mel"] for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert first.shape != later.shape or not np.array_equal(first, later)
    assert np.array_equal(augmented[1]["log_mel"], dev[1]["log_mel"])  # dev clips are heard as they are


def test_clip_longer_than_the_window_is_refused(workspace, tmp_path):
    write_split(tmp_path / "long", 1, seed=3, seconds=10.1)
    with pytest.raises(UserError, match=r"clip0 lasts 10.1 s, but the model takes 10 s"):
        clips(tmp_path / "long", tmp_path / "cache")


def test_transcript_of_too_many_tokens_is_named_and_left_out(dev, tmp_path, capsys):
    tokens = [len(ids) for ids in dev.table["tokens"]]
    most = max(tokens) - 1
    table = clips(Path("processed_data/dev"), tmp_path / "some", most).table
    assert len(table) == sum(count <= most for count in tokens)
    assert f"of over {most} tokens: clip" in capsys.readouterr().out


class GradientNorms(TrainerCallback):
    def __init__(self):
        self.norms = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "grad_norm" in logs:
            self.norms.append((logs["grad_norm"], logs["loss"]))


def trainer_of(chosen: params.Params, folder: Path, tuned=None) -> SpeechTrainer:
    tuned = tuned or loop.prepared_base(chosen)
    digests = {name: folder_sha256(Path("processed_data") / name) for name in ("train", "dev")}
    checkpoint_callback = CheckpointCallback(folder, 10.0, chosen.train.evaluations_per_epoch)
    return loop.make_trainer(tuned, chosen, 1e-3, checkpoint_callback, digests)


def first_step(folder: Path, device_seconds: float, adapter: bool) -> tuple[float, float]:
    """Gradient norm and loss of the first optimizer step, its batch cut into parts of so many seconds."""
    chosen = settings({"device_seconds": device_seconds}, batch_seconds=20.0, evaluations_per_epoch=100)
    base = loop.prepared_base(chosen)
    tuned = strategies.add_lora(base, chosen.train_lora) if adapter else base
    trainer = trainer_of(chosen, folder, tuned)
    trainer.args.max_steps = 1
    norms = GradientNorms()
    trainer.add_callback(norms)
    trainer.train()
    return norms.norms[0]


@pytest.mark.parametrize("adapter", [False, True])
def test_parts_of_a_batch_have_its_gradients_and_loss(workspace, adapter):
    """Left to itself, transformers multiplies Whisper's gradients by the number of parts."""
    whole = first_step(workspace / "a", 20.0, adapter)
    for device_seconds in (10.0, 5.0, 1.0):
        assert first_step(workspace / "b", device_seconds, adapter) == pytest.approx(whole, rel=1e-4)


def test_loss_is_that_of_the_stock_model(workspace, batch):
    stock, own = model.load_whisper(Path("models/base")), model.load_whisper(Path("models/base"))
    model.encode_at_own_length(stock)
    model.encode_at_own_length(own)
    loss.use_token_mean_loss(own)
    expected = stock(**batch).loss
    torch.testing.assert_close(own(**batch).loss, expected)
    tokens = (batch["labels"] != -100).sum()
    torch.testing.assert_close(own(**batch, num_items_in_batch=2 * tokens).loss, expected / 2)
    expected.backward()
    own(**batch).loss.backward()
    for (name, one), other in zip(stock.named_parameters(), own.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            torch.testing.assert_close(other.grad, one.grad, msg=name, atol=1e-5, rtol=1e-4)
    without = {key: value for key, value in batch.items() if key != "labels"}
    assert torch.equal(own(**without).logits, stock(**without).logits)


def test_training_is_reproducible_and_leaves_no_checkpoints(workspace):
    chosen = settings()
    first = run("train_selective", chosen)
    assert first == run("train_selective", chosen)
    assert list(Path("checkpoints/train_selective").iterdir()) == []
    assert cost.known()["train_selective"]["precision"] == "fp32"
    curve = Path("metrics/train_selective.csv").read_text().splitlines()
    assert curve[0] == "step,epoch,train_loss,dev_loss,dev_wer"
    assert [line.split(",")[0] for line in curve[1:]] == ["5", "10"]
    before, after = load_file("models/base/model.safetensors"), load_file("models/selective/model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(
        name.startswith(("model.encoder.layers.1.", "model.encoder.layer_norm.", "model.decoder.la"))
        for name in changed
    )


def test_folder_is_kept_for_one_run(workspace):
    folder = checkpoints.run_folder("train_lora", [1], [])
    with (
        checkpoints.exclusive_lock(folder),
        pytest.raises(UserError, match=r"^train_lora is already running .* and has locked .*train_lora/"),
        checkpoints.exclusive_lock(folder),
    ):
        pass
    with checkpoints.exclusive_lock(folder):  # free again
        pass


def test_only_committed_checkpoints_count_and_others_are_removed(tmp_path):
    for step in (5, 10, 15):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "model.safetensors").write_bytes(b"weights")
    checkpoints.commit(tmp_path / "checkpoint-5")
    checkpoints.commit(tmp_path / "checkpoint-10")
    (tmp_path / "checkpoint-10" / "model.safetensors").write_bytes(b"weig")
    assert checkpoints.latest(tmp_path) == tmp_path / "checkpoint-5"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]


def test_saying_what_is_kept_removes_nothing(tmp_path):
    """Every process of a training says it when it fails; another may still be writing a checkpoint."""
    assert checkpoints.describe_latest(tmp_path) == "No checkpoint had been written yet."
    for step in (5, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    checkpoints.commit(tmp_path / "checkpoint-5")
    assert checkpoints.describe_latest(tmp_path) == f"The last good checkpoint, of step 5, is kept in {tmp_path}."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]


def diverging(monkeypatch, step: int) -> None:
    """Make the loss of one step not a number."""
    learn = Seq2SeqTrainer.training_step

    def training_step(trainer, *args, **kwargs):
        loss = learn(trainer, *args, **kwargs)
        return loss * float("nan") if trainer.state.global_step == step else loss

    monkeypatch.setattr(Seq2SeqTrainer, "training_step", training_step)


def test_loss_that_is_no_number_ends_training_and_keeps_the_last_good_checkpoint(workspace, monkeypatch):
    with monkeypatch.context() as patch:
        diverging(patch, step=7)
        with pytest.raises(
            UserError, match=r"after step 10 the loss .* Lower train_lora.learning_rate .* of step 5, is"
        ):
            run("train_lora", settings())
    assert checkpoint_names() == ["checkpoint-5"]
    expected = run("train_lora", settings())
    assert expected["metrics/train_lora.csv"].count(b"\n") == 3


def test_weights_that_are_no_numbers_are_not_kept(workspace, monkeypatch):
    save = Seq2SeqTrainer._save_checkpoint

    def spoil_and_save(trainer, *args, **kwargs):
        if trainer.state.global_step == 10:
            next(p for p in trainer.model.parameters() if p.requires_grad).data[0] = float("inf")
        save(trainer, *args, **kwargs)

    monkeypatch.setattr(Seq2SeqTrainer, "_save_checkpoint", spoil_and_save)
    with pytest.raises(UserError, match="not finite"):
        run("train_lora", settings())
    folder = next(Path("checkpoints/train_lora").iterdir())
    assert checkpoints.latest(folder) == folder / "checkpoint-5"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried"),
        MemoryError(),
        RuntimeError("can't allocate memory: 9 bytes"),
    ],
)
def test_out_of_memory_names_what_to_lower(workspace, monkeypatch, error):
    failing(monkeypatch, 7, error)
    with pytest.raises(UserError, match=r"device_seconds, now 120, for example to 60.* of step 5, is kept"):
        run("train_lora", settings())
    assert checkpoint_names() == ["checkpoint-5"]


def test_other_errors_are_not_taken_for_lack_of_memory(workspace, monkeypatch):
    failing(monkeypatch, 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        run("train_lora", settings())


def test_full_disk_is_reported_and_the_last_good_checkpoint_kept(workspace, monkeypatch):
    """The limit on a file's size makes the system refuse the second checkpoint's bytes as a full disk would."""
    save = Seq2SeqTrainer._save_checkpoint
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def save_without_room(trainer, *args, **kwargs):
        if trainer.state.global_step == 10:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
        save(trainer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Seq2SeqTrainer, "_save_checkpoint", save_without_room)
        try:
            with pytest.raises(UserError, match=r"the disk is full .* of step 5, is kept"):
                run("train_lora", settings())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    folder = next(Path("checkpoints/train_lora").iterdir())
    assert [path.name for path in checkpoints.complete(folder)] == ["checkpoint-5"]
    run("train_lora", settings())


@pytest.mark.parametrize("shared", ["device_seconds", "gradient_checkpointing"])
def test_how_it_is_run_does_not_change_what_is_learnt(workspace, shared):
    value = {"device_seconds": 3.0, "gradient_checkpointing": True}[shared]
    curves = []
    for runtime in ({}, {shared: value}):
        run("train_selective", settings(runtime))
        curves.append(np.loadtxt("metrics/train_selective.csv", delimiter=",", skiprows=1))
    np.testing.assert_allclose(curves[0], curves[1], atol=2e-5)


def test_best_checkpoint_on_dev_is_kept(workspace, monkeypatch):
    """The metric says the first evaluation was the best: its weights are what is saved."""
    saved, _ = train_and_watch(monkeypatch, [0.1, 0.9])
    assert torch.equal(tuned_weight(), saved[0])
    assert not torch.equal(tuned_weight(), saved[1])


def test_dev_metric_compares_each_clip_with_its_own_words(workspace, tmp_path, monkeypatch):
    """The trainer shuffles the dev set by length; a model that answers perfectly has a WER of 0 all the same."""
    monkeypatch.setattr(trainer_options, "DEV_SECONDS", 5.0)  # evaluated in several batches
    chosen = settings()
    shutil.rmtree("processed_data/dev")
    write_split(Path("processed_data/dev"), 20, seed=4)
    whisper = loop.prepared_base(chosen)
    trainer = trainer_of(chosen, tmp_path / "run", whisper)
    monkeypatch.setattr(whisper, "generate", lambda labels, **_: labels.where(labels != -100, token("<|endoftext|>")))
    assert trainer.evaluate()["eval_wer"] == 0


def test_dev_loss_is_that_of_all_its_tokens(workspace, dev, tmp_path, monkeypatch):
    """However the dev set is batched."""
    monkeypatch.setattr(trainer_options, "DEV_SECONDS", 5.0)
    trainer = trainer_of(settings(audio_context="window"), tmp_path / "run")
    assert trainer.args.per_device_eval_batch_size < len(dev)
    batch = dataset.Collator(PROCESSOR, "window", 4)([dev[index] for index in range(len(dev))])
    with torch.no_grad():
        expected = model.load_whisper(Path("models/base"))(**batch).loss
    trainer.evaluate()
    assert trainer.state.log_history[-1]["eval_loss"] == pytest.approx(float(expected), rel=1e-5)


def decoder_weight(whisper) -> torch.Tensor:
    return whisper.model.decoder.layers[0].fc1.weight.detach().clone()


def train_and_watch(monkeypatch, rates: list[float], **train) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Train selectively where dev has these rates; a weight as each evaluation saves it, and as it uses it."""
    saved, evaluated, left = [], [], iter(rates)
    save, evaluate = Seq2SeqTrainer._save_checkpoint, Seq2SeqTrainer.evaluate

    def watch_save(trainer, *args, **kwargs):
        saved.append(decoder_weight(trainer.model))
        save(trainer, *args, **kwargs)

    def watch_evaluate(trainer, *args, **kwargs):
        evaluated.append(decoder_weight(trainer.model))
        return evaluate(trainer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "word_error_rate", lambda *_: lambda _: {"wer": next(left)})
        patch.setattr(Seq2SeqTrainer, "_save_checkpoint", watch_save)
        patch.setattr(Seq2SeqTrainer, "evaluate", watch_evaluate)
        run("train_selective", settings(**train))
    return saved, evaluated


def tuned_weight() -> torch.Tensor:
    return load_file("models/selective/model.safetensors")["model.decoder.layers.0.fc1.weight"]


def test_mean_of_the_last_evaluations_is_evaluated_and_saved(workspace, monkeypatch):
    saved, evaluated = train_and_watch(monkeypatch, [0.9, 0.8, 0.7, 0.6], epochs=4, average_share=0.5)
    means = [saved[0], saved[1], saved[2], (saved[2] + saved[3]) / 2]
    for seen, expected in zip(evaluated, means, strict=True):
        torch.testing.assert_close(seen, expected, rtol=0, atol=1e-7)
    assert not torch.equal(saved[2], saved[3])  # training went on from its own weights
    torch.testing.assert_close(tuned_weight(), means[3], rtol=0, atol=1e-7)


@pytest.mark.parametrize("best", [1, 2])
def test_mean_at_the_best_evaluation_is_saved(workspace, monkeypatch, best):
    """Also where a single evaluation, before there was a mean, was better by luck."""
    rates = [0.1, *(0.5 - 0.1 * (place == best) for place in (1, 2, 3))]
    saved, _ = train_and_watch(monkeypatch, rates, epochs=4, patience=9, average_share=0.75)
    means = [saved[0], saved[1], (saved[1] + saved[2]) / 2]
    torch.testing.assert_close(tuned_weight(), means[best], rtol=0, atol=1e-7)


def test_patience_is_counted_anew_from_the_first_mean(workspace, monkeypatch):
    saved, _ = train_and_watch(monkeypatch, [0.1, 0.2, 0.5, 0.6, 0.7, 0.4], epochs=6, patience=2, average_share=0.75)
    assert len(saved) == 4  # the first mean is at the second evaluation


def test_training_that_ends_before_there_is_a_mean_keeps_its_best_weights(workspace, monkeypatch):
    saved, _ = train_and_watch(monkeypatch, [0.4, 0.5, 0.3], epochs=6, patience=1, average_share=0.5)
    assert torch.equal(tuned_weight(), saved[0])


def test_without_a_mean_nothing_is_averaged(workspace, monkeypatch):
    saved, evaluated = train_and_watch(monkeypatch, [0.9, 0.8, 0.7, 0.6], epochs=4, average_share=0.0)
    assert all(map(torch.equal, saved, evaluated))
    assert torch.equal(tuned_weight(), saved[3])


def test_early_stopping(workspace, monkeypatch):
    scores = iter([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    monkeypatch.setattr(loop, "word_error_rate", lambda *_: lambda _: {"wer": next(scores)})
    run("train_lora", settings(epochs=6, patience=2))
    assert len(Path("metrics/train_lora.csv").read_text().splitlines()) == 1 + 3


def test_best_checkpoint_is_chosen_by_the_rate_of_characters(workspace, monkeypatch, capsys):
    monkeypatch.setattr(error_unit, "WITHOUT_SPACES", {"en"})  # the tiny model knows no other language
    rates = iter([0.3, 0.1, 0.2])
    monkeypatch.setattr(loop, "word_error_rate", lambda *_: lambda _: {"cer": next(rates)})
    run("train_lora", settings(epochs=3))
    curve = Path("metrics/train_lora.csv").read_text().splitlines()
    assert [line.split(",")[-1] for line in curve] == ["dev_wer", "0.3", "0.1", "0.2"]
    printed = capsys.readouterr().out.splitlines()
    assert any("dev CER %" in line for line in printed)
    assert [line.endswith("best") for line in printed if "/" in line.split()[0]] == [True, True, False]


def test_changed_settings_or_data_get_another_folder(workspace):
    digests = [folder_sha256(Path("models/base")), folder_sha256(Path("processed_data/train"))]
    folder = checkpoints.run_folder("train_lora", [1], digests)
    assert folder == checkpoints.run_folder("train_lora", [1], digests)
    assert folder != checkpoints.run_folder("train_lora", [2], digests)
    shard = Path("processed_data/train/shard-00000.tar")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert folder_sha256(Path("processed_data/train")) != digests[1]
    assert folder != checkpoints.run_folder("train_lora", [1], ["another"])


def test_tiny_model_matches_the_sample_tokenizer():
    assert tiny_model().config.vocab_size == len(PROCESSOR.tokenizer)
