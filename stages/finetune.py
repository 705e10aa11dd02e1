"""Train with Transformers' Seq2SeqTrainer and keep the checkpoint that is best on dev. Test data is never seen here.

Both strategies run through here; they differ only in which parameters learn (stages/strategies.py).
"""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from datasets import Dataset
from pydantic import BaseModel
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    set_seed,
)

from stages import checkpoints, cost, dataset, hardware, model, scoring, strategies
from stages.params import Params
from stages.shards import PROCESSED

CURVE_COLUMNS = {"step": "step", "epoch": "epoch", "loss": "train_loss", "eval_loss": "dev_loss", "eval_wer": "dev_wer"}


def run(stage: str, settings: Params, strategy: BaseModel, choose: Callable[[WhisperForConditionalGeneration], object]):
    """Train one strategy from models/base; write models/<strategy> and metrics/<stage>.csv.

    A run that was killed goes on from its last checkpoint.

    Parameters
    ----------
    stage : "train_lora" or "train_selective"
    strategy : that stage's section of the parameters
    choose : decides which of the base model's parameters learn; returns the model to train
    """
    set_seed(settings.seed)
    train = settings.train
    relevant = [settings.seed, settings.language, train.model_dump(), strategy.model_dump()]
    folder = checkpoints.run_folder(stage, relevant, [model.BASE_FOLDER, PROCESSED / "train", PROCESSED / "dev"])
    with cost.measured(stage) as figures:
        base = model.load_whisper(model.BASE_FOLDER)
        model.set_language(base, settings.language)
        if train.audio_context == "utterance":
            model.encode_at_own_length(base)
        tuned = choose(base)
        learning, total = strategies.parameter_counts(tuned)
        print(f"{stage}: {learning:,} of {total:,} parameters learn ({learning / total:.2%})")
        trainer = make_trainer(tuned, settings, strategy.learning_rate, folder)
        trainer.train(resume_from_checkpoint=checkpoints.latest(folder))
        figures |= {"trained_parameters": learning, "trained_share": round(learning / total, 6)}
    tuned_folder = model.MODELS[stage.removeprefix("train_")]
    model.save_tuned(tuned, tuned_folder, train.audio_context, train.spare_seconds)
    write_curve(Path("metrics") / f"{stage}.csv", trainer.state.log_history)
    shutil.rmtree(folder)


def make_trainer(tuned, settings: Params, learning_rate: float, folder: Path) -> Seq2SeqTrainer:
    """Set up the trainer: data, batches by length, early stopping and best checkpoint by dev WER."""
    processor = model.load_processor(model.BASE_FOLDER)
    whisper, train = model.whisper_of(tuned), settings.train
    prompt, positions = model.prompt_tokens(whisper, settings.language), whisper.config.max_target_positions
    labels = dataset.Labels(processor, prompt, positions)
    splits = {
        name: dataset.speech_dataset(PROCESSED / name, labels, train.spare_seconds, folder / "features")
        for name in ("train", "dev")
    }
    return Seq2SeqTrainer(
        model=tuned,
        args=training_arguments(settings, learning_rate, splits, positions, folder),
        data_collator=dataset.Collator(processor, train.audio_context, len(prompt)),
        train_dataset=splits["train"],
        eval_dataset=splits["dev"],
        compute_metrics=word_error_rate(processor, settings.language),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=train.patience)],
    )


def training_arguments(
    settings: Params, learning_rate: float, splits: dict[str, Dataset], positions: int, folder: Path
) -> Seq2SeqTrainingArguments:
    """Translate params.yaml into the trainer's options; everything is said, nothing is left to its defaults' mood."""
    train = settings.train
    device = hardware.choose_device(settings.runtime.device)
    precision = hardware.choose_precision(train.precision, device)
    steps = math.ceil(math.ceil(len(splits["train"]) / train.batch_size) / train.gradient_accumulation)
    interval = max(1, steps // train.evaluations_per_epoch)
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=train.epochs,
        per_device_train_batch_size=train.batch_size,
        per_device_eval_batch_size=4 * train.batch_size,
        gradient_accumulation_steps=train.gradient_accumulation,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        dataloader_num_workers=settings.runtime.data_workers,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(train.warmup_share * steps * train.epochs),
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        eval_strategy="steps",
        save_strategy="steps",
        logging_strategy="steps",
        eval_steps=interval,
        save_steps=interval,
        logging_steps=interval,
        save_total_limit=1,  # the best one is kept besides
        load_best_model_at_end=True,
        metric_for_best_model="wer",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        predict_with_generate=True,
        # Twice the longest transcript stops a model that repeats itself.
        generation_max_length=min(positions, 2 * max(map(len, splits["dev"]["tokens"]))),
        generation_num_beams=1,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        report_to="none",
    )
    # The trainer would otherwise spread each batch over all GPUs with DataParallel, unasked.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def word_error_rate(processor: WhisperProcessor, language: str) -> Callable[[EvalPrediction], dict[str, float]]:
    """The trainer's metric: corpus WER of free-running decoding on dev, under Whisper's normaliser."""
    normalise = scoring.normalisers(processor.tokenizer, language)["whisper"]

    def texts(tokens: np.ndarray) -> list[str]:
        ids = np.where(tokens == dataset.IGNORED, processor.tokenizer.pad_token_id, tokens)
        return processor.batch_decode(ids, skip_special_tokens=True)

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        # References come with the predictions: grouping by length shuffles the dev set too.
        return {"wer": scoring.count_errors(texts(prediction.label_ids), texts(prediction.predictions), normalise).wer}

    return compute


def write_curve(path: Path, history: list[dict]) -> None:
    """Write the trainer's log as one row an evaluation, for `dvc plots`; durations are left out."""
    rows: dict[int, dict] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {})
        row |= {name: round(entry[key], 6) for key, name in CURVE_COLUMNS.items() if key in entry}
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CURVE_COLUMNS.values(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows.values() if "dev_wer" in row)
