"""The trainer's options from params.yaml: batches, and Seq2SeqTrainingArguments."""

import math
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
from accelerate import PartialState
from transformers import Seq2SeqTrainingArguments

from stages.common.params import Params, Runtime, Train
from stages.records import error_unit
from stages.records.units import FRAMES_PER_SECOND
from stages.runtime import devices
from stages.training.batching import Batches
from stages.training.dataset import Clips
from stages.whisper import dtypes

DEV_SECONDS = 240.0  # in a dev batch; not a parameter, because the batch of a clip can change a word of its text
# Names in params.yaml: names of transformers. Its own "constant" has no warm-up.
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
OPTIMIZERS = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit"}


def data_workers(runtime: Runtime) -> int:
    """runtime.data_workers, but at most one per core: more would only wait for each other."""
    return min(runtime.data_workers, joblib.cpu_count())


def make_batches(lengths: Sequence[int], settings: Params, window: int, turns: Sequence[np.ndarray] = ()) -> Batches:
    """The training batches, of which this process trains on its parts.

    Parameters
    ----------
    lengths : of the clips, mel frames
    window : of the model, mel frames
    turns : groups of clips, of which each epoch has one
    """
    train, process = settings.train, PartialState()
    batches = Batches(
        lengths=lengths,
        window=window,
        batch_frames=round(train.batch_seconds * FRAMES_PER_SECOND),
        window_share=1.0 if train.audio_context == "window" else train.window_share,
        speeds=train.augment.speeds,
        seed=settings.seed,
        turns=turns,
        parts=math.ceil(train.batch_seconds / (settings.runtime.device_seconds * process.num_processes)),
        devices=process.num_processes,
        device=process.process_index,
    )
    # A part has at least one clip: further parts would only be fillers.
    most_clips = max(len(clips) for clips, _ in batches.batches(epoch=0))
    most_parts = math.ceil(most_clips / batches.devices)
    if batches.parts > most_parts:
        if process.is_main_process:
            print(
                f"runtime.device_seconds is {settings.runtime.device_seconds:g}, which asks for {batches.parts} parts"
                f" per device, but no batch has over {most_clips} clips; it is cut into {most_parts} part(s) per device"
            )
        batches.parts = most_parts
    return batches


def is_evaluated(step: int, steps: int, evaluations: int) -> bool:
    """Whether dev is evaluated after a step: evenly over each epoch, and always at its end.

    Parameters
    ----------
    step : counted from 1, over all epochs
    steps : in an epoch
    evaluations : in an epoch; 0: none; more than there are steps: one after every step
    """
    return step * evaluations // steps > (step - 1) * evaluations // steps


def training_arguments(
    settings: Params,
    learning_rate: float,
    batches: Batches,
    dev: Clips,
    positions: int,
    folder: Path,
) -> Seq2SeqTrainingArguments:
    """Translate params.yaml into the trainer's options. Every option is set explicitly.

    Parameters
    ----------
    positions : of the decoder, tokens
    folder : of the run's checkpoints
    """
    train, runtime = settings.train, settings.runtime
    device = devices.choose_device(runtime.device)
    precision = dtypes.choose_precision(train.precision, device, learning=True)
    last_step = batches.steps * train.epochs
    longest = batches.window if train.audio_context == "window" else dev.table[0]["length"]
    dev_clips = max(1, round(DEV_SECONDS * FRAMES_PER_SECOND) // longest)  # in a batch
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=train.epochs,
        per_device_eval_batch_size=min(dev_clips, len(dev)),
        gradient_accumulation_steps=batches.parts,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        dataloader_num_workers=data_workers(runtime),
        dataloader_pin_memory=device.type == "cuda",
        **_optimizer_options(train, learning_rate, last_step),
        **_evaluation_options(last_step, error_unit.of_language(settings.language).key),
        predict_with_generate=True,
        # Twice the longest transcript, to stop a model that repeats itself.
        generation_max_length=min(positions, 2 * max(map(len, dev.table["tokens"]))),
        generation_num_beams=1,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        torch_compile=runtime.compile,
        use_cpu=device.type == "cpu",
        report_to=runtime.report_to or "none",
        run_name=folder.parent.name,  # the stage; shown in a tracker
        log_level_replica="error",  # as in the first process, see stages/whisper/quiet.py
        disable_tqdm=True,  # stages/runtime/training_log.py has the progress bar
    )
    # Otherwise the trainer would split each batch over all GPUs with DataParallel.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _optimizer_options(train: Train, learning_rate: float, last_step: int) -> dict[str, object]:
    """The optimizer, and its learning rate over the steps."""
    return {
        "optim": OPTIMIZERS[train.optimizer],
        "learning_rate": learning_rate,
        "lr_scheduler_type": SCHEDULES[train.schedule],
        "warmup_steps": round(train.warmup_share * last_step),
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
    }


def _evaluation_options(last_step: int, metric: str) -> dict[str, object]:
    """When the dev set is evaluated and a checkpoint written, and which checkpoint is the best: by `metric`."""
    return {
        # CheckpointCallback requests evaluations, log entries and checkpoints; these are for the last step.
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "logging_strategy": "no",
        "eval_steps": last_step,
        "save_steps": last_step,
        "logging_nan_inf_filter": False,  # see check_finite: a loss of NaN ends the training
        "save_total_limit": None,  # the callback removes old ones, once the new one is complete
        "load_best_model_at_end": True,
        "metric_for_best_model": metric,
        "greater_is_better": False,
        "restore_callback_states_from_checkpoint": True,
    }
