"""Which clips are decoded together."""

from collections.abc import Iterator, Sequence

from stages.records.units import Seconds


def batches(durations: Sequence[Seconds], most: Seconds, padded_to: Seconds) -> Iterator[list[int]]:
    """Group clip indices by length, so that little is padded; the longest first: memory runs out at once or not at all.

    Parameters
    ----------
    durations : of the clips
    most : audio in a batch, padding included
    padded_to : what every clip is padded to at least
    """
    batch: list[int] = []
    for index in sorted(range(len(durations)), key=lambda i: (-durations[i], i)):
        if batch and max(padded_to, durations[batch[0]]) * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
