"""Score the transcripts of the models: python -m stages.evaluate

Reads metrics/transcripts/ and processed_data/; writes metrics/wer.json (the headline), scores.json and slices.json;
prints the tables. For any other checkpoint: python -m tools.score
"""

import json

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.records import error_unit, paths, seen_texts, shards, speaker_share
from stages.runtime import cost
from stages.scores import cost_tables, score_files, score_tables, scoreboard, slicing
from stages.wer import normalisers


@exit_on_user_error
def main() -> None:
    settings = params.load()
    rules = normalisers.load(paths.BASE_FOLDER, settings.language)
    results = scoreboard.read_results(rules["whisper"])
    unit = error_unit.of_language(settings.language)
    trained = shards.read_manifest(paths.split_folder("train"))
    extra = extra_clips(settings)
    unknown = shards.of_unknown_speakers([*trained, *shards.read_manifest(paths.split_folder("dev")), *extra])
    content = scoreboard.figures(results, rules, unit, unknown)
    print(score_tables.score_table(content, unit))
    write(content, slicing.slices(results, trained_texts(trained, extra, settings)), unit)


def extra_clips(settings: params.Params) -> list[shards.Clip]:
    """The clips that are mixed into the training clips: replay and pseudo-labels, each if it has a share."""
    clips = []
    if settings.train.replay_share:
        clips += shards.read_manifest(paths.split_folder(paths.REPLAY))
    if settings.pseudo_labels.share:
        clips += shards.read_manifest(paths.LABELLED)
    return clips


def trained_texts(
    clips: list[shards.Clip], extra: list[shards.Clip], settings: params.Params
) -> seen_texts.TrainedTexts:
    """The texts that the tuned models were trained on: of the training speakers of train.data_share, and extra clips.

    Parameters
    ----------
    clips : of train
    extra : see extra_clips
    """
    names = {clip.speaker for clip in clips}
    speakers = speaker_share.choose(names, settings.train.data_share, settings.seed)
    chosen = [clip for clip in clips if clip.speaker in speakers]
    return seen_texts.of_clips([*chosen, *extra], settings.language)


def write(content: dict, slices: dict, unit: error_unit.ErrorUnit) -> None:
    """Write wer.json, scores.json and slices.json, and print the tables that need all three models.

    Parameters
    ----------
    content, slices : of scores.json and slices.json
    unit : what was counted
    """
    paths.METRICS.mkdir(exist_ok=True)
    headline = scoreboard.headline(content, unit)
    files = {paths.WER_FILE: headline, paths.SCORES_FILE: content, paths.SLICES_FILE: slices}
    for path, figures in files.items():
        values = score_files.named(figures, unit)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n" + score_tables.paired_table(content, unit))
    print("\n" + score_tables.age_table(slices))
    print("\n" + score_tables.literature_line(content, unit))
    for line in score_tables.seen_texts_lines(slices, unit):
        print("\n" + line)
    # Costs depend on the machine, so they are printed but not written: this stage's outputs must not depend on them.
    print("\n" + cost_tables.cost_table(scoreboard.by_model(content), cost.known(), unit))


if __name__ == "__main__":
    main()
