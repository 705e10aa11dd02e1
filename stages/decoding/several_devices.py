"""Transcribe with several processes of this machine, one for each GPU.

Each decodes the batches that a single process would make, so the transcripts are the same.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
import torch

from stages.common.params import Params
from stages.decoding import splits, transcription
from stages.decoding.splits import Batch
from stages.records.transcripts import Transcript
from stages.runtime import cost, devices, worker_processes
from stages.whisper import model
from stages.whisper.quiet import quiet_transformers


def transcribe(
    checkpoint: Path, settings: Params, precision: str, processes: int, waiting: Sequence[Batch]
) -> Iterator[tuple[list[Transcript], int]]:
    """Yield the transcripts of each batch as soon as it is decoded, and the peak memory of its process, in MB.

    Parameters
    ----------
    checkpoint : the folder of the model; every process loads it
    precision : of all processes: `auto` could be another one on another GPU
    processes : how many; at most as many as there are batches are started
    """
    # A batch takes as many steps as the text of its longest clip; a long recording is many batches.
    longest_first = sorted(waiting, key=lambda batch: -batch.clips[0].duration)
    processes = min(processes, len(waiting))
    work = functools.partial(transcribe_in_process, checkpoint, settings, precision, processes)
    yield from worker_processes.results(work, processes, longest_first)


def transcribe_in_process(
    checkpoint: Path, settings: Params, precision: str, processes: int, number: int, batches: Iterator[Batch]
) -> Iterator[tuple[list[Transcript], int]]:
    """What each of the processes does: load the model on its device, and transcribe the batches that it is given.

    Parameters
    ----------
    number : of the process, from 0; on GPUs, that of its GPU
    """
    quiet_transformers()
    torch.set_num_threads(min(torch.get_num_threads(), max(1, joblib.cpu_count() // processes)))
    device = devices.choose_device(settings.runtime.device)
    if device.type == "cuda":
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    decoder = transcription.prepare(model.load_checkpoint(checkpoint), settings, device, precision)
    for transcripts in splits.transcribe_batches(decoder, batches):
        yield transcripts, cost.peak_memory_mb(device)
