"""Two processes transcribe what one does, also after a kill, and an error in one of them ends both."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
import yaml

from stages.common import params
from stages.common.errors import UserError
from stages.decoding import evaluation_sets, several_devices, splits
from stages.records.shards import read_manifest
from tests.support import warm_python
from tests.support.checkpoints import tiny_checkpoint
from tests.support.failing_decoder import failing_after
from tests.support.training import write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
CLIPS, LONG = 40, 2
TRANSCRIPTS = Path("metrics", "transcripts", "base.jsonl")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A workspace with clips and with recordings longer than the tiny model's window of 10 s."""
    root = tmp_path_factory.mktemp("prepared")
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "evaluation" / "test", CLIPS, seed=1)
    write_split(root / "processed_data" / "evaluation" / "sessions", LONG, seed=2, seconds=25.0)
    return root


@pytest.fixture(scope="module")
def expected(prepared, tmp_path_factory) -> bytes:
    """What one process writes."""
    workspace = shutil.copytree(prepared, tmp_path_factory.mktemp("expected") / "workspace")
    finish(start(workspace, processes=1))
    return (workspace / TRANSCRIPTS).read_bytes()


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch) -> Path:
    root = shutil.copytree(prepared, tmp_path / "workspace")
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return root


def choose(workspace: Path, processes: int | None) -> None:
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"] |= {"device": "cpu", "processes": processes}
    settings["transcribe"] |= {"batch_seconds": 20.0, "tokens_per_second": 1.0}
    (workspace / "params.yaml").write_text(yaml.safe_dump(settings))


def start(workspace: Path, processes: int | None) -> subprocess.Popen:
    choose(workspace, processes)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DVC_ROOT", None)
    command = [warm_python.folder() / "python", "-m", "stages.transcribe", "base"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=workspace, env=environment, **pipes)


def finish(process: subprocess.Popen) -> str:
    output, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return output


def journal_lines(workspace: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in workspace.glob("checkpoints/transcribe_base/*/journal.jsonl"))


def await_transcripts(process: subprocess.Popen, workspace: Path) -> None:
    while not journal_lines(workspace):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def workers(workspace: Path) -> list[psutil.Process]:
    """The processes that decode there."""
    running = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if process.info["cwd"] == str(workspace.resolve()) and "multiprocessing.spawn" in str(process.info["cmdline"]):
            running.append(process)
    return running


def assert_ended(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


def test_two_processes_write_the_same_bytes(workspace, expected):
    process = start(workspace, processes=2)
    await_transcripts(process, workspace)
    assert len(workers(workspace)) == 2
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert TRANSCRIPTS.read_bytes() == expected
    assert f"transcribe_base: 100%|██████████| {CLIPS + LONG}/{CLIPS + LONG}" in error  # one bar for all
    assert list(Path("checkpoints/transcribe_base").iterdir()) == []
    cost = json.loads(Path("metrics/cost.json").read_text())["transcribe_base"]
    assert cost["processes"] == 2
    assert cost["clips"] == CLIPS + LONG
    assert cost["peak_memory_mb"] > 100  # that of a process that decodes


def test_one_process_on_a_cpu_by_default(workspace, expected):
    finish(start(workspace, processes=None))
    assert TRANSCRIPTS.read_bytes() == expected
    assert json.loads(Path("metrics/cost.json").read_text())["transcribe_base"]["processes"] == 1


def test_killed_and_resumed_with_another_number_of_processes(workspace, expected, monkeypatch):
    process = start(workspace, processes=2)
    await_transcripts(process, workspace)
    decoding = workers(workspace)
    process.kill()
    process.communicate()
    assert_ended(decoding)
    first = journal_lines(workspace)
    assert 0 < first < CLIPS + LONG

    choose(workspace, processes=1)
    # 12, because a long recording takes several batches.
    with failing_after(12, KeyboardInterrupt()), pytest.raises(UserError, match="interrupted"):
        evaluation_sets.transcribe_evaluation_sets("base", params.load())
    second = journal_lines(workspace)
    assert second > first

    output = finish(start(workspace, processes=2))
    counted = [int(line.split(": ")[1].split()[0]) for line in output.splitlines() if "transcribed before" in line]
    assert sum(counted) == second  # nothing was lost, and nothing decoded twice
    assert TRANSCRIPTS.read_bytes() == expected
    assert json.loads(Path("metrics/cost.json").read_text())["transcribe_base"]["clips"] == CLIPS + LONG - second


def test_one_killed_process_ends_all_with_one_message(workspace, expected):
    process = start(workspace, processes=2)
    await_transcripts(process, workspace)
    decoding = workers(workspace)
    decoding[0].send_signal(signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in error
    assert "error: transcribe_base: process " in error
    assert " was killed (SIGKILL), perhaps because the machine ran out of memory. " in error
    assert f"{journal_lines(workspace)} transcripts are kept in checkpoints/transcribe_base/" in error
    assert_ended(decoding)
    finish(start(workspace, processes=1))
    assert TRANSCRIPTS.read_bytes() == expected


def test_error_of_one_process_is_the_message_of_the_stage(workspace):
    shard = workspace / "processed_data" / "evaluation" / "test" / "shard-00000.tar"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    shard.write_bytes(content)
    process = start(workspace, processes=2)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("error: processed_data/evaluation/test/shard-00000.tar is damaged at clip")
    assert workers(workspace) == []


def test_each_process_takes_the_gpu_of_its_number(monkeypatch):
    """GPUs that this machine may lack; `auto` could choose another precision on another GPU."""
    chosen = []
    monkeypatch.setattr(several_devices.devices, "choose_device", lambda wanted: torch.device("cuda"))
    monkeypatch.setattr(several_devices.model, "load_checkpoint", lambda folder: folder)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    settings = params.load(ROOT / "params.yaml")

    def prepare(*arguments):
        chosen.append(arguments)
        return SimpleNamespace(settings=settings.transcribe)

    monkeypatch.setattr(several_devices.transcription, "prepare", prepare)
    assert list(several_devices.transcribe_in_process(Path("base"), settings, "bf16", 8, 3, iter([]))) == []
    gpu = torch.device("cuda", 3)
    assert chosen == [gpu, (Path("base"), settings, gpu, "bf16")]


def test_longest_are_dealt_first_and_no_process_is_without_a_batch(prepared, monkeypatch):
    clips = read_manifest(prepared / "processed_data" / "evaluation" / "test")
    waiting = [splits.Batch(Path("test"), [clip]) for clip in clips[:3]]
    calls = []

    def record(work, processes, items):
        calls.append((processes, [batch.clips[0].duration for batch in items]))
        return iter([])

    monkeypatch.setattr(several_devices.worker_processes, "results", record)
    settings = params.load(ROOT / "params.yaml")
    assert list(several_devices.transcribe(Path("base"), settings, "fp32", 8, waiting)) == []
    assert calls == [(3, sorted((clip.duration for clip in clips[:3]), reverse=True))]
