"""Transcribe every evaluation set with one model: python -m stages.transcribe base|lora|selective

Reads processed_data/evaluation/ and models/; writes metrics/transcripts/<model>.jsonl. After a kill, the next run
resumes. For other recordings: python -m tools.transcribe
"""

import argparse
import contextlib
import shutil
from pathlib import Path

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.files import folder_sha256
from stages.decoding import transcription
from stages.records import paths, shards, transcripts
from stages.runtime import checkpoints, cost, devices, failures, lifeline
from stages.whisper import model
from stages.whisper.quiet import quiet_transformers

ROOMS = ("decoding", "whisper", "records")  # of the code that decides what is transcribed, as in dvc.yaml


@exit_on_user_error
def main() -> None:
    quiet_transformers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=paths.MODELS)
    name = parser.parse_args().model
    settings = params.load()
    lifeline.end_with_dvc()
    transcribe_evaluation_sets(name, settings)


def transcribe_evaluation_sets(name: str, settings: params.Params) -> None:
    """Transcribe what is not transcribed yet, then write all transcripts where the pipeline expects them."""
    stage, folders = f"transcribe_{name}", shards.evaluation_sets()
    inputs = [paths.BASE_FOLDER, paths.MODELS[name], *folders]
    relevant = [settings.language, settings.transcribe.model_dump()]
    digests = [*map(folder_sha256, inputs), *checkpoints.code_digests(ROOMS)]
    work = checkpoints.run_folder(stage, relevant, digests)
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoints.exclusive_lock(work))
        figures = stack.enter_context(cost.measured(stage, devices.choose_device(settings.runtime.device)))
        journal = stack.enter_context(transcripts.Journal(work / "journal.jsonl"))
        known = len(journal.rows)
        stack.enter_context(failures.explain_early_end(stage, more_memory(settings), lambda: kept(journal, work)))
        decoder = transcription.prepare(model.load_checkpoint(paths.MODELS[name]), settings)
        figures["precision"] = decoder.precision
        rows = [row for folder in folders for row in transcribed(decoder, folder, journal)]
        figures["clips"] = len(rows) - known  # those that the seconds were spent on
        transcripts.write_transcripts(paths.TRANSCRIPTS / f"{name}.jsonl", rows)
    shutil.rmtree(work)


def transcribed(
    decoder: transcription.Decoder, folder: Path, journal: transcripts.Journal
) -> list[transcripts.Transcript]:
    """The transcripts of an evaluation set, in the order of its clips; those that the journal lacks are made."""
    clips = shards.read_manifest(folder)
    known = {row.id for row in journal.rows if row.split == folder.name}
    if known:
        print(f"{folder.name}: {len(known)} of {len(clips)} clips were transcribed before, the others follow")
    for rows in transcription.transcribe_split(decoder, folder, clips, known):
        journal.append(rows)
    by_id = {row.id: row for row in journal.rows if row.split == folder.name}
    return [by_id[clip.id] for clip in clips]


def kept(journal: transcripts.Journal, work: Path) -> str:
    """A sentence for whose decoding just failed."""
    return f"{len(journal.rows)} transcripts are kept in {work}."


def more_memory(settings: params.Params) -> str:
    """What to change where decoding runs out of memory, in a sentence."""
    seconds = settings.transcribe.batch_seconds
    return f"Lower transcribe.batch_seconds, now {seconds:g}, to {seconds / 2:g}, say."


if __name__ == "__main__":
    main()
