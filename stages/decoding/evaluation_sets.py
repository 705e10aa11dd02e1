"""Transcribe every evaluation set with one model, and resume where an interrupted run has ended."""

import contextlib
import functools
import shutil
from pathlib import Path

from stages.common import params
from stages.common.files import folder_sha256
from stages.decoding import splits, token_limits, transcription
from stages.records import paths, shards, transcripts
from stages.runtime import checkpoints, cost, devices, failures
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
        decoder = transcription.prepare(model.load_checkpoint(paths.MODELS[name]), settings)
        figures["precision"] = decoder.precision
        needs, rows = [], []
        for folder in folders:
            needs += token_limits.needs_of(folder.name, shards.read_manifest(folder), decoder)
        token_limits.warn_of_references(needs, decoder)
        for folder in folders:
            rows += transcribe_set(decoder, folder, journal)
        token_limits.warn_of_cut_transcripts(needs, rows, decoder)
        figures["clips"] = len(rows) - known  # only those that this run decoded, as its seconds
        transcripts.write_transcripts(paths.TRANSCRIPTS / f"{name}.jsonl", rows)
    shutil.rmtree(work)


def transcribe_set(
    decoder: transcription.Decoder, folder: Path, journal: transcripts.Journal
) -> list[transcripts.Transcript]:
    """Transcribe the clips of an evaluation set that are not in the journal; returns all, in the order of the clips."""
    clips = shards.read_manifest(folder)
    known = {row.id for row in journal.rows if row.split == folder.name}
    if known:
        print(f"{folder.name}: {len(known)} of {len(clips)} clips were transcribed before; transcribing the others")
    for rows in splits.transcribe_split(decoder, folder, clips, known):
        journal.append(rows)
    by_id = {row.id: row for row in journal.rows if row.split == folder.name}
    return [by_id[clip.id] for clip in clips]


def describe_progress(journal: transcripts.Journal, work: Path) -> str:
    """A sentence for an error message: what an interrupted run has transcribed, and where that is."""
    return f"{len(journal.rows)} transcripts are kept in {work}."


def memory_advice(settings: params.Params) -> str:
    """A sentence for an error message: what to change if decoding runs out of memory."""
    seconds = settings.transcribe.batch_seconds
    return f"Lower transcribe.batch_seconds, now {seconds:g}, for example to {seconds / 2:g}."
