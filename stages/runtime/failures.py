"""What ends long work early: Ctrl-C, and memory or disk that run out. Each becomes an error that says what to do."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from stages.common.errors import UserError, first_lines
from stages.runtime import checkpoints

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What torch.save and safetensors say when the disk is full; they pass no error number on.
DISK_MESSAGES = ("PytorchStreamWriter failed", "unexpected pos", "No space left", "File too large", "Disk quota")
# Neither does PyTorch's allocator on the CPU.
MEMORY_MESSAGES = ("can't allocate memory", "not enough memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def explain_early_end(stage: str, more_memory: str, kept: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C, or running out of memory or disk, into a UserError that names what to change, and what is kept.

    Parameters
    ----------
    more_memory : a sentence: what to change where memory runs out
    kept : makes a sentence about what was done so far
    """
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(f"{stage}: interrupted. {kept()} Run the same command to resume.") from None
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _out_of_memory(stage, more_memory, kept, error) from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if getattr(error, "errno", None) in DISK_ERRORS or _says(error, DISK_MESSAGES):
            raise UserError(
                f"{stage}: the disk is full ({first_lines(error)}); make room on the disk of {checkpoints.root()} and "
                f"of this folder, then run again. {kept()}"
            ) from None
        if _says(error, MEMORY_MESSAGES):
            raise _out_of_memory(stage, more_memory, kept, error) from None
        raise


def _out_of_memory(stage: str, more_memory: str, kept: Callable[[], str], error: Exception) -> UserError:
    return UserError(f"{stage}: out of memory ({first_lines(error)}). {more_memory} {kept()}")


def _says(error: Exception, messages: tuple[str, ...]) -> bool:
    return any(message in str(error) for message in messages)
