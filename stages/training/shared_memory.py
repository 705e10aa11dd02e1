"""Shared memory, through which data workers hand over batches.

Docker gives a container 64 MB of it unless told, and where it is full, PyTorch waits for the next batch forever,
silently.
"""

import shutil
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Params
from stages.records.units import FRAMES_PER_SECOND
from stages.training.trainer_options import DEV_SECONDS, data_workers

PLACE = Path("/dev/shm")  # noqa: S108 (of Linux; other systems set no limit of this kind)
PREFETCH = 4  # batches a data worker has ready
MEL_BINS = 128  # the most that a Whisper has
MEGABYTE = 1e6


def check(settings: Params, processes: int = 1, mel_bins: int = MEL_BINS) -> None:
    """Refuse to train with data workers whose batches do not fit.

    Parameters
    ----------
    processes : that train on this machine, each with workers of its own

    Raises
    ------
    UserError
        Says how much there is, and what to do.
    """
    if not PLACE.is_dir():
        return
    free, needed = shutil.disk_usage(PLACE).free, bytes_needed(settings, processes, mel_bins)
    if needed > free:
        raise UserError(
            f"params.yaml: runtime.data_workers, {data_workers(settings.runtime)} on this machine, takes up to "
            f"{needed / MEGABYTE:.0f} MB of shared memory, and {PLACE} has {free / MEGABYTE:.0f} MB free; start the "
            "container with --ipc host, or set it to 0"
        )


def bytes_needed(settings: Params, processes: int, mel_bins: int) -> int:
    """By training and dev batches at once, at the most."""
    seconds = min(settings.train.batch_seconds / processes, settings.runtime.device_seconds) + DEV_SECONDS
    batch = round(seconds * FRAMES_PER_SECOND) * mel_bins * 4  # float32
    return processes * data_workers(settings.runtime) * PREFETCH * batch
