"""Train with Transformers' Seq2SeqTrainer and keep the checkpoint that is best on dev. Test data is never seen here.

All strategies run through here; they differ only in which parameters learn (stages/training/strategies.py). Where
several processes train together, each runs this, and the first one writes.
"""

import contextlib
import csv
import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    set_seed,
)

from stages.common.errors import UserError
from stages.common.files import folder_sha256
from stages.common.params import Params
from stages.records import error_unit, paths
from stages.records.strategies import STRATEGIES
from stages.runtime import checkpoints, cost, devices, failures, trackers
from stages.runtime.mirror import Mirror
from stages.training import (
    announcement,
    dataset,
    extra_clips,
    feature_cache,
    frozen_layers,
    loss,
    shared_memory,
    strategies,
    trainer_options,
    training_data,
)
from stages.training.trainer import CheckpointCallback, SpeechTrainer
from stages.wer import error_counts, normalisers
from stages.whisper import base_model, dtypes, model

CODE_FOLDERS = ("training", "whisper", "wer", "records")  # of stages/: an edit of other code changes no model
CURVE_COLUMNS = {"step": "step", "epoch": "epoch", "loss": "train_loss", "eval_loss": "dev_loss", "eval_wer": "dev_wer"}
# dvc.yaml names the column, so a rate of characters is in the same one.
ENTRY_COLUMNS = CURVE_COLUMNS | {f"eval_{error_unit.CHARACTERS.key}": "dev_wer"}


def run(strategy: str, settings: Params) -> None:
    """Train one strategy from models/base; write models/<strategy> and metrics/train_<strategy>.csv.

    A killed run resumes from its last checkpoint.

    Parameters
    ----------
    strategy : its name in stages/records/strategies.py
    """
    stage = STRATEGIES[strategy].stage
    section = getattr(settings, stage)
    trackers.check(settings.runtime)
    device = devices.choose_device(settings.runtime.device)
    process = PartialState(cpu=device.type == "cpu")
    set_seed(settings.seed)
    dtypes.allow_tf32(settings.train.precision)
    relevant = [settings.seed, settings.language, settings.pseudo_labels.share]
    relevant += [settings.train.model_dump(), section.model_dump()]
    inputs = [paths.BASE_FOLDER, *training_data.folders(settings)]
    digests = {path.name: folder_sha256(path) for path in inputs}
    folder = checkpoints.run_folder(stage, relevant, [*digests.values(), *checkpoints.code_digests(CODE_FOLDERS)])
    trackers.set_up(settings.runtime, folder)
    with contextlib.ExitStack() as stack:
        if process.is_main_process:
            stack.enter_context(checkpoints.exclusive_lock(folder))
            figures = stack.enter_context(cost.measured(stage, device))
        progress = functools.partial(checkpoints.describe_latest, folder)
        stack.enter_context(failures.explain_early_end(stage, memory_advice(settings), progress))
        mirror = open_mirror(settings, folder) if process.is_main_process else None
        train, minutes = settings.train, settings.runtime.checkpoint_minutes
        checkpoint_callback = CheckpointCallback(
            folder, minutes, train.evaluations_per_epoch, train.average_share, mirror
        )
        tuned = strategies.make_trainable(prepared_base(settings), strategy, settings)
        trainer = make_trainer(tuned, settings, section.learning_rate, checkpoint_callback, digests)
        if trainer.is_fsdp_enabled and train.average_share:
            raise UserError("params.yaml: train.average_share must be 0 under FSDP, which splits the weights up")
        announcement.announce(stage, tuned, trainer, settings)
        resume(trainer, folder)
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
        if process.is_main_process:
            figures |= cost_figures(tuned, trainer)
            save(strategy, settings, tuned, trainer, weights)
            if mirror:
                mirror.remove()
            shutil.rmtree(folder)
        process.wait_for_everyone()


def memory_advice(settings: Params) -> str:
    """A sentence for an error message: what to change if training runs out of memory."""
    seconds = settings.runtime.device_seconds
    return (
        f"Lower runtime.device_seconds, now {seconds:g}, for example to {seconds / 2:g}: each batch is then cut into "
        "more parts, which does not change the result. If that is not enough, set runtime.gradient_checkpointing to "
        "true."
    )


def prepared_base(settings: Params) -> WhisperForConditionalGeneration:
    """The base model, set up to be trained in params.yaml's language and audio context."""
    base = model.load_whisper(paths.BASE_FOLDER)
    model.set_language(base, settings.language)
    if settings.train.audio_context == "utterance":
        model.encode_at_own_length(base)
    loss.use_token_mean_loss(base)
    return base


def open_mirror(settings: Params, folder: Path) -> Mirror | None:
    """Connect to runtime.checkpoint_mirror, if it is set, and fetch the checkpoints that this machine lacks."""
    if not settings.runtime.checkpoint_mirror:
        return None
    mirror = Mirror(settings.runtime.checkpoint_mirror, f"{folder.parent.name}/{folder.name}")
    mirror.fetch(folder)
    return mirror


def make_trainer(
    tuned, settings: Params, learning_rate: float, checkpoint_callback: CheckpointCallback, digests: dict[str, str]
):
    """Set up the trainer: data, batches by seconds, early stopping and best checkpoint by the error rate on dev.

    Parameters
    ----------
    digests : of the contents of training_data.folders, by name
    """
    if settings.runtime.gradient_checkpointing:
        tuned.gradient_checkpointing_enable({"use_reentrant": False})
    processor = model.load_processor(paths.BASE_FOLDER)
    whisper, train = model.whisper_of(tuned), settings.train
    prompt, positions = model.prompt_tokens(whisper, settings.language), whisper.config.max_target_positions
    labels = feature_cache.Labels(processor, prompt, positions)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # on this machine; set by the launcher
    shared_memory.check(settings, processes, processor.feature_extractor.feature_size)
    clips, dev = training_data.load(settings, digests, labels, checkpoints.root() / "features")
    window = processor.feature_extractor.nb_max_frames
    batches = trainer_options.make_batches(clips.table["length"][:], settings, window, clips.turns)
    trainer = SpeechTrainer(
        model=tuned,
        args=trainer_options.training_arguments(
            settings, learning_rate, batches, dev, positions, checkpoint_callback.folder
        ),
        data_collator=dataset.Collator(processor, train.audio_context, len(prompt)),
        train_dataset=clips,
        eval_dataset=dev,
        compute_metrics=word_error_rate(processor, settings.language),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=train.patience)],
        batches=batches,
        checkpoint_callback=checkpoint_callback,
    )
    if settings.runtime.cache_frozen:
        frozen_layers.compute_once(trainer, settings)
    return trainer


def resume(trainer: SpeechTrainer, folder: Path) -> None:
    """Train to the end from the newest checkpoint, if there is one; the trainer's model then has its best weights."""
    newest = checkpoints.latest(folder) if trainer.is_world_process_zero() else None
    newest = broadcast_object_list([newest])[0]  # on a shared disk, the other processes may not see it yet
    if newest and trainer.is_world_process_zero():
        print(f"{folder.parent.name}: resumes from step {checkpoints.step_of(newest)}")
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)


def save(strategy: str, settings: Params, tuned, trainer: SpeechTrainer, weights: dict | None) -> None:
    """Write the tuned model and its learning curve."""
    folder = paths.MODELS[strategy]
    model.save_tuned(tuned, folder, settings.train.audio_context, settings.train.spare_seconds, weights=weights)
    base_model.record_in_adapter(folder, base_model.read(paths.BASE_FOLDER))
    write_curve(paths.CURVES[strategy], trainer.state.log_history)


def cost_figures(tuned, trainer: SpeechTrainer) -> dict[str, float | str]:
    """What metrics/cost.json records of a training, besides its duration and memory."""
    learning, total = strategies.parameter_counts(tuned)
    clips, seconds = trainer.state.epoch * trainer.batches.clips(0).size, trainer.progress.seconds
    return extra_clips.figures(trainer.train_dataset.extra) | {
        "trained_parameters": learning,
        "trained_share": round(learning / total, 6),
        "precision": "bf16" if trainer.args.bf16 else "fp16" if trainer.args.fp16 else "fp32",
        "processes": trainer.args.world_size,
        "training_seconds": round(seconds, 1),  # without evaluation on dev
        "clips_per_second": round(clips / max(seconds, 1e-3), 2),
    }


def word_error_rate(processor: WhisperProcessor, language: str) -> Callable[[EvalPrediction], dict[str, float]]:
    """The trainer's metric: corpus WER (or CER) of free-running decoding on dev, under Whisper's normaliser."""
    normalise = normalisers.load(paths.BASE_FOLDER, language)["whisper"]
    key = error_unit.of_language(language).key

    def texts(tokens: np.ndarray) -> list[str]:
        ids = np.where(tokens == loss.IGNORED, processor.tokenizer.pad_token_id, tokens)
        return processor.batch_decode(ids, skip_special_tokens=True)

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        # The references come with the predictions, because the dev set is sorted by length.
        references, hypotheses = texts(prediction.label_ids), texts(prediction.predictions)
        return {key: error_counts.count_errors(references, hypotheses, normalise).wer}

    return compute


def write_curve(path: Path, history: list[dict]) -> None:
    """Write the trainer's log as a CSV file, a row per evaluation, without durations; `dvc plots` shows it.

    Parameters
    ----------
    history : the trainer's `state.log_history`: entries with losses and entries with dev scores, by step
    """
    rows: dict[int, dict] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {})
        for key, name in ENTRY_COLUMNS.items():
            if key in entry:
                row[name] = round(entry[key], 6)
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CURVE_COLUMNS.values(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows.values() if "dev_wer" in row)
