"""The real training stage, killed without warning at any moment, ends as if it had not been killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from stages import checkpoints
from tests.checkpoints import tiny_checkpoint
from tests.test_training import settings, write_split

ROOT = Path(__file__).parent.parent
KILLS = 10
WHILE_SAVING = 3  # of those: as soon as a checkpoint begins to be written


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A workspace, and what the stage makes of it left alone. It saves after every step."""
    root = tmp_path_factory.mktemp("killed") / "workspace"
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 16, seed=1)
    write_split(root / "processed_data" / "dev", 4, seed=2)
    chosen = settings({"checkpoint_minutes": 0.0}, epochs=5).model_dump()
    chosen["train_lora"]["dropout"] = 0.1  # draws random numbers, which a resumed run must draw alike
    (root / "params.yaml").write_text(yaml.safe_dump(chosen))
    return root


def start(workspace: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment.pop("DVC_ROOT", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "stages.train_lora"]
    return subprocess.Popen(command, cwd=workspace, env=environment, start_new_session=True, **pipes)


def await_training(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if "steps an epoch" in line:
            return
    raise AssertionError("the stage ended before it trained")


def finish(process: subprocess.Popen) -> str:
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0, told
    return told


def results(workspace: Path) -> dict[str, bytes]:
    files = [*sorted((workspace / "models" / "lora").iterdir()), workspace / "metrics" / "train_lora.csv"]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def expected(prepared) -> tuple[dict[str, bytes], float]:
    """The uninterrupted run's files, and how many seconds it trained."""
    workspace = shutil.copytree(prepared, prepared.parent / "expected")
    process = start(workspace)
    await_training(process)
    began = time.monotonic()
    finish(process)
    assert list((workspace / "checkpoints" / "train_lora").iterdir()) == []
    return results(workspace), time.monotonic() - began


def is_saving(workspace: Path) -> bool:
    saving = (path for path in workspace.glob("checkpoints/train_lora/*/checkpoint-*"))
    return any(not (path / checkpoints.COMPLETE).is_file() and any(path.iterdir()) for path in saving)


def kill_and_resume(workspace: Path, moment: Callable[[subprocess.Popen], None]) -> tuple[dict[str, bytes], str]:
    """Kill a run when `moment` returns, run it again to the end; returns its files and what it said."""
    process = start(workspace)
    await_training(process)
    moment(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return results(workspace) if process.returncode == 0 else resumed(workspace)


def resumed(workspace: Path) -> tuple[dict[str, bytes], str]:
    told = finish(start(workspace))
    return results(workspace), told


def test_killed_at_any_moment_it_ends_the_same(prepared, expected):
    files, seconds = expected
    generator = random.Random(4)
    delays = [generator.uniform(0.05, 0.95) * seconds for _ in range(KILLS - WHILE_SAVING)]

    def at(delay: float) -> Callable[[subprocess.Popen], None]:
        return lambda _: time.sleep(delay)

    def while_saving(workspace: Path, steps: float) -> Callable[[subprocess.Popen], None]:
        def moment(process: subprocess.Popen) -> None:
            time.sleep(steps)
            while process.poll() is None and not is_saving(workspace):
                time.sleep(0.0005)

        return moment

    def one(number: int) -> tuple[dict[str, bytes], str, bool]:
        workspace = shutil.copytree(prepared, prepared.parent / f"killed-{number}")
        if number < WHILE_SAVING:
            moment = while_saving(workspace, (0.2 + 0.2 * number) * seconds)
        else:
            moment = at(delays[number - WHILE_SAVING])
        process = start(workspace)
        await_training(process)
        moment(process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        caught = is_saving(workspace)
        told = finish(start(workspace))
        return results(workspace), told, caught

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(one, range(KILLS)))
    for number, (found, _, _) in enumerate(ends):
        assert found == files, f"kill {number}"
    assert sum("goes on from step" in told for _, told, _ in ends) >= KILLS // 2
    assert any(caught for *_, caught in ends)  # at least one kill did hit a checkpoint being written
