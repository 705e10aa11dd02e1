"""A check of the shared memory, through which data workers pass batches to the training process.

Docker gives a container only 64 MB of it by default. When it is full, PyTorch waits for the next batch forever, without
a message.
"""

import shutil
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Params
from stages.records.units import FRAMES_PER_SECOND
from stages.training.trainer_options import DEV_SECONDS, data_workers

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (Linux only; other systems have no such limit)
PREFETCH = 4  # batches that each data worker keeps ready
MEL_BINS = 128  # of the published models, the largest number
MEGABYTE = 1e6


def check(settings: Params, processes: int = 1, mel_bins: int = MEL_BINS) -> None:
    """Raise UserError if the data workers' batches do not fit into the shared memory.

    Parameters
    ----------
    processes : that train on this machine, each with data workers of its own
    """
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    needed = bytes_needed(settings, processes, mel_bins)
    if needed > free:
        raise UserError(
            f"params.yaml: runtime.data_workers, {data_workers(settings.runtime)} on this machine, takes up to "
            f"{needed / MEGABYTE:.0f} MB of shared memory, and {SHARED_MEMORY} has {free / MEGABYTE:.0f} MB free; "
            "start the container with --ipc host, or set runtime.data_workers to 0"
        )


def bytes_needed(settings: Params, processes: int, mel_bins: int) -> int:
    """Shared memory for training and dev batches together, at most."""
    seconds = min(settings.train.batch_seconds / processes, settings.runtime.device_seconds) + DEV_SECONDS
    batch = round(seconds * FRAMES_PER_SECOND) * mel_bins * 4  # float32
    return processes * data_workers(settings.runtime) * PREFETCH * batch
