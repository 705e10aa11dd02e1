"""Transformers' Seq2SeqTrainer with batches by seconds, and checkpoints that make a resumed run end the same."""

import json
import math
import time
from pathlib import Path

import torch
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import broadcast_object_list
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Seq2SeqTrainer, TrainerCallback

from stages.common.errors import UserError
from stages.runtime import checkpoints
from stages.runtime.mirror import Mirror
from stages.runtime.training_log import TrainingLog
from stages.training.averaging import WeightAverage, trainable_weights
from stages.training.batching import Batches
from stages.training.loss import IGNORED
from stages.training.shared_memory import PREFETCH
from stages.training.trainer_options import is_evaluated

PROGRESS = "progress.json"  # in each checkpoint
CHECK_STEPS = 20  # between checks of the loss, and of the clock of several processes: both wait for the device


class Progress:
    """What a checkpoint stores beside the trainer's own state, so that a resumed run has the same curve and costs."""

    def __init__(self):
        self.loss = 0.0  # summed since the curve's last entry; a tensor on the device once training runs
        self.steps = 0  # that the loss is summed over
        self.seconds = 0.0  # of training, without evaluation and saving
        self.ended = False  # early stopping has ended the training

    def save(self, checkpoint: Path) -> None:
        content = json.dumps(vars(self) | {"loss": float(self.loss)})  # a float32 survives JSON
        (checkpoint / PROGRESS).write_text(content, encoding="utf-8")

    def load(self, checkpoint: Path) -> None:
        vars(self).update(json.loads((checkpoint / PROGRESS).read_text(encoding="utf-8")))


class SpeechTrainer(Seq2SeqTrainer):
    """Trains on `batches` of `train_dataset`; logs loss and WER of the dev set in `state.log_history`."""

    def __init__(self, *, batches: Batches, checkpoint_callback: "CheckpointCallback", **kwargs):
        super().__init__(**kwargs)
        self.batches = batches
        tokens = sum(map(len, self.eval_dataset.table["tokens"]))
        self.tokens_per_clip = tokens / len(self.eval_dataset) - self.data_collator.prompt_length  # in dev
        self.progress, self.average = checkpoint_callback.progress, checkpoint_callback.average
        checkpoint_callback.trainer = self
        self.add_callback(checkpoint_callback)
        self.training_log = TrainingLog(Path(self.args.output_dir).parent.name)
        self.remove_callback(PrinterCallback)  # prints Python dicts
        self.add_callback(self.training_log)

    def train(self, *args, **kwargs):
        """Train as the Trainer does, and remove the progress bar at the end, also after an error."""
        try:
            return super().train(*args, **kwargs)
        finally:
            self.training_log.close()

    def get_train_dataloader(self) -> DataLoader:
        """Load `batches`; the trainer's own loader makes batches of equal numbers of clips, and splits them its way."""
        workers = self.args.dataloader_num_workers
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=PREFETCH if workers else None,
            generator=torch.Generator(),  # of its own, so that an epoch does not change the random numbers of dropout
        )
        # num_processes=1, because Batches has already split the batches over the processes.
        return prepare_data_loader(
            loader, self.args.device, num_processes=1, process_index=0, put_on_device=True, non_blocking=True
        )

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Compute one part's gradients, and sum up the loss: checkpoints do not have the trainer's own sum."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.progress.loss = self.progress.loss + loss.detach().float()
        return loss

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        """Evaluate on dev with the mean of the last evaluations' weights, once there is one."""
        with self.average.applied_to(self.model):
            return super().evaluate(*args, **kwargs)

    def prediction_step(self, model, inputs, *args, **kwargs):
        """Decode a dev batch; returns the loss per clip, since the trainer weights batches by their clips."""
        loss, tokens, labels = super().prediction_step(model, inputs, *args, **kwargs)
        label_count = inputs["labels"].ne(IGNORED).sum()
        return loss * label_count / len(inputs["labels"]), tokens, labels

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log an entry of the learning curve; its loss is over all steps since the last one, also of a killed run."""
        if "loss" in logs:
            total = self.accelerator.reduce(self._loss_tensor(), reduction="mean").item()
            logs["loss"] = total / max(1, self.progress.steps)
            self.progress.loss, self.progress.steps = 0.0, 0
        if "eval_loss" in logs:
            logs["eval_loss"] /= self.tokens_per_clip
        super().log(logs, start_time)

    def _loss_tensor(self) -> torch.Tensor:
        return torch.as_tensor(self.progress.loss, dtype=torch.float32, device=self.args.device)

    def check_finite(self, weights: bool = False) -> None:
        """Raise UserError if the loss is NaN or infinite.

        Parameters
        ----------
        weights : check the trained weights, too
        """
        finite = math.isfinite(float(self.progress.loss))
        if finite and weights:
            checks = [weight.isfinite().all() for weight in trainable_weights(self.model).values()]
            finite = bool(torch.stack(checks).all())
        if not finite:
            folder = Path(self.args.output_dir)
            stage = folder.parent.name
            raise UserError(
                f"{stage}: after step {self.state.global_step} the loss or the weights are not finite: training "
                f"diverged. Lower {stage}.learning_rate or train.max_grad_norm, raise train.warmup_share, or set "
                f"train.precision to fp32. {checkpoints.describe_latest(folder)}"
            )


class CheckpointCallback(TrainerCallback):
    """Requests evaluations and checkpoints: one with each evaluation, and one every `minutes`.

    Only the newest checkpoint and the best one are kept.

    Parameters
    ----------
    folder : of the run's checkpoints
    minutes : between checkpoints
    evaluations : of the dev set in an epoch; 0: only one, after the last step
    average_share : share of the steps, at the end of the training. From there on, the weights at each evaluation are
        averaged, and the best checkpoint is one of these means; 0: no averaging, any evaluation can be the best
    mirror : where checkpoints are copied to
    """

    def __init__(
        self, folder: Path, minutes: float, evaluations: int, average_share: float = 0.0, mirror: Mirror | None = None
    ):
        self.folder = folder
        self.minutes = minutes
        self.evaluations = evaluations
        self.average_share = average_share
        self.mirror = mirror
        self.progress = Progress()
        self.average = WeightAverage()
        self.trainer: SpeechTrainer | None = None  # set by the trainer
        self._saved = self._started = 0.0

    def on_train_begin(self, args, state, control, **_):
        self._saved = time.monotonic()
        if not state.global_step:
            return
        checkpoint = self.folder / f"checkpoint-{state.global_step}"
        self.progress.load(checkpoint)
        self.average.load(checkpoint, self.trainer.model)
        if state.best_global_step:  # its path may be another than on the machine that wrote it
            state.best_model_checkpoint = str(self.folder / f"checkpoint-{state.best_global_step}")
        if self.progress.ended:  # the trainer only has to load the best weights
            control.should_training_stop = True
            control.should_log = control.should_evaluate = control.should_save = False
            self.trainer.batches.ended = True

    def on_epoch_begin(self, args, state, control, **_):
        self.trainer.batches.epoch = state.global_step // self.trainer.batches.steps

    def on_step_begin(self, args, state, control, **_):
        self._started = self._started or time.monotonic()

    def on_step_end(self, args, state, control, **_):
        self.progress.steps += 1
        if is_evaluated(state.global_step, self.trainer.batches.steps, self.evaluations):
            # All three, so that a row of the curve has the training loss, and the best evaluation has its weights.
            control.should_log = control.should_evaluate = control.should_save = True
            if state.global_step > (1 - self.average_share) * state.max_steps:
                self._average(state)
        is_check_step = state.global_step % CHECK_STEPS == 0
        if is_check_step or control.should_evaluate:
            self.trainer.check_finite()
        if self._is_checkpoint_due(args, is_check_step):
            control.should_save = True
        if control.should_evaluate or control.should_save:
            self._stop_clock()

    def _average(self, state) -> None:
        """Add the weights to the mean; from the first mean on, only means can be the best checkpoint.

        With few dev speakers, the weights of a single evaluation are sometimes the best by chance, a mean rarely is.
        """
        if not self.average.count:
            state.best_metric = state.best_global_step = state.best_model_checkpoint = None
        self.average.add(self.trainer.model)

    def _is_checkpoint_due(self, args, is_check_step: bool) -> bool:
        due = time.monotonic() - self._saved >= 60 * self.minutes
        if args.world_size == 1:
            return due
        # All processes must save at the same step; the first one's clock decides.
        return is_check_step and broadcast_object_list([due])[0]

    def _stop_clock(self) -> None:
        """Add the training time since the last evaluation or checkpoint; called before the next one begins."""
        if self._started:
            self.progress.seconds += time.monotonic() - self._started
            self._started = 0.0

    def on_save(self, args, state, control, **_):
        self.trainer.check_finite(weights=True)
        checkpoint = self.folder / f"checkpoint-{state.global_step}"
        self.progress.ended = control.should_training_stop
        self.trainer.accelerator.wait_for_everyone()  # each process writes its random state
        if state.is_world_process_zero:
            self.progress.save(checkpoint)
            self.average.save(checkpoint)
            checkpoints.commit(checkpoint)
            self._rotate(checkpoint, state.best_global_step)
        self.trainer.accelerator.wait_for_everyone()
        self._saved = time.monotonic()

    def _rotate(self, newest: Path, best_step: int | None) -> None:
        """Remove all checkpoints but the newest and the best one, and send these two to the mirror."""
        names = {newest.name, f"checkpoint-{best_step}"}
        retained = [path for path in checkpoints.complete(self.folder) if path.name in names]
        if self.mirror:
            self.mirror.send(retained)
        for path in self.folder.glob("checkpoint-*"):
            if path not in retained and not (self.mirror and self.mirror.is_sending(path)):
                checkpoints.remove(path)

    def on_train_end(self, args, state, control, **_):
        """Called after the trainer has loaded the best checkpoint's weights."""
        self._stop_clock()
        if args.load_best_model_at_end:
            self.average.load(self.folder / f"checkpoint-{state.best_global_step}", self.trainer.model)
            self.average.copy_to(self.trainer.model)
