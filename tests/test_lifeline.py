"""A process ends with the ones it is tied to, killed without a chance to tell anybody."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stages.runtime import lifeline

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
WAIT = "import time; time.sleep(60)"
TIED = f"import sys; from stages.runtime import lifeline; lifeline.end_with(*map(int, sys.argv[1:])); print(); {WAIT}"
STAGE = f"from stages.runtime import lifeline; lifeline.end_with_dvc(); print(flush=True); {WAIT}"


def start(*command: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(command, env=os.environ | environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def ends_within(seconds: float, process: psutil.Process) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("which", [0, 1])
def test_ends_with_any_of_them(which):
    others = [start(sys.executable, "-c", WAIT) for _ in range(2)]
    with start(sys.executable, "-u", "-c", TIED, *(str(other.pid) for other in others)) as tied:
        tied.stdout.readline()
        assert not ends_within(1.5, psutil.Process(tied.pid))
        others[which].kill()  # not waited for: a zombie lives no longer
        assert ends_within(5, psutil.Process(tied.pid))
        tied.kill()
    for other in others:
        other.kill()
        other.wait()


@pytest.mark.parametrize("around", ["{}", "true; {}; true", "bash -c 'true; {}; true'"])  # `true;` keeps the shell
@pytest.mark.parametrize("as_stage", [True, False])
def test_a_stage_ends_with_dvc_and_a_script_run_by_hand_does_not(around, as_stage, tmp_path):
    script = tmp_path / "stage.py"
    script.write_text(STAGE)
    runs = f"import subprocess; subprocess.run({around.format(f'{sys.executable} {script}')!r}, shell=True)"
    environment = {"PYTHONPATH": str(ROOT)} | ({"DVC_STAGE": "train_lora"} if as_stage else {})
    with start(sys.executable, "-c", runs, **environment) as dvc:
        dvc.stdout.readline()
        below = psutil.Process(dvc.pid).children(recursive=True)
        stage = next(process for process in below if process.cmdline()[-1] == str(script))
        os.kill(dvc.pid, signal.SIGKILL)
        assert ends_within(lifeline.POLL_SECONDS + 1.5, stage) == as_stage
    for process in below:
        if process.is_running():
            process.kill()
