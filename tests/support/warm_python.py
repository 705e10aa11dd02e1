"""A `python` and a `dvc` for tests that start at once, by forking a process that has imported the libraries.

The imports of torch, transformers and datasets take 5 seconds of a core, those of DVC up to one, and the tests of the
pipeline start over a hundred stages and tools, and DVC more often. The project's own modules are imported anew each
time. What is about the start of processes (data workers, `accelerate launch`) is tested with a Python of its own as
well, and so is one whole run, with a DVC of its own (test_profile.py).

`folder()` is put first in PATH; its programs (warm_program.py) hand arguments, environment and standard streams to the
server below. Where they inherited something that cannot be handed over, such as a limit on resources, they start
Python anew.
"""

import atexit
import fcntl
import gc
import json
import multiprocessing
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import numpy

MOST_FILES = 64  # that a process can hand over
LIBRARIES = (  # that stages/, tools/ and DVC import; not pygit2, which reads HOME when it is imported
    "accelerate",
    "aiobotocore.session",
    "datasets",
    "dvc.cli.parser",
    "dvc.repo.experiments",
    "dvc.repo.reproduce",
    "dvc_s3",
    "jinja2",
    "joblib",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "peft",
    "pydantic",
    "safetensors.torch",
    "soundfile",
    "torch.distributed",
    "transformers.models.whisper.modeling_whisper",
    "transformers.models.whisper.processing_whisper",
    "transformers.trainer_seq2seq",
    "yaml",
)
PROGRAM = """#!{python} -SE
import sys
sys.path.append({folder!r})
import warm_program
warm_program.main(*{values!r})
"""


@cache
def folder() -> Path:
    """Start the server, which ends with this process, and return the folder of its `python`."""
    if not hasattr(os, "pidfd_open"):  # no Linux: the tests take longer
        return Path(sys.executable).parent
    from tests.support.warm_program import inherited  # not at the top: the server runs this file as a script

    place = tempfile.TemporaryDirectory(prefix="warm-python-")
    address = str(Path(place.name) / "socket")
    server = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(place.cleanup)
    atexit.register(server.kill)
    assert server.stdout.readline() == b"ready\n", "the server of tests/support/warm_python.py did not start"
    values = [sys.executable, address, inherited()]
    for name in ("python", "dvc"):
        program = Path(place.name) / name
        program.write_text(PROGRAM.format(python=sys.executable, folder=str(Path(__file__).parent), values=values))
        program.chmod(0o755)
    return Path(place.name)


def serve(address: str) -> list[str]:
    """Fork a process for each request; returns only in that process, with the arguments of the command to run."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    for name in LIBRARIES:
        import_module(name)
    gc.collect()
    gc.freeze()  # else each fork's garbage collection would go through, and copy, all that is imported
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no parent waits for the processes of `wait_for`
    print("ready", flush=True)
    while True:
        if sys.stdin.fileno() in select.select([listener, sys.stdin], [], [])[0]:
            os._exit(0)  # the tests have ended
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return become(connection, str(Path(address).with_name("python")))
        connection.close()


def become(connection: socket.socket, python: str) -> list[str]:
    """Fork a process that takes over streams, environment and folder of the client; this process waits for its end.

    The client is the process that runs warm_program.py.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, files, _, _ = socket.recv_fds(connection, 8, MOST_FILES)
    size, request = int.from_bytes(header, "big"), b""
    while len(request) < size:
        request += connection.recv(size - len(request))
    arguments, current_folder, environment, numbers = json.loads(request)
    process = os.fork()
    if process:
        wait_for(process, connection)
    connection.close()
    take_over(files, numbers)
    os.chdir(current_folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout.reconfigure(write_through=bool(environment.get("PYTHONUNBUFFERED")))
    sys.executable = python  # so that what it starts (dvc, accelerate) is forked as well
    multiprocessing.set_executable(python)
    numpy.random.seed()  # else each process would draw the same numbers
    own_folder = str(Path(__file__).parent)
    added = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [current_folder, *added, *(path for path in sys.path if path and path != own_folder)]
    return arguments


def take_over(files: list[int], numbers: list[int]) -> None:
    """Give received files the numbers that they have in the process that sent them."""
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, 1000) for file in files]  # away from the numbers of the others
    for file in files:
        os.close(file)
    for file, number in zip(moved, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def wait_for(process: int, connection: socket.socket) -> NoReturn:
    """Pass on the client's signals, kill the process when the client is gone, and send the client its exit status."""
    ended = os.pidfd_open(process)
    while ended not in select.select([ended, connection], [], [])[0]:
        received = connection.recv(1)
        os.kill(process, received[0] if received else signal.SIGKILL)
        if not received:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        connection.sendall(str(status).encode())
    except BrokenPipeError:  # the client is gone
        pass
    os._exit(0)


def run(arguments: list[str]) -> int:
    """Do what `python -m module arguments` or `python -c text arguments` does, and return its exit status."""
    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 (of multiprocessing)
        else:
            sys.argv = arguments[1:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # Python itself prints the traceback and ends with 1
        traceback.print_exc()
        return 1
    return 0


def end(status: int) -> NoReturn:
    """End as Python does, without taking the libraries apart, which takes 2 seconds of a core."""
    threading._shutdown()  # waits for threads and pools
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    end(run(serve(sys.argv[1])))
