"""Transformers' Seq2SeqTrainer with batches by seconds, and checkpoints from which a run ends as if never killed."""

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
from stages.training.averaging import WeightAverage
from stages.training.batching import Batches
from stages.training.loss import IGNORED
from stages.training.shared_memory import PREFETCH
from stages.training.trainer_options import is_evaluated

PROGRESS = "progress.json"  # in each checkpoint
LOOK_STEPS = 20  # between looks at the loss, and at the clock by several processes: they wait for the device


class Progress:
    """What a resumed run must know besides the trainer's own state to end with the same curve and the whole cost."""

    def __init__(self):
        self.loss = 0.0  # summed since the curve's last entry; a tensor on the device once training runs
        self.steps = 0  # it is summed over
        self.seconds = 0.0  # of training, evaluation and saving left out
        self.ended = False  # early stopping has spoken

    def save(self, checkpoint: Path) -> None:
        content = json.dumps(vars(self) | {"loss": float(self.loss)})  # a float32 survives JSON
        (checkpoint / PROGRESS).write_text(content, encoding="utf-8")

    def load(self, checkpoint: Path) -> None:
        vars(self).update(json.loads((checkpoint / PROGRESS).read_text(encoding="utf-8")))


class SpeechTrainer(Seq2SeqTrainer):
    """Trains on `batches` of `train_dataset`; makes its dev set's loss and WER part of `state.log_history`."""

    def __init__(self, *, batches: Batches, checkpoint_callback: "CheckpointCallback", **kwargs):
        super().__init__(**kwargs)
        self.batches = batches
        spoken = map(len, self.eval_dataset.table["tokens"])
        self.tokens_a_clip = sum(spoken) / len(self.eval_dataset) - self.data_collator.prompt_length  # in dev
        self.progress, self.average = checkpoint_callback.progress, checkpoint_callback.average
        checkpoint_callback.trainer = self
        self.add_callback(checkpoint_callback)
        self.training_log = TrainingLog(Path(self.args.output_dir).parent.name)
        self.remove_callback(PrinterCallback)  # prints Python dicts
        self.add_callback(self.training_log)

    def train(self, *args, **kwargs):
        """Train as the Trainer does, and leave no progress bar behind, also where it fails."""
        try:
            return super().train(*args, **kwargs)
        finally:
            self.training_log.close()

    def get_train_dataloader(self) -> DataLoader:
        """Not the trainer's own: that one cuts batches by number, and shares them out by its own rules."""
        workers = self.args.dataloader_num_workers
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=PREFETCH if workers else None,
            generator=torch.Generator(),  # else each epoch would take from the numbers that dropout draws
        )
        # num_processes=1: Batches has shared the clips out already.
        return prepare_data_loader(
            loader, self.args.device, num_processes=1, process_index=0, put_on_device=True, non_blocking=True
        )

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Take one part's gradients; keeps count of the loss, which the trainer forgets when it is killed."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.progress.loss = self.progress.loss + loss.detach().float()
        return loss

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        """Decode dev with the mean of the last evaluations' weights, once there is one."""
        with self.average.used_by(self.model):
            return super().evaluate(*args, **kwargs)

    def prediction_step(self, model, inputs, *args, **kwargs):
        """Decode a dev batch; its loss is a clip's on average, so that batches of fewer clips weigh less."""
        loss, tokens, labels = super().prediction_step(model, inputs, *args, **kwargs)
        spoken = inputs["labels"].ne(IGNORED).sum()
        return loss * spoken / len(inputs["labels"]), tokens, labels

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Record an entry of the curve, with the loss of all its steps, also those before the run was killed."""
        if "loss" in logs:
            total = self.accelerator.reduce(self._loss_tensor(), reduction="mean").item()
            logs["loss"] = total / max(1, self.progress.steps)
            self.progress.loss, self.progress.steps = 0.0, 0
        if "eval_loss" in logs:
            logs["eval_loss"] /= self.tokens_a_clip
        super().log(logs, start_time)

    def _loss_tensor(self) -> torch.Tensor:
        return torch.as_tensor(self.progress.loss, dtype=torch.float32, device=self.args.device)

    def check_finite(self, weights: bool = False) -> None:
        """Raise UserError if the loss of late, or the weights, are no longer numbers."""
        finite = math.isfinite(float(self.progress.loss))
        if finite and weights:
            learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            finite = bool(torch.stack([parameter.isfinite().all() for parameter in learning]).all())
        if not finite:
            folder = Path(self.args.output_dir)
            stage = folder.parent.name
            raise UserError(
                f"{stage}: after step {self.state.global_step} the loss or the weights are no longer numbers: training "
                f"diverged. Lower {stage}.learning_rate or train.max_grad_norm, raise train.warmup_share, or set "
                f"train.precision to fp32. {checkpoints.describe_latest(folder)}"
            )


class CheckpointCallback(TrainerCallback):
    """Asks for evaluations, and for a checkpoint at each and every so many minutes; keeps the newest and the best one.

    Parameters
    ----------
    folder : of the run's checkpoints
    minutes : between checkpoints
    evaluations : of the dev set in an epoch; 0: none but that after the last step
    average_share : of the steps, the last ones, at whose evaluations weights are averaged, and the best mean is chosen;
        0: nothing is averaged, and any evaluation can be the best
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
        if state.best_global_step:  # the path on the machine that wrote it may be another
            state.best_model_checkpoint = str(self.folder / f"checkpoint-{state.best_global_step}")
        if self.progress.ended:  # only the best weights are still to be loaded
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
            # Together: a row of the learning curve has the training loss, and the best evaluation its weights.
            control.should_log = control.should_evaluate = control.should_save = True
            if state.global_step > (1 - self.average_share) * state.max_steps:
                self._average(state)
        look = state.global_step % LOOK_STEPS == 0
        if look or control.should_evaluate:
            self.trainer.check_finite()
        if self._is_time(args, look):
            control.should_save = True
        if control.should_evaluate or control.should_save:
            self._stop_clock()

    def _average(self, state) -> None:
        """Take the weights into the mean; from the first mean on, only means are compared.

        Where few speakers choose, the weights of one evaluation are the best of all by luck, and the mean seldom is.
        """
        if not self.average.count:
            state.best_metric = state.best_global_step = state.best_model_checkpoint = None
        self.average.add(self.trainer.model)

    def _is_time(self, args, look: bool) -> bool:
        due = time.monotonic() - self._saved >= 60 * self.minutes
        if args.world_size == 1:
            return due
        # All processes must save at the same step; the clock of the first decides.
        return look and broadcast_object_list([due])[0]

    def _stop_clock(self) -> None:
        """Add the training since the last stop, without what follows now: evaluation or saving."""
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
        wanted = {newest.name, f"checkpoint-{best_step}"}
        kept = [path for path in checkpoints.complete(self.folder) if path.name in wanted]
        if self.mirror:
            self.mirror.send(kept)
        for path in self.folder.glob("checkpoint-*"):
            if path not in kept and not (self.mirror and self.mirror.is_sending(path)):
                checkpoints.remove(path)

    def on_train_end(self, args, state, control, **_):
        """Called when the trainer has given the model its best checkpoint's weights."""
        self._stop_clock()
        if args.load_best_model_at_end:
            self.average.load(self.folder / f"checkpoint-{state.best_global_step}", self.trainer.model)
            self.average.put_into(self.trainer.model)
