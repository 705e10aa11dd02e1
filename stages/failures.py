"""What ends a training besides the user: memory, disk and numbers that run out, told with what to do about it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from stages import checkpoints
from stages.errors import UserError
from stages.params import Params

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What torch.save and safetensors say when the disk is full; they pass no error number on.
DISK_MESSAGES = ("PytorchStreamWriter failed", "unexpected pos", "No space left", "File too large", "Disk quota")
# Neither does PyTorch's allocator on the CPU.
MEMORY_MESSAGES = ("can't allocate memory", "not enough memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def told(stage: str, settings: Params, folder: Path) -> Iterator[None]:
    """Turn running out of memory or disk into a UserError that names what to change, and what is kept."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _out_of_memory(stage, settings, folder, error) from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if getattr(error, "errno", None) in DISK_ERRORS or _says(error, DISK_MESSAGES):
            raise UserError(
                f"{stage}: the disk is full ({_first_line(error)}); make room on the disk of {checkpoints.root()} and "
                f"models/, then run again. {_kept(folder)}"
            ) from None
        if _says(error, MEMORY_MESSAGES):
            raise _out_of_memory(stage, settings, folder, error) from None
        raise


def not_a_number(stage: str, step: int, folder: Path) -> UserError:
    """The error for a loss or weights that are no longer finite."""
    return UserError(
        f"{stage}: after step {step} the loss or the weights are no longer numbers: training diverged. Lower "
        f"{stage}.learning_rate or train.max_grad_norm, raise train.warmup_share, or set train.precision to fp32. "
        f"{_kept(folder)}"
    )


def _out_of_memory(stage: str, settings: Params, folder: Path, error: Exception) -> UserError:
    seconds = settings.runtime.device_seconds
    return UserError(
        f"{stage}: out of memory ({_first_line(error)}). Lower runtime.device_seconds, now {seconds:g}, to "
        f"{seconds / 2:g}, say: batches are then made up of more parts, and what is learnt stays the same; if that is "
        f"not enough, set runtime.gradient_checkpointing to true. {_kept(folder)}"
    )


def _kept(folder: Path) -> str:
    newest = checkpoints.latest(folder)
    if newest is None:
        return "No checkpoint had been written yet."
    return f"The last good checkpoint, of step {checkpoints.step_of(newest)}, is kept in {folder}."


def _says(error: Exception, messages: tuple[str, ...]) -> bool:
    return any(message in str(error) for message in messages)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
