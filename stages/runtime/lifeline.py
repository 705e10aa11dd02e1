"""End a process when the process that started it is gone.

A killed DVC does not end the command that it runs (seen with dvc 3.67). That command would go on to use the GPU, and
write to the same files as the next run.
"""

import os
import threading
import time

import psutil  # checks on every system whether a process that is not our child still exists

SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish"}  # some stay as a process between dvc and the command
POLL_SECONDS = 1.0


def end_with(*pids: int) -> None:
    """End this process, within POLL_SECONDS, when one of those processes is gone."""
    watched = [_process(pid) for pid in pids]

    def watch() -> None:
        while all(map(_lives, watched)):
            time.sleep(POLL_SECONDS)
        os._exit(1)  # skip cleanup, which could hang; every write is atomic

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


def end_with_dvc() -> None:
    """End this process when the `dvc` that runs it as a stage is gone; does nothing if it was started by hand."""
    if "DVC_STAGE" not in os.environ:
        return
    watched = []
    for parent in psutil.Process().parents():
        watched.append(parent.pid)
        if parent.name() not in SHELLS:
            break
    end_with(*watched)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)  # also stores the start time: another process may get the same number later
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
