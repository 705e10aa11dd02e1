"""Time and memory of the stages on this machine: metrics/cost.json, the only metrics file that differs by machine.

For DVC it is not an output, so that another duration is never a changed result. It is in git.
"""

import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from stages.records.paths import COST_FILE, METRICS

if TYPE_CHECKING:  # evaluate and report read costs, and would wait a second for torch
    import torch


@contextmanager
def measured(stage: str, device: "torch.device") -> Iterator[dict[str, float | str]]:
    """Record a block's duration and peak memory, and the figures that the block adds to the yielded dict.

    Parameters
    ----------
    device : that the block computes on: its name and its memory are recorded, unless the block adds a figure
        peak_memory_mb, as where other processes compute
    """
    figures: dict[str, float | str] = {}
    start = time.perf_counter()
    yield figures
    figures["seconds"] = round(time.perf_counter() - start, 1)
    figures.setdefault("peak_memory_mb", peak_memory_mb(device))
    figures["machine"] = _machine(device)
    _record(stage, figures)


def _machine(device: "torch.device") -> str:
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return platform.machine()


def peak_memory_mb(device: "torch.device") -> int:
    """The most memory that this process has used so far: of the GPU if it computes on one, else of the machine."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() // 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20


def known() -> dict[str, dict]:
    """The figures of every stage that has run, by the stage's name."""
    if not COST_FILE.is_file():
        return {}
    try:
        return json.loads(COST_FILE.read_text(encoding="utf-8"))
    except ValueError:  # such as a merge conflict: no reason to lose a model that was just trained
        print(f"{COST_FILE} is not valid JSON; starting a new one (the old one is in git)")
        return {}


def _record(stage: str, figures: dict) -> None:
    METRICS.mkdir(exist_ok=True)
    lock = Path(tempfile.gettempdir()) / f"cost-{os.getuid()}.lock"  # two stages may end at the same time
    with FileLock(lock):
        COST_FILE.write_text(json.dumps(known() | {stage: figures}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
