"""However training is scheduled, its learning curve is whole, and figures and report can be made of it."""

import csv
import math
import re
import shutil
from pathlib import Path

import pytest

from stages import evaluate, report
from stages.common import params
from stages.training import loop, trainer_options
from tests.support.report_inputs import write_report_inputs
from tests.support.training import failing, run, settings, write_split

pytestmark = pytest.mark.slow

CLIPS = 17
CLIP_SECONDS = 1.0  # and half a second of silence after each
BATCH_SECONDS = {1: 170.0, 2: 16.0, 5: 7.0, 17: 2.0}  # that cut them into so many steps an epoch
EVALUATIONS = (1, 2, 3, 20)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return write_report_inputs(tmp_path_factory.mktemp("report"))


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch) -> Path:
    root = shutil.copytree(prepared, tmp_path / "workspace")
    for split in ("train", "dev"):
        shutil.rmtree(root / "processed_data" / split)
    write_split(root / "processed_data" / "train", CLIPS, seed=1, seconds=CLIP_SECONDS)
    write_split(root / "processed_data" / "dev", 3, seed=2)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr("sys.argv", ["stage"])
    return root


def read_curve() -> list[dict[str, str]]:
    with open("metrics/train_lora.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_report() -> str:
    """The page, out of the learning curve just trained, which stands for both strategies'."""
    shutil.copyfile("metrics/train_lora.csv", "metrics/train_selective.csv")
    evaluate.main()
    report.main()
    return Path("metrics/report.html").read_text()


def check_curve(steps: list[int]) -> None:
    """Every evaluation is in the learning curve, and every cell of it is a number."""
    rows = read_curve()
    assert [int(row["step"]) for row in rows] == steps
    for row in rows:
        assert all(float(value) >= 0 for value in row.values()), row
        assert float(row["train_loss"]) > 0
        assert float(row["dev_loss"]) > 0


@pytest.mark.parametrize(
    ("steps", "evaluations", "expected"),
    [
        (1, 1, [1, 2]),
        (1, 3, [1, 2]),
        (2, 1, [2, 4]),
        (2, 2, [1, 2, 3, 4]),
        (2, 3, [1, 2, 3, 4]),
        (5, 2, [3, 5, 8, 10]),
        (5, 3, [2, 4, 5, 7, 9, 10]),
        (17, 2, [9, 17, 26, 34]),
        (17, 3, [6, 12, 17, 23, 29, 34]),
        (17, 20, list(range(1, 35))),
    ],
)
def test_dev_is_evaluated_evenly_and_at_each_epochs_end(steps, evaluations, expected):
    evaluated = [step for step in range(1, 2 * steps + 1) if trainer_options.is_evaluated(step, steps, evaluations)]
    assert evaluated == expected


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("evaluations", EVALUATIONS)
@pytest.mark.parametrize("steps", BATCH_SECONDS)
def test_training_curve_and_report_hold_together(workspace, steps, evaluations, epochs):
    batch_seconds = BATCH_SECONDS[steps]
    run("train_lora", scheduled(batch_seconds, evaluations_per_epoch=evaluations, epochs=epochs, patience=100))
    total = steps * epochs
    check_curve([step for step in range(1, total + 1) if trainer_options.is_evaluated(step, steps, evaluations)])
    if steps in (1, 17):
        assert "<svg" in make_report()


def scheduled(batch_seconds: float, runtime: dict | None = None, **train) -> params.Params:
    """Parameters at one speed: others could make a batch longer."""
    values = settings(runtime, batch_seconds=batch_seconds, **train).model_dump()
    values["train"]["augment"]["speeds"] = [1.0]
    return params.Params.model_validate(values)


@pytest.mark.parametrize(
    ("schedule", "share"),  # of the highest learning rate, after a share of the steps that follow the rise
    [
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: (1 + math.cos(math.pi * done)) / 2),
        ("constant", lambda done: 1.0),
    ],
)
def test_learning_rate_rises_and_then_follows_the_schedule(workspace, capsys, schedule, share):
    chosen = scheduled(2.0, schedule=schedule, warmup_share=4 / 17, evaluations_per_epoch=17, epochs=1, patience=100)
    run("train_lora", chosen)
    printed = capsys.readouterr()
    rates = list(map(float, re.findall(r"^ *\d+/17 .* (\d\.\d\de[-+]\d\d) ", printed.out + printed.err, re.MULTILINE)))
    highest = chosen.train_lora.learning_rate
    expected = [0, highest / 4, highest / 2, highest * 3 / 4]
    for step in range(4, 17):
        expected.append(highest * share((step - 4) / 13))
    assert rates == pytest.approx(expected, rel=0.01)


def test_early_stop_at_the_first_possible_moment(workspace, monkeypatch):
    rates = iter([0.5, 0.6])
    monkeypatch.setattr(loop, "word_error_rate", lambda *_: lambda _: {"wer": next(rates)})
    run("train_lora", scheduled(2.0, evaluations_per_epoch=2, epochs=5, patience=1))
    check_curve([9, 17])
    make_report()


def test_dev_set_of_one_clip(workspace):
    shutil.rmtree("processed_data/dev")
    write_split(Path("processed_data/dev"), 1, seed=2)
    run("train_lora", scheduled(2.0, evaluations_per_epoch=2, epochs=1))
    check_curve([9, 17])
    make_report()


class Killed(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("killed_at", [3, 9, 12, 17, 33])
def test_resumed_between_evaluations(workspace, monkeypatch, killed_at):
    """A checkpoint after every step; the curve of the resumed run is that of one which was never killed."""
    chosen = scheduled(2.0, {"checkpoint_minutes": 0.0}, evaluations_per_epoch=2, epochs=2, patience=100)
    run("train_lora", chosen)
    expected = read_curve()
    with monkeypatch.context() as patch:
        failing(patch, killed_at, Killed())
        with pytest.raises(Killed):
            run("train_lora", chosen)
    run("train_lora", chosen)
    assert read_curve() == expected
    check_curve([9, 17, 26, 34])
