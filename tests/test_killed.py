"""The real training stage, killed without warning at any moment, ends as if it had not been killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from stages.runtime import checkpoints
from tests.support import s3_server, warm_python
from tests.support.checkpoints import tiny_checkpoint
from tests.support.s3_server import BUCKET, S3Server
from tests.support.training import settings, write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
KILLS = 6
WHILE_SAVING = 2  # of those: as soon as a checkpoint begins to be written


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A workspace, and what the stage makes of it left alone. It saves after every step."""
    root = tmp_path_factory.mktemp("killed") / "workspace"
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 16, seed=1)
    write_split(root / "processed_data" / "dev", 4, seed=2)
    chosen = settings({"checkpoint_minutes": 0.0}, epochs=5, average_share=0.5).model_dump()
    chosen["train_lora"]["dropout"] = 0.1  # draws random numbers, which a resumed run must draw alike
    (root / "params.yaml").write_text(yaml.safe_dump(chosen))
    return root


def start(workspace: Path, environment: dict[str, str] | None = None, own_python: bool = False) -> subprocess.Popen:
    """Start the stage: forked, or with a Python of its own, which a signal to its group reaches directly."""
    environment = (environment or os.environ) | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("DVC_ROOT", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    python = sys.executable if own_python else warm_python.folder() / "python"
    command = [python, "-m", "stages.train", "lora"]
    return subprocess.Popen(command, cwd=workspace, env=environment, start_new_session=True, **pipes)


def await_training(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if "steps an epoch" in line:
            return
    raise AssertionError("the stage ended before it trained")


def stage_process(process: subprocess.Popen, workspace: Path) -> int:
    """The id of the process that trains: where it is forked, `process` only waits for it."""
    for other in psutil.process_iter(["cwd"]):
        if other.info["cwd"] == str(workspace.resolve()) and other.pid != process.pid:
            return other.pid
    return process.pid


def kill(process_id: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(process_id, signal.SIGKILL)


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def results(workspace: Path) -> dict[str, bytes]:
    files = [*sorted((workspace / "models" / "lora").iterdir()), workspace / "metrics" / "train_lora.csv"]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def expected(prepared) -> tuple[dict[str, bytes], float, int]:
    """The uninterrupted run's files, how many seconds it trained, and its steps."""
    workspace = shutil.copytree(prepared, prepared.parent / "expected")
    process = start(workspace)
    await_training(process)
    began = time.monotonic()
    finish(process)
    assert list((workspace / "checkpoints" / "train_lora").iterdir()) == []
    seconds = time.monotonic() - began
    files = results(workspace)
    last = files["train_lora.csv"].decode().splitlines()[-1]
    return files, seconds, int(last.split(",")[0])


def is_saving(workspace: Path) -> bool:
    for path in workspace.glob("checkpoints/train_lora/*/checkpoint-*"):
        try:
            if not (path / checkpoints.COMPLETE).is_file() and any(path.iterdir()):
                return True
        except FileNotFoundError:  # removed meanwhile
            continue
    return False


def newest(workspace: Path) -> int:
    """The step of the newest checkpoint, begun or complete; 0: there is none."""
    found = workspace.glob("checkpoints/train_lora/*/checkpoint-*")
    return max((int(path.name.split("-")[1]) for path in found), default=0)


def killed(workspace: Path, step: int, delay: float, while_saving: bool) -> bool:
    """Run the stage and kill it `delay` seconds after `step`, or at the next save; False: it had ended before."""
    process = start(workspace)
    await_training(process)
    trains = stage_process(process, workspace)
    while process.poll() is None and newest(workspace) < step:
        time.sleep(0.001)
    time.sleep(delay)
    while while_saving and process.poll() is None and not is_saving(workspace):
        time.sleep(0.0005)
    if process.poll() is None:
        kill(trains)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def killed_and_resumed(prepared: Path, number: int, step: int, delay: float) -> tuple[dict[str, bytes], str, bool]:
    """Returns the files, what the second run said, and whether the kill hit a checkpoint being written.

    A machine that is faster than it was may end before the kill; then an earlier one is tried.
    """
    for earlier in range(step, -1, -1):
        workspace = shutil.copytree(prepared, prepared.parent / f"killed-{number}-{earlier}")
        if killed(workspace, earlier, delay, number < WHILE_SAVING):
            caught = is_saving(workspace)
            output = finish(start(workspace))
            return results(workspace), output, caught
    raise AssertionError("the stage always ended before it could be killed")


def test_killed_at_any_moment_it_ends_the_same(prepared, expected):
    files, seconds, steps = expected
    generator = random.Random(4)
    # In the first while nothing is saved yet; the last step's evaluation and the way out are after the last of these.
    moments = [(generator.randrange(steps), generator.uniform(0, 1.5) * seconds / steps) for _ in range(KILLS)]
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda number: killed_and_resumed(prepared, number, *moments[number]), range(KILLS)))
    for number, (found, _, _) in enumerate(ends):
        assert found == files, f"kill {number} at {moments[number]}"
    assert sum("resumes from step" in output for _, output, _ in ends) >= KILLS // 2
    assert any(caught for *_, caught in ends)  # at least one kill did hit a checkpoint being written


def test_interrupted_training_ends_in_one_line(prepared, tmp_path):
    """Ctrl-C reaches all processes of a terminal."""
    workspace = shutil.copytree(prepared, tmp_path / "interrupted")
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("epochs: 5", "epochs: 500"))  # still running, however busy the machine is
    process = start(workspace, own_python=True)
    await_training(process)
    while not list(workspace.glob(f"checkpoints/train_lora/*/checkpoint-*/{checkpoints.COMPLETE}")):
        assert process.poll() is None
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in output
    last = output.splitlines()[-1]
    assert last.startswith("error: train_lora: interrupted. The last good checkpoint, of step")
    assert last.endswith("Run the same command to resume.")


def test_another_machine_goes_on_from_the_mirror(prepared, expected, tmp_path):
    """The first one is taken, with its disk; the checkpoints are on a real S3 server."""
    taken, other = (shutil.copytree(prepared, tmp_path / name) for name in ("taken", "other"))
    for workspace in (taken, other):
        path, mirror = workspace / "params.yaml", f"checkpoint_mirror: s3://{BUCKET}/checkpoints"
        path.write_text(path.read_text().replace("checkpoint_mirror: null", mirror))
    with S3Server(tmp_path / "store") as server:
        environment = s3_server.environment(tmp_path / "home") | {"AWS_ENDPOINT_URL": server.url}
        process = start(taken, environment)
        await_training(process)
        trains = stage_process(process, taken)
        while not any(path.name == checkpoints.COMPLETE for path in server.objects()):
            assert process.poll() is None
            time.sleep(0.001)
        kill(trains)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        output = finish(start(other, environment))
        assert "resumes from step" in output
        assert results(other) == expected[0]
        assert server.objects() == []  # removed once they are of no more use
