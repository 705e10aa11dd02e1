"""Work that is dealt out to several processes: every result comes once, and an error in one process ends all."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from stages.runtime import worker_processes
from tests.support import worker_functions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PARENT = """
import functools, pathlib, sys
from stages.runtime import worker_processes
from tests.support import worker_functions
work = functools.partial(worker_functions.failing, "none", pathlib.Path(sys.argv[1]))
for result in worker_processes.results(work, 2, [1, 2, 5, 6, 7, 8]):
    print(result, flush=True)
"""


def ended(process: int) -> bool:
    """Whether a process ends within ten seconds."""
    for _ in range(100):
        try:
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def processes_in(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


@pytest.mark.parametrize(("processes", "count"), [(1, 5), (2, 0), (2, 1), (2, 2), (3, 20)])
def test_every_item_has_one_result(processes, count):
    rows = list(worker_processes.results(worker_functions.squares, processes, range(count)))
    assert sorted((item, square) for _, item, square in rows) == [(item, item * item) for item in range(count)]
    assert os.getpid() not in {process for process, _, _ in rows}


def test_a_free_process_gets_the_next_item():
    rows = list(worker_processes.results(worker_functions.slow_first, 2, range(12)))
    slow = next(number for number, item in rows if item == 0)
    # Beside the slow item it holds one more, which waits for it; the other process does all the others.
    assert sum(number == slow for number, _ in rows) <= 3


def test_a_process_can_prepare_its_next_item():
    assert list(worker_processes.results(worker_functions.prepared_ahead, 1, [7, 8, 9])) == [
        [7, 8],
        [7, 8, 9],
        [7, 8, 9],
    ]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ("wrong", ValueError, "^wrong$"),
        ("two parts", RuntimeError, "^TwoPartError: part 2$"),
        ("exit", worker_processes.ProcessEndedError, "process [12] ended without a message, with status 5"),
        ("killed", worker_processes.ProcessEndedError, r"process [12] was killed \(SIGKILL\), perhaps because"),
    ],
)
def test_an_error_in_one_process_ends_all(tmp_path, error, kind, message):
    began, results = time.monotonic(), []
    with pytest.raises(kind, match=message):
        results.extend(worker_processes.results(partial(worker_functions.failing, error, tmp_path), 2, range(1, 9)))
    assert time.monotonic() - began < 30  # the other process was not waited for
    assert all(map(ended, processes_in(tmp_path)))


def test_traceback_of_the_process_is_the_cause(tmp_path):
    with pytest.raises(ValueError, match="wrong") as raised:
        list(worker_processes.results(partial(worker_functions.failing, "wrong", tmp_path), 1, [3]))
    assert "worker_functions.py" in str(raised.value.__cause__)


def test_results_that_are_not_read_to_the_end_end_the_processes(tmp_path):
    results = worker_processes.results(partial(worker_functions.failing, "none", tmp_path), 2, [1, 2, 5, 6])
    next(results)
    results.close()
    assert all(map(ended, processes_in(tmp_path)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path, number):
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as parent:
        assert parent.stdout.readline()
        while len(processes_in(tmp_path)) < 2:
            assert parent.poll() is None
            time.sleep(0.01)
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)  # as a terminal does
        else:
            parent.send_signal(number)
        error = parent.stderr.read()
    assert error.count("Traceback") == (number == signal.SIGINT)  # only the parent's own
    assert all(map(ended, processes_in(tmp_path)))
