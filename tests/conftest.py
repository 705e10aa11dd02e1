"""What holds for all tests: none reaches the network, and those that start a process are marked as slow.

The hub's address is a port of this machine, on which tests may start a server.
"""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest

# Those that take longest, in this order: with several workers, none shall be left alone with one at the end.
LONGEST = [
    "test_readme.py",
    "test_pipeline.py",
    "test_profile.py",
    "test_remote_faults.py",
    "test_published_shapes.py",
    "test_schedules.py",
    "test_training.py",
    "test_killed.py",
    "test_two_processes.py",
    "test_data_workers.py",
    "test_export.py",
    "test_transcribe.py",
    "test_third_strategy.py",
]

# A shell starts what runs in its background without Ctrl-C, and so would be all processes that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers, each with threads for all cores, would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    HUB_PORT = probe.getsockname()[1]

# Read by huggingface_hub when it is first imported, so set before anything imports it.
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{HUB_PORT}"
CACHE = tempfile.TemporaryDirectory(prefix="hub-cache-")  # not the user's own
os.environ["HF_HOME"] = CACHE.name
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"


def pytest_sessionstart() -> None:
    """The stages' main functions do this; tests call what is below them."""
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()


def pytest_collection_modifyitems(items) -> None:
    """Start the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def training_inputs(tmp_path_factory) -> Path:
    """A folder with all that training reads, which tests copy."""
    from tests.support.training import write_training_inputs

    return write_training_inputs(tmp_path_factory.mktemp("training"))


# Python's own names of what starts a process, as it tells its audit hooks.
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system"}
quick_test: list[str] = []  # the name of the test that runs now, if it is not marked as slow


def refuse_processes(event: str, arguments: tuple) -> None:
    """Fail a test that is not marked as slow when it starts a process."""
    if quick_test and event in STARTS:
        name = quick_test.pop()  # only once: what reports the failure may start one
        pytest.fail(f"{name} starts a process ({event}) and is not marked: add @pytest.mark.slow")


sys.addaudithook(refuse_processes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    quick_test[:] = [] if item.get_closest_marker("slow") else [item.nodeid]
    try:
        return (yield)
    finally:
        quick_test.clear()
