"""Processes that end with the one that started them, however that one ends.

DVC, killed, leaves the command it runs alone (measured with dvc 3.67), and an orphan would hold the GPU and write where
the next run writes.
"""

import os
import threading
import time

import psutil  # tells on every system whether a process that is not our child still exists

SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish"}  # some stay between dvc and the command they were asked to run
POLL_SECONDS = 1.0


def end_with(*pids: int) -> None:
    """End this process at once, a second late at most, when one of those processes is gone."""
    watched = [_process(pid) for pid in pids]

    def watch() -> None:
        while all(map(_lives, watched)):
            time.sleep(POLL_SECONDS)
        os._exit(1)  # no clean-up that could hang: all that is written is written to be cut short

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


def end_with_dvc() -> None:
    """End this process when the `dvc` that runs it as a stage is gone; run by hand, it outlives its shell as usual."""
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
        return psutil.Process(pid)  # remembers when it started, so that another one of this number is not it
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
