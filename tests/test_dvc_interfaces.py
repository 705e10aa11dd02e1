"""What this project relies on in DVC beyond its documented interfaces, compared with the installed DVC."""

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from dvc.commands.queue.status import CmdQueueStatus
from dvc.ui import ui

from experiments import run, shown
from experiments.shown import QUEUED, RUNNING
from stages.common.errors import UserError
from tests.support.repository import call
from tools import provenance

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
STAGES = {"copy": {"cmd": "cp data copy", "deps": ["data"], "params": ["train_lora"], "outs": ["copy"]}}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A repository with a pipeline of one stage that has run."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    (folder / "data").write_text("before")
    (folder / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    call(folder, "git", "init", "-q")
    call(folder, "dvc", "init", "-q")
    call(folder, "dvc", "repro", "-q")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "first")
    return folder


@pytest.fixture
def here(project, monkeypatch) -> Path:
    """The same repository, as the current folder."""
    monkeypatch.chdir(project)
    for variable in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(variable, "t@t")
    return project


def test_changes_since_the_last_run_are_named(here):
    provenance.check(["copy"])
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("rank: 16", "rank: 8"))
    Path("data").write_text("after")
    changes = r"data \(copy\), params.yaml: train_lora \(copy\) changed since"
    with pytest.raises(UserError, match=f"not of one run: {changes}"):
        provenance.check(["copy"])
    Path("params.yaml").write_text(text)
    Path("data").unlink()
    provenance.check(["copy"])  # a missing file is not a changed one
    Path("data").write_text("before")
    with pytest.raises(UserError, match=r"dvc status --json nothing failed: .*nothing"):
        provenance.check(["nothing"])


def test_nothing_is_checked_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    provenance.check(["copy"])


def test_queued_experiment_is_listed_with_the_parameters_that_were_checked(here):
    overrides = ["train_lora.rank=8", "train_lora.target_modules=[q_proj]", "++train_lora.learning_rate=0.5", "seed=7"]
    run.queue("rank-8", overrides)
    assert run.in_queue() == ({"rank-8": QUEUED}, 0)
    listed = shown.experiments()
    assert [(row.name, row.state) for row in listed] == [("rank-8", QUEUED)]
    run.check_same("rank-8", run.checked("rank-8", overrides), listed[0])
    with pytest.raises(UserError, match="seed 7, now 1"):
        run.check_same("rank-8", run.checked("rank-8", overrides[:-1]), listed[0])


def test_states_and_workers_are_read_from_the_table(monkeypatch, capsys):
    rows = [
        {"rev": "1" * 40, "name": "a", "timestamp": None, "status": "Running"},
        {"rev": "2" * 40, "name": "b", "timestamp": None, "status": "Queued"},
        {"rev": "3" * 40, "name": "c", "timestamp": None, "status": "Success"},
        {"rev": "4" * 40, "name": "d", "timestamp": None, "status": "Failed"},
    ]
    queue = Mock(**{"status.return_value": rows, "worker_status.return_value": {"first": [rows[0]], "second": []}})
    monkeypatch.setattr(ui, "_enabled", True)  # else dvc prints nothing
    command = CmdQueueStatus.__new__(CmdQueueStatus)
    command.repo = Mock(**{"experiments.celery_queue": queue})
    command.run()
    table = capsys.readouterr().out
    monkeypatch.setattr(run, "run_dvc", lambda *words: table)
    assert run.in_queue() == ({"a": RUNNING, "b": QUEUED}, 2)


def test_another_table_is_refused(monkeypatch):
    monkeypatch.setattr(run, "run_dvc", lambda *words: "{}")
    with pytest.raises(UserError, match="dvc queue status printed no line `Worker status`"):
        run.in_queue()
