"""Cutting recordings with several processes of this machine or a Dask cluster; the results come in order.

joblib runs both. The results do not depend on the number of workers.
"""

import functools
import os
import site
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice

import joblib

from stages.common.errors import UserError
from stages.common.params import Preprocess, Runtime
from stages.cutting import cutting
from stages.runtime import lifeline

BATCH_ROWS = 64  # utterances handed over at once: a task costs a millisecond, a short clip hardly more
BATCHES_AHEAD = 4  # per worker: bounds the finished clips that wait for a slow recording before them
SCHEDULER_SECONDS = 10.0  # how long a Dask scheduler may take to answer


def batches(recordings: list[cutting.Recording]) -> Iterator[list[cutting.Recording]]:
    """Recordings in batches of few utterances; a long session is a batch of its own."""
    batch: list[cutting.Recording] = []
    rows = 0
    for recording in recordings:
        if batch and rows + len(recording.rows) > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(recording)
        rows += len(recording.rows)
    if batch:
        yield batch


class Pool:
    """Cuts recordings with several workers. Make it with `pool`."""

    def __init__(self, parallel: joblib.Parallel, workers: int):
        self._parallel = parallel
        self.workers = workers

    def cut(
        self, recordings: list[cutting.Recording], options: Preprocess, for_training: bool
    ) -> Iterator[list[cutting.Cut | cutting.Refusal]]:
        """The results of each recording, in the order of the recordings."""
        waiting = batches(recordings)
        while ahead := list(islice(waiting, BATCHES_AHEAD * self.workers)):
            tasks = (joblib.delayed(cutting.cut_all)(batch, options, for_training) for batch in ahead)
            for results in self._parallel(tasks):
                yield from results


@contextmanager
def pool(runtime: Runtime) -> Iterator[Pool]:
    """Workers on the cluster of runtime.dask_scheduler, or runtime.preprocess_workers processes here (0: one a core).

    Raises
    ------
    UserError
        The cluster cannot be reached or has no workers, or distributed is not installed.
    """
    with ExitStack() as stack:
        if runtime.dask_scheduler:
            workers = stack.enter_context(_cluster(runtime.dask_scheduler))
        else:
            workers = runtime.preprocess_workers or joblib.cpu_count()
            end_too = functools.partial(lifeline.end_with, os.getpid())  # loky's would wait five minutes for work
            stack.enter_context(joblib.parallel_config(backend="loky", initializer=end_too))
        parallel = joblib.Parallel(n_jobs=workers, batch_size=1, return_as="generator", pre_dispatch="all")
        yield Pool(stack.enter_context(parallel), workers)


@contextmanager
def _cluster(address: str) -> Iterator[int]:
    """Make joblib use a Dask cluster; yields the number of its threads."""
    try:
        from distributed import Client  # not at the top: an optional package
    except ImportError:
        raise UserError("runtime.dask_scheduler is set, and Dask is not installed: pip install distributed") from None
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS)
    except OSError as error:
        raise UserError(f"runtime.dask_scheduler: no Dask scheduler answers at {address} ({error})") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise UserError(f"runtime.dask_scheduler: {address} has no workers; start some: dask worker {address}")
        client.run(site.addsitedir, os.getcwd())  # where they find this project's modules, on a shared file system
        with joblib.parallel_config(backend="dask"):
            yield threads
