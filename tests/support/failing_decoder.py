"""Decoding that fails in the middle of a run."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stages.decoding import transcription


@contextmanager
def failing_after(batches: int, error: BaseException) -> Iterator[None]:
    """Let decoding raise an error after so many batches, as KeyboardInterrupt for Ctrl-C."""
    decode = transcription.decode_batch
    decoded = 0

    def failing(*arguments):
        nonlocal decoded
        if decoded == batches:
            raise error
        decoded += 1
        return decode(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcription, "decode_batch", failing)
        yield
