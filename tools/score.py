"""Score any Whisper checkpoint or adapter on the evaluation sets: python -m tools.score CHECKPOINT

CHECKPOINT is a folder, or a model of the hub (id or id@revision). Prints the same table as `dvc repro` does for the
pipeline's own models; writes nothing.
"""

import argparse

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.records import error_unit, paths, shards
from stages.records.transcripts import Transcript
from tools import checkpoint_names


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=checkpoint_names.CHECKPOINT_HELP)
    parser.add_argument("--base", help=checkpoint_names.BASE_HELP)
    arguments = parser.parse_args()
    checkpoint = arguments.checkpoint
    settings = params.load()
    for name in (checkpoint, arguments.base):
        checkpoint_names.check(name)
    shards.evaluation_sets()  # raises UserError without any
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.scores import score_tables, scoreboard
    from stages.wer import normalisers
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()
    rules = normalisers.load(paths.BASE_FOLDER, settings.language)
    results = scoreboard.results_by_set(
        decode(checkpoint, settings, arguments.base), scoreboard.read_clips(), rules["whisper"]
    )
    unit = error_unit.of_language(settings.language)
    content = scoreboard.figures({checkpoint: results}, rules, unit, unknown_in_training(settings))
    print(score_tables.score_table(content, unit))


def unknown_in_training(settings: params.Params) -> int:
    """How many training utterances here have an unknown speaker; splits that were not fetched are not counted."""
    names = [name for name in paths.TRAINING_SPLITS if name != paths.REPLAY or settings.train.replay_share]
    count = 0
    for folder in map(paths.split_folder, names):
        if (folder / shards.MANIFEST).is_file():
            count += shards.of_unknown_speakers(shards.read_manifest(folder))
    return count


def decode(checkpoint: str, settings: params.Params, base: str | None = None) -> list[Transcript]:
    """Transcribe all evaluation sets with a checkpoint or adapter: a folder, or a model of the hub."""
    from stages.decoding import evaluation_sets, splits, token_limits, transcription
    from stages.runtime import failures
    from tools import sources

    decoder = transcription.prepare(sources.load_checkpoint(checkpoint, base), settings)
    transcripts = []
    for folder in shards.evaluation_sets():
        clips = shards.read_manifest(folder)
        needs = token_limits.needs_of(folder.name, clips, decoder)
        token_limits.warn_of_references(needs, decoder)
        by_id = {}
        with failures.explain_out_of_memory(evaluation_sets.memory_advice(settings)):
            for rows in splits.transcribe_split(decoder, folder, clips):
                by_id |= {row.id: row for row in rows}
        rows = [by_id[clip.id] for clip in clips]
        token_limits.warn_of_cut_transcripts(needs, rows, decoder)
        transcripts += rows
    return transcripts


if __name__ == "__main__":
    main()
