"""What the screen shows of a training, and trackers that follow it."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from stages.common.errors import UserError
from stages.common.params import Params
from stages.decoding import transcription
from stages.runtime import checkpoints, trackers, training_log
from stages.training import trainer_options
from stages.whisper import model
from tests.support.training import checkpoint_names, enter_copy, run, settings

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(training_inputs, tmp_path, monkeypatch) -> Path:
    return enter_copy(training_inputs, tmp_path, monkeypatch)


EVALUATION = training_log.Evaluation(
    step=61,
    steps=488,
    epoch=1.0,
    train_loss=0.25251,
    dev_loss=0.3121,
    dev_wer=0.23409,
    learning_rate=1e-4,
    seconds_left=720,
    is_best=True,
)


def lines(output: str) -> list[str]:
    """The lines of the table, without its heading."""
    return [row for row in output.splitlines() if row.split("/")[0].strip().isdigit()]


def test_lines_are_a_table():
    later = vars(EVALUATION) | {"step": 122, "epoch": 2.0, "train_loss": None, "dev_wer": 1.25, "is_best": False}
    table = [
        training_log.heading(488),
        training_log.line(EVALUATION),
        training_log.line(training_log.Evaluation(**later)),
    ]
    assert table == [
        "   step   epoch  train loss  dev loss  dev WER %  learning rate  time left",
        " 61/488    1.00      0.2525    0.3121      23.41       1.00e-04     12 min  best",
        "122/488    2.00           -    0.3121     125.00       1.00e-04     12 min",
    ]


def test_a_line_of_a_long_training_fits_on_the_screen():
    long = vars(EVALUATION) | {"step": 1_000_000, "steps": 1_000_000, "epoch": 999.99, "seconds_left": 900_000}
    assert len(training_log.line(training_log.Evaluation(**long))) <= 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (42.4, "42 s"), (59.7, "1 min"), (150, "2 min"), (3599, "1:00 h"), (7500, "2:05 h")],
)
def test_duration(seconds, text):
    assert training_log.duration(seconds) == text


@pytest.mark.parametrize("stage", ["train_lora", "train_selective"])
def test_training_prints_a_line_an_evaluation_and_warns_of_nothing(workspace, capfd, stage):
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        warnings.simplefilter("error", UserWarning)
        run(stage, settings({"data_workers": 64}))
    out, err = capfd.readouterr()
    assert "{" not in out + err
    assert "Warning" not in out + err
    assert out.count("train loss  dev loss") == 1
    first, second = lines(out)
    assert first.split()[:2] == ["5/10", "1.00"]
    assert second.split()[:2] == ["10/10", "2.00"]
    assert first.endswith("best")
    curve = Path(f"metrics/{stage}.csv").read_text().splitlines()[1].split(",")
    assert first.split()[2] == f"{float(curve[2]):.4f}"
    assert first.split()[3] == f"{float(curve[3]):.4f}"
    assert first.split()[4] == f"{100 * float(curve[4]):.2f}"
    assert err == ""  # no bar where stderr is no terminal


@pytest.mark.parametrize(("cores", "said"), [(2, 1), (4, 0)])
def test_data_workers_are_no_more_than_there_are_cores(workspace, capsys, monkeypatch, cores, said):
    monkeypatch.setattr(trainer_options.joblib, "cpu_count", lambda: cores)
    chosen = settings({"data_workers": 4})
    assert trainer_options.data_workers(chosen.runtime) == cores
    if cores == 2:
        run("train_lora", chosen)
        message = "train_lora: runtime.data_workers is 4; lowered to 2, the number of cores"
        assert capsys.readouterr().out.count(message) == said


def test_resumed_training_keeps_the_numbers_of_its_steps(workspace, capsys, monkeypatch):
    step = training_log.TrainingLog.on_step_end

    def stop(log, args, state, control, **others):
        if state.global_step == 8:
            raise KeyboardInterrupt
        step(log, args, state, control, **others)

    with monkeypatch.context() as patch:
        patch.setattr(training_log.TrainingLog, "on_step_end", stop)
        with pytest.raises(UserError, match="interrupted"):
            run("train_lora", settings())
    assert checkpoint_names() == ["checkpoint-5"]
    capsys.readouterr()
    run("train_lora", settings())
    out = capsys.readouterr().out
    assert out.count("train loss  dev loss") == 1
    assert [row.split()[0] for row in lines(out)] == ["10/10"]


def test_transcribing_with_an_adapter_warns_of_nothing(workspace):
    chosen = settings(epochs=1)
    run("train_lora", chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder = transcription.prepare(model.load_checkpoint(Path("models/lora")), chosen)
        transcription.transcribe(decoder, [np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)])


class Recorder(TrainerCallback):
    """Stands in for a tracker."""

    entries: list[dict] = []  # noqa: RUF012 (shared on purpose: the Trainer makes the instance)

    def on_log(self, args, state, control, logs=None, **_):
        self.entries.append(dict(logs))


@pytest.fixture
def environment(monkeypatch):
    """Variables that a tracker reads are gone when the test is."""
    for name in ("TENSORBOARD_LOGGING_DIR", "WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", *trackers.PRIVATE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_a_tracker_gets_the_figures_and_changes_nothing(workspace, environment, monkeypatch):
    folders = []
    remembered = checkpoints.run_folder

    def run_folder(*arguments):
        folders.append(remembered(*arguments))
        return folders[-1]

    monkeypatch.setattr(checkpoints, "run_folder", run_folder)
    monkeypatch.setattr(trackers, "is_installed", lambda package: True)
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "wandb", Recorder)
    expected = run("train_lora", settings())
    assert Recorder.entries == []
    assert run("train_lora", settings({"report_to": "wandb"})) == expected
    assert folders[0] == folders[1]
    assert [entry["eval_wer"] for entry in Recorder.entries if "eval_wer" in entry]


def test_tracker_that_is_not_installed_is_refused_before_training(workspace, monkeypatch):
    Path("wandb").mkdir()  # as wandb makes it: not the package
    monkeypatch.setattr(trackers, "PACKAGES", {"wandb": ("no-such-package",)})
    with pytest.raises(UserError, match=r"report_to names wandb, which is not installed: pip install wandb"):
        run("train_lora", settings({"report_to": ["wandb"]}))


def test_trackers_write_beside_the_checkpoints(tmp_path, environment, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    chosen: Params = settings({"report_to": ["tensorboard", "wandb", "mlflow"]})
    trackers.set_up(chosen.runtime, tmp_path / "checkpoints" / "train_lora" / "0123")
    variables = trackers.os.environ
    assert variables["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "runs" / "train_lora" / "0123")
    assert variables["WANDB_DIR"] == str(tmp_path / "runs")
    assert variables["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert variables["WANDB_PROJECT"] == "mine"
    assert variables["WANDB_DISABLE_GIT"] == "true"


def test_tensorboard(workspace, environment):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run("train_lora", settings({"report_to": "tensorboard"}))
    (folder,) = Path("runs/train_lora").iterdir()
    assert any(path.name.startswith("events.out") for path in folder.iterdir())
