"""The log of a training on the terminal: a line per evaluation, and a progress bar if stderr is a terminal."""

import time
from dataclasses import dataclass

from tqdm import tqdm
from transformers import TrainerCallback

from stages.records.error_unit import CHARACTERS, WORDS, ErrorUnit
from stages.records.units import Seconds

COLUMNS = {  # heading: width in characters
    "epoch": 6,
    "train loss": 10,
    "dev loss": 8,
    "dev WER %": 9,
    "learning rate": 13,
    "time left": 9,
}
SEPARATOR = "  "
MINUTE, HOUR = 60, 3600  # seconds


@dataclass(frozen=True)
class Evaluation:
    """The figures of one line."""

    step: int
    steps: int  # of the whole training
    epoch: float
    train_loss: float | None  # None: not known at this step
    dev_loss: float
    dev_wer: float  # or CER; a share: 0.16 is 16 %
    learning_rate: float | None
    seconds_left: Seconds
    is_best: bool  # no earlier evaluation had a lower error rate


def heading(steps: int, unit: ErrorUnit = WORDS) -> str:
    """The names of the columns.

    Parameters
    ----------
    steps : of the whole training; the first column is as wide as they need
    unit : what is counted on dev
    """
    return _row("step", steps, [name.replace(WORDS.rate, unit.rate) for name in COLUMNS])


def line(evaluation: Evaluation) -> str:
    """One evaluation, in columns aligned with those of `heading`; the best one so far is marked."""
    cells = [
        f"{evaluation.epoch:.2f}",
        _number(evaluation.train_loss, ".4f"),
        _number(evaluation.dev_loss, ".4f"),
        _number(100 * evaluation.dev_wer, ".2f"),
        _number(evaluation.learning_rate, ".2e"),
        duration(evaluation.seconds_left),
    ]
    row = _row(f"{evaluation.step}/{evaluation.steps}", evaluation.steps, cells)
    return row + (f"{SEPARATOR}best" if evaluation.is_best else "")


def duration(seconds: Seconds) -> str:
    """A duration in the unit that suits it: 42 s, 3 min or 2:05 h."""
    if round(seconds) < MINUTE:
        return f"{round(seconds)} s"
    minutes = round(seconds / MINUTE)
    if minutes < HOUR // MINUTE:
        return f"{minutes} min"
    return f"{minutes // 60}:{minutes % 60:02} h"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _row(step: str, steps: int, cells: list[str]) -> str:
    width = 2 * len(str(steps)) + 1
    aligned = [cell.rjust(wide) for cell, wide in zip(cells, COLUMNS.values(), strict=True)]
    return SEPARATOR.join([step.rjust(width), *aligned])


class TrainingLog(TrainerCallback):
    """Prints the lines to stdout, in the first process only; takes the place of the Trainer's own printing.

    The time left is estimated from the steps this process took and the time it has run, evaluations included, as if
    training continued to its last epoch; early stopping may end it sooner.
    """

    def __init__(self, stage: str):
        self.stage = stage
        self._bar: tqdm | None = None
        self._started = 0.0  # time.monotonic()
        self._first_step = 0  # this process's own first
        self._last_entry: dict[str, float] = {}  # of the training loss, with its step
        self._evaluated_batches = 0
        self._has_heading = False

    def on_train_begin(self, args, state, control, **_):
        if not state.is_world_process_zero:
            return
        self._started, self._first_step, self._has_heading = time.monotonic(), state.global_step, False
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=self.stage,
            unit="step",
            disable=None,  # unless stderr is a terminal
            leave=False,
            dynamic_ncols=True,
        )

    def on_step_end(self, args, state, control, **_):
        if self._bar is not None:
            self._bar.update()

    def on_prediction_step(self, args, state, control, eval_dataloader=None, **_):
        if self._bar is not None:
            self._evaluated_batches += 1
            self._bar.set_description(f"{self.stage}, dev batch {self._evaluated_batches}/{len(eval_dataloader)}")

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            self._last_entry = logs | {"step": state.global_step}

    def on_evaluate(self, args, state, control, metrics=None, **_):
        if self._bar is None:  # another process, or an evaluation outside training
            return
        unit = CHARACTERS if f"eval_{CHARACTERS.key}" in metrics else WORDS
        if not self._has_heading:
            self._print(heading(state.max_steps, unit))
            self._has_heading = True
        self._print(line(self._evaluation(state, metrics, metrics[f"eval_{unit.key}"])))
        self._evaluated_batches = 0
        self._bar.set_description(self.stage)

    def _evaluation(self, state, metrics: dict[str, float], error_rate: float) -> Evaluation:
        entry = self._last_entry if self._last_entry.get("step") == state.global_step else {}
        seconds_per_step = (time.monotonic() - self._started) / max(1, state.global_step - self._first_step)
        return Evaluation(
            step=state.global_step,
            steps=state.max_steps,
            epoch=state.epoch,
            train_loss=entry.get("loss"),
            dev_loss=metrics["eval_loss"],
            dev_wer=error_rate,
            learning_rate=entry.get("learning_rate"),
            seconds_left=seconds_per_step * (state.max_steps - state.global_step),
            is_best=state.best_metric is None or error_rate < state.best_metric,
        )

    def _print(self, text: str) -> None:
        with tqdm.external_write_mode():  # removes the bar, and draws it again afterwards
            print(text, flush=True)  # at once, also into a file or a pipe

    def close(self) -> None:
        """Remove the bar, so that what is printed next begins on a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
