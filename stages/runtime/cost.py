"""What a stage cost on this machine: metrics/cost.json, the only output that differs between machines.

It is no output of a stage, so that a different duration never counts as a changed result; git carries it.
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

import torch
from filelock import FileLock

from stages.records.paths import COST_FILE, METRICS


@contextmanager
def measured(stage: str, device: torch.device) -> Iterator[dict[str, float | str]]:
    """Time a block and record it, with its peak memory and whatever figures the block adds to the yielded dict.

    Parameters
    ----------
    device : that the block computes on: its name and its memory are recorded
    """
    figures: dict[str, float | str] = {}
    start = time.perf_counter()
    yield figures
    figures["seconds"] = round(time.perf_counter() - start, 1)
    figures["peak_memory_mb"] = _peak_memory_mb(device)
    figures["machine"] = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    _record(stage, figures)


def _peak_memory_mb(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() // 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20


def known() -> dict[str, dict]:
    """The figures of every stage that has run, by its name."""
    if not COST_FILE.is_file():
        return {}
    try:
        return json.loads(COST_FILE.read_text(encoding="utf-8"))
    except ValueError:  # a merge conflict, say: no reason to lose what was just trained
        print(f"{COST_FILE} is not valid JSON; it is begun anew (git has the old one)")
        return {}


def _record(stage: str, figures: dict) -> None:
    METRICS.mkdir(exist_ok=True)
    lock = Path(tempfile.gettempdir()) / f"cost-{os.getuid()}.lock"  # two strategies may end at once
    with FileLock(lock):
        COST_FILE.write_text(json.dumps(known() | {stage: figures}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
