"""Deal work out to several processes of this machine, and collect the results as they are made.

joblib and concurrent.futures deal out work as well. Here each process sets itself up once (it loads a model on a device
of its own), can prepare its next item while it works on one, and is killed as soon as another process fails.
"""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from stages.runtime import lifeline

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_AHEAD = 2  # that a process has: it works on one and prepares the other
ENDED = 10.0  # seconds that a process has to end after it has closed its connection


class ProcessEndedError(Exception):
    """A process ended without an error of its own, such as by a signal."""


@dataclass(frozen=True)
class _Failure:
    """An error of a process, sent instead of a result."""

    error: BaseException
    traceback: str


@dataclass(frozen=True)
class _Worker:
    """A process, and the connection over which it gets items and sends results."""

    number: int  # from 0
    process: BaseProcess
    connection: Connection


def results(
    work: Callable[[int, Iterator[Item]], Iterator[Result]], processes: int, items: Iterable[Item]
) -> Iterator[Result]:
    """Yield the result of every item, in the order in which the results are made.

    An item is given to the next process that is free. When the generator ends, also by an error, all processes end.

    Parameters
    ----------
    work : called in each process with its number, from 0, and its items; yields one result for each item, in order.
        It is pickled: a function of a module, or a functools.partial of one.
    processes : how many
    items : in the order in which they are dealt; with the longest work first, all processes end at about the same time

    Raises
    ------
    ProcessEndedError
        A process ended without an error, such as by a signal.
    BaseException
        The error that `work` raised in a process.
    """
    waiting = iter(items)
    with ExitStack() as stack:
        workers: dict[Connection, _Worker] = {}
        with _interrupts_ignored():  # Ctrl-C reaches all processes of a terminal; this one then ends the others
            for number in range(processes):
                worker = stack.enter_context(_started(work, number))
                workers[worker.connection] = worker
        for _ in range(ITEMS_AHEAD):
            for worker in workers.values():  # each gets one before any gets two: there may be few
                _send(worker, next(waiting, None))
        while workers:
            for connection in wait(list(workers)):
                message = _receive(workers[connection])
                if message is None:  # it has no item left
                    del workers[connection]
                    continue
                yield message[0]
                _send(workers[connection], next(waiting, None))


@contextmanager
def _started(work: Callable, number: int) -> Iterator[_Worker]:
    """Start a process; it is killed at the end, if it still runs."""
    context = multiprocessing.get_context("spawn")  # a fork could not use the GPU that its parent has opened
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(work, number, theirs, os.getpid()), daemon=True)
    process.start()
    theirs.close()  # else the end of the process would not close the connection
    try:
        yield _Worker(number, process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C; processes that are started meanwhile ignore it for good."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _send(worker: _Worker, item: Any) -> None:
    """Send an item, or None: there are no more."""
    try:
        worker.connection.send(item)
    except (BrokenPipeError, ConnectionResetError):
        # It ended: what it sent before is still to be read, and says why. After None it may have ended as it should.
        pass


def _receive(worker: _Worker) -> tuple | None:
    """The next message: a result in a tuple, or None at the end; raises the error that the process sent."""
    try:
        message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join(ENDED)
        raise ProcessEndedError(f"process {worker.number + 1} {_describe_end(worker.process.exitcode)}") from None
    if isinstance(message, _Failure):
        raise message.error from RuntimeError(f"in process {worker.number + 1}:\n{message.traceback}")
    return message


def _describe_end(status: int | None) -> str:
    """How a process ended, for an error message.

    Parameters
    ----------
    status : Process.exitcode: negative for a signal; None: it runs, but has closed its connection
    """
    if status == -signal.SIGKILL:
        return "was killed (SIGKILL), perhaps because the machine ran out of memory"
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended without a message, with status {status}"


def _run(work: Callable, number: int, connection: Connection, parent: int) -> None:
    """What a process does: work on its items, and send each result."""
    lifeline.end_with(parent)
    try:
        for result in work(number, _items(connection)):
            _reply(connection, (result,))
        _reply(connection, None)
    except BaseException as error:
        _reply(connection, _Failure(_sendable(error), traceback.format_exc()))


def _items(connection: Connection) -> Iterator:
    while True:
        try:
            item = connection.recv()
        except (EOFError, ConnectionResetError):
            os._exit(1)  # the parent is gone, and nobody needs the results
        if item is None:
            return
        yield item


def _reply(connection: Connection, message: Any) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)  # the parent is gone


def _sendable(error: BaseException) -> BaseException:
    """The error, or a RuntimeError with its text: some libraries' errors cannot be pickled and made again."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made in the line itself)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
