"""The `python` and the `dvc` that tests/support/warm_python.py puts into PATH: they ask its server to run the command.

Imports nothing but the standard library, because it is run at each start.
"""

import json
import os
import resource
import signal
import socket
import sys

SPAWNED = "from multiprocessing.spawn import "  # begins what multiprocessing's `spawn` gives its processes to run
MODULES = ("stages", "tools", "experiments", "accelerate", "dvc", "pytest")  # those that the server runs
# Variables that the libraries, or Python itself, read at their start: if they differ from the server's, Python is
# started anew. CUDA_VISIBLE_DEVICES is not one of them: it is read at the first use of a GPU, and the server uses none.
READ_AT_START = ("HF_", "MKL_", "OMP_", "PYTHON", "TORCH_", "TRANSFORMERS_")
# Variables with such names that may differ: the server sets the first two, and torchrun's processes read the last one
# only when they connect to each other.
HANDLED = ("PYTHONPATH", "PYTHONUNBUFFERED", "TORCH_NCCL_ASYNC_ERROR_HANDLING")


def inherited() -> dict:
    """What a process inherits and a fork of the server cannot take over, to be compared with what the server has."""
    variables = {}
    for name, value in os.environ.items():
        if name.startswith(READ_AT_START) and name not in HANDLED:
            variables[name] = value
    limits = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            limits[name] = list(resource.getrlimit(getattr(resource, name)))
    mask = os.umask(0)
    os.umask(mask)
    name_spaces = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net", "user")]
    return {"variables": variables, "limits": limits, "umask": mask, "name_spaces": name_spaces}


def other_files() -> list[int]:
    """The numbers of the open files that this process inherited, without the standard streams."""
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                numbers.append(int(name))
        except OSError:  # of the folder /proc/self/fd itself, which is closed by now
            pass
    return numbers


def main(python: str, address: str, servers: dict) -> None:
    """Run the command of sys.argv in a fork of the server, or with a Python of its own, and end as it ends.

    Parameters
    ----------
    python : the Python that runs what the server does not
    address : the server's socket
    servers : what the server inherited
    """
    arguments = sys.argv[1:]
    if os.path.basename(sys.argv[0]) == "dvc":
        arguments = ["-m", "dvc", *arguments]
    if arguments[:1] == ["-u"]:  # as torchrun starts its processes
        os.environ["PYTHONUNBUFFERED"] = "1"
        arguments = arguments[1:]
    if arguments[:1] == ["-B"] and "PYTHONDONTWRITEBYTECODE" in os.environ:  # multiprocessing passes it as -B
        arguments = arguments[1:]
    is_module = len(arguments) > 1 and arguments[0] == "-m" and arguments[1].split(".")[0] in MODULES
    is_served = is_module or (len(arguments) > 1 and arguments[0] == "-c" and arguments[1].startswith(SPAWNED))
    if not is_served or inherited() != servers:
        os.execv(python, [python, *arguments])  # noqa: S606
    files = [0, 1, 2, *other_files()]
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    request = json.dumps([arguments, os.getcwd(), dict(os.environ), files]).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], files)
    server.sendall(request)
    for number in files[3:]:  # otherwise a pipe would stay open after the command has closed it
        os.close(number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: server.sendall(bytes([number])))
    status = int(server.recv(16) or b"1")
    if status < 0:
        if -status != signal.SIGKILL:  # SIGKILL cannot have a handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
