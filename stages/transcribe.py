"""Transcribe every evaluation set with one model: python -m stages.transcribe base|lora|selective

Reads processed_data/ and models/; writes metrics/transcripts/<model>.jsonl. Killed, it goes on where it was.

Or any recordings, of any length, with any checkpoint or adapter (a folder, or a model of the hub):
python -m stages.transcribe FILE... --checkpoint models/lora [--format text|srt|vtt|json] [--output FOLDER]
"""

import argparse
import contextlib
import importlib
import shutil
from pathlib import Path

from stages import checkpoints, cost, decoding, failures, lifeline, model, params, shards, transcripts
from stages.digest import folder_sha256
from stages.errors import UserError, told_plainly

FORMATS = ("text", "srt", "vtt", "json")


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="one of the pipeline's models, or recordings")
    parser.add_argument("--checkpoint", help="a folder, or a model of the hub (id or id@revision), for recordings")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of what is made of recordings")
    parser.add_argument("--output", type=Path, help="folder for it, a file a recording; else it is printed")
    arguments = parser.parse_args()
    settings = params.load()
    if arguments.checkpoint:
        # Not imported as usual: no stage depends on it, so a change there decodes no evaluation set again.
        recordings = importlib.import_module("stages.recordings")
        recordings.transcribe(
            list(map(Path, arguments.names)), arguments.checkpoint, settings, arguments.format, arguments.output
        )
    elif len(arguments.names) == 1 and arguments.names[0] in model.MODELS:
        lifeline.end_with_dvc()
        transcribe_evaluation_sets(arguments.names[0], settings)
    else:
        raise UserError(
            f"{arguments.names[0]!r} is none of the pipeline's models ({', '.join(model.MODELS)}); to transcribe "
            "recordings, say with what: --checkpoint models/lora"
        )


def transcribe_evaluation_sets(name: str, settings: params.Params) -> None:
    """Transcribe what is not transcribed yet, then write all transcripts where the pipeline expects them."""
    stage, folders = f"transcribe_{name}", shards.evaluation_sets()
    inputs = [model.BASE_FOLDER, model.MODELS[name], *folders]
    relevant = [settings.language, settings.transcribe.model_dump()]
    work = checkpoints.run_folder(stage, relevant, map(folder_sha256, inputs))
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoints.held(work))
        figures = stack.enter_context(cost.measured(stage))
        journal = stack.enter_context(transcripts.Journal(work / "journal.jsonl"))
        known = len(journal.rows)
        stack.enter_context(failures.told(stage, more_memory(settings), lambda: kept(journal, work)))
        decoder = decoding.prepare(model.load_checkpoint(model.MODELS[name]), settings)
        rows = [row for folder in folders for row in transcribed(decoder, folder, journal)]
        figures["clips"] = len(rows) - known  # those that the seconds were spent on
        transcripts.write_transcripts(transcripts.TRANSCRIPTS_FOLDER / f"{name}.jsonl", rows)
    shutil.rmtree(work)


def transcribed(decoder: decoding.Decoder, folder: Path, journal: transcripts.Journal) -> list[transcripts.Transcript]:
    """The transcripts of an evaluation set, in the order of its clips; those that the journal lacks are made."""
    clips = shards.read_manifest(folder)
    known = {row.id for row in journal.rows if row.split == folder.name}
    if known:
        print(f"{folder.name}: {len(known)} of {len(clips)} clips were transcribed before, the others follow")
    for rows in decoding.transcribe_split(decoder, folder, clips, known):
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
