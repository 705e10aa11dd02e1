"""Transcribe every evaluation set with one model, and resume where an interrupted run has ended."""

import contextlib
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from stages.common import params
from stages.common.files import folder_sha256
from stages.decoding import several_devices, splits, token_limits, transcription
from stages.records import paths, shards, transcripts
from stages.runtime import checkpoints, cost, devices, failures, launch
from stages.whisper import dtypes, model

CODE_FOLDERS = ("decoding", "whisper", "records")  # of stages/: an edit of other code changes no transcript


def transcribe_evaluation_sets(name: str, settings: params.Params) -> None:
    """Transcribe every evaluation set, write metrics/transcripts/<model>.jsonl, and record the cost.

    What an interrupted run has transcribed is in its journal and is not decoded again.

    Parameters
    ----------
    name : of the model: base, lora or selective
    """
    stage = f"transcribe_{name}"
    folders = shards.evaluation_sets()
    device = devices.choose_device(settings.runtime.device)
    processes = launch.process_count(settings.runtime)
    # `auto` differs between devices: transcripts in two precisions would be under the name of one of them.
    precision = dtypes.choose_precision(settings.transcribe.precision, device, learning=False)
    relevant = [settings.language, settings.transcribe.model_dump(), precision]
    digests = [folder_sha256(path) for path in (paths.BASE_FOLDER, paths.MODELS[name], *folders)]
    digests += checkpoints.code_digests(CODE_FOLDERS)
    work = checkpoints.run_folder(stage, relevant, digests)
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoints.exclusive_lock(work))
        figures = stack.enter_context(cost.measured(stage, device))
        journal = stack.enter_context(transcripts.Journal(work / "journal.jsonl"))
        known = len(journal.rows)
        progress = functools.partial(describe_progress, journal, work)
        stack.enter_context(failures.explain_early_end(stage, memory_advice(settings), progress))
        # With several processes, each loads the model on its own GPU; this one makes the batches and needs none.
        planned_on = device if processes == 1 else torch.device("cpu")
        decoder = transcription.prepare(model.load_checkpoint(paths.MODELS[name]), settings, planned_on, precision)
        figures |= {"precision": precision, "processes": processes}
        clips = {folder: shards.read_manifest(folder) for folder in folders}
        needs = []
        for folder in folders:
            needs += token_limits.needs_of(folder.name, clips[folder], decoder)
        token_limits.warn_of_references(needs, decoder)
        waiting = batches_left(decoder, clips, journal)
        bar = stack.enter_context(splits.progress_bar(stage, len(needs), waiting))
        results = transcribe_with_all(decoder, waiting, name, settings, figures)
        for rows in stack.enter_context(contextlib.closing(results)):
            journal.append(rows)
            bar.update(len(rows))
        bar.close()
        rows = rows_of(clips, journal)
        token_limits.warn_of_cut_transcripts(needs, rows, decoder)
        figures["clips"] = len(rows) - known  # only those that this run decoded, as its seconds
        transcripts.write_transcripts(paths.TRANSCRIPTS / f"{name}.jsonl", rows)
    shutil.rmtree(work)


def transcribe_with_all(
    decoder: transcription.Decoder,
    waiting: list[splits.Batch],
    name: str,
    settings: params.Params,
    figures: dict[str, float | str],
) -> Iterator[list[transcripts.Transcript]]:
    """Yield the transcripts of each batch as soon as it is decoded, here or by figures["processes"] processes.

    Parameters
    ----------
    decoder : used if there is one process; others load the model themselves, and decode in this one's precision
    figures : for metrics/cost.json; the peak memory of several processes is added to them
    """
    if figures["processes"] == 1:
        yield from splits.transcribe_batches(decoder, waiting)
        return
    folder, processes = paths.MODELS[name], figures["processes"]
    for rows, memory in several_devices.transcribe(folder, settings, decoder.precision, processes, waiting):
        figures["peak_memory_mb"] = max(memory, figures.get("peak_memory_mb", 0))  # of the process with the most
        yield rows


def batches_left(
    decoder: transcription.Decoder, clips: dict[Path, list[shards.Clip]], journal: transcripts.Journal
) -> list[splits.Batch]:
    """The batches of all evaluation sets that are not in the journal; prints how many clips are.

    Parameters
    ----------
    clips : of each evaluation set, by its folder
    """
    waiting = []
    for folder, of_set in clips.items():
        known = {row.id for row in journal.rows if row.split == folder.name}
        if known:
            known_share = f"{len(known)} of {len(of_set)} clips"
            print(f"{folder.name}: {known_share} were transcribed before; transcribing the others")
        waiting += splits.batches(decoder, folder, of_set, known)
    return waiting


def rows_of(clips: dict[Path, list[shards.Clip]], journal: transcripts.Journal) -> list[transcripts.Transcript]:
    """The journal's transcripts in the order of the clips of all evaluation sets, which are all in it."""
    by_clip = {(row.split, row.id): row for row in journal.rows}
    rows = []
    for folder, of_set in clips.items():
        rows += [by_clip[folder.name, clip.id] for clip in of_set]
    return rows


def describe_progress(journal: transcripts.Journal, work: Path) -> str:
    """A sentence for an error message: what an interrupted run has transcribed, and where that is."""
    return f"{len(journal.rows)} transcripts are kept in {work}."


def memory_advice(settings: params.Params) -> str:
    """A sentence for an error message: what to change if decoding runs out of memory."""
    seconds = settings.transcribe.batch_seconds
    return f"Lower transcribe.batch_seconds, now {seconds:g}, for example to {seconds / 2:g}."
