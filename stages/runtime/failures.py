"""Errors that end long work early: Ctrl-C, running out of memory or disk, a killed process. They say what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from stages.common.errors import DISK_ERRORS, UserError, first_lines
from stages.runtime import checkpoints
from stages.runtime.worker_processes import ProcessEndedError

# Of torch.save and safetensors when the disk is full; their errors have no errno.
DISK_MESSAGES = ("PytorchStreamWriter failed", "unexpected pos", "No space left", "File too large", "Disk quota")
# Of PyTorch's allocators, which do not always raise torch.OutOfMemoryError.
MEMORY_MESSAGES = ("can't allocate memory", "not enough memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def explain_early_end(stage: str, memory_advice: str, describe_progress: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C, running out of memory or disk, or a killed process into a UserError.

    It says what to change and what was saved.

    Parameters
    ----------
    memory_advice : a sentence: what to change if memory runs out
    describe_progress : makes a sentence: what the run has saved so far, and where
    """
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(f"{stage}: interrupted. {describe_progress()} Run the same command to resume.") from None
    except (MemoryError, OSError, RuntimeError, SafetensorError) as error:
        if getattr(error, "errno", None) in DISK_ERRORS or _mentions(error, DISK_MESSAGES):
            raise UserError(
                f"{stage}: the disk is full ({first_lines(error)}); make room on the disk of {checkpoints.root()} and "
                f"of this folder, then run again. {describe_progress()}"
            ) from None
        if is_out_of_memory(error):
            raise UserError(f"{stage}: {_out_of_memory(error, memory_advice)} {describe_progress()}") from None
        raise
    except ProcessEndedError as error:
        raise UserError(f"{stage}: {error}. {describe_progress()} Run the same command to resume.") from None


@contextmanager
def explain_out_of_memory(memory_advice: str) -> Iterator[None]:
    """Turn running out of memory into a UserError, in work that saves nothing until its end.

    Parameters
    ----------
    memory_advice : as for `explain_early_end`
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise UserError(_out_of_memory(error, memory_advice)) from None
        raise


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, that of the machine or of a GPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or _mentions(error, MEMORY_MESSAGES)


def _out_of_memory(error: Exception, memory_advice: str) -> str:
    return f"out of memory ({first_lines(error)}). {memory_advice}"


def _mentions(error: Exception, messages: tuple[str, ...]) -> bool:
    return any(message in str(error) for message in messages)
