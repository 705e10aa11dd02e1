"""Which clips are decoded together."""

from collections.abc import Iterator, Sequence

from stages.records.units import Seconds


def batches(durations: Sequence[Seconds], batch_seconds: Seconds, padded_to: Seconds) -> Iterator[list[int]]:
    """Group clips of similar length, so that little is padded.

    Parameters
    ----------
    durations : of the clips
    batch_seconds : audio in a batch at most, padding included; a longer clip is a batch of its own
    padded_to : every clip is padded to this length at least

    Yields
    ------
    The indices of the clips of a batch; the longest clips first, so that memory runs out early or never.
    """
    batch: list[int] = []
    for index in sorted(range(len(durations)), key=lambda i: (-durations[i], i)):
        if batch and max(padded_to, durations[batch[0]]) * (len(batch) + 1) > batch_seconds:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
