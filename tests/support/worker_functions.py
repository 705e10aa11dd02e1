"""What the processes of tests/test_worker_processes.py do. They import this module, so it imports little."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


class TwoPartError(Exception):
    """An error that can be pickled and not be made again: it has two parameters and hands on one."""

    def __init__(self, text: str, number: int):
        super().__init__(f"{text} {number}")


def squares(number: int, items: Iterator[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the process's id, the item and its square."""
    for item in items:
        yield os.getpid(), item, item * item


def slow_first(number: int, items: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Yield the process's number and the item; item 0 takes long."""
    for item in items:
        if item == 0:
            time.sleep(1.0)
        yield number, item


def prepared_ahead(number: int, items: Iterator[int]) -> Iterator[list[int]]:
    """Yield, for each item, those that were there before its result was sent."""
    received: list[int] = []
    for item in items:
        received.append(item)
        if len(received) > 1:
            yield list(received)
    yield list(received)


def failing(error: str, folder: Path, number: int, items: Iterator[int]) -> Iterator[int]:
    """Write the process's id into a folder; fail at item 3, and work on the others for a minute after item 4."""
    (folder / str(os.getpid())).touch()
    for item in items:
        if item == 3:
            fail(error)
        if item > 4:
            time.sleep(60)
        yield item


def fail(error: str) -> None:
    if error == "two parts":
        raise TwoPartError("part", 2)
    if error == "exit":
        os._exit(5)
    if error == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError(error)
