"""Score what the models answered: python -m stages.evaluate

Reads metrics/transcripts/ and processed_data/; writes metrics/wer.json, slices.json and summary.md; prints the tables.
With --checkpoint PATH_OR_HUB_ID it instead decodes the evaluation sets with any Whisper checkpoint or adapter and
prints the same table for it; nothing is written.
"""

import argparse
import json
from pathlib import Path

from stages import (
    cost,
    decoding,
    model,
    params,
    score_tables,
    scoreboard,
    scoring,
    seen_texts,
    shards,
    sources,
    speaker_share,
    summary,
)
from stages.errors import told_plainly
from stages.transcripts import Transcript

SUMMARY = Path("metrics/summary.md")


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="a folder, or a model of the hub (id or id@revision)")
    checkpoint = parser.parse_args().checkpoint
    settings = params.load()
    rules = scoring.normalisers(model.load_processor(model.BASE_FOLDER).tokenizer, settings.language)
    if checkpoint:
        board = {
            checkpoint: scoreboard.answers(decode(checkpoint, settings), scoreboard.read_clips(), rules["whisper"])
        }
    else:
        board = scoreboard.read_board(rules["whisper"])
    content = scoreboard.figures(board, rules)
    print(score_tables.score_table(content))
    if not checkpoint:
        write(content, scoreboard.slices(board, trained_texts(settings)))


def trained_texts(settings: params.Params) -> set[str]:
    """The texts that the tuned models were trained on: those of the training speakers of train.data_share."""
    clips = shards.read_manifest(shards.PROCESSED / "train")
    speakers = speaker_share.choose((clip.speaker for clip in clips), settings.train.data_share, settings.seed)
    return seen_texts.distinct_texts(clip for clip in clips if clip.speaker in speakers)


def write(content: dict, slices: dict) -> None:
    """Write what is measured, and print the tables that need all three models."""
    scores = scoreboard.by_model(content)
    SUMMARY.parent.mkdir(exist_ok=True)
    for path, values in ((scoreboard.WER_FILE, content), (scoreboard.SLICES_FILE, slices)):
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    SUMMARY.write_text(summary.markdown(content, slices), encoding="utf-8")
    for table in (score_tables.paired_table(content), score_tables.age_table(slices)):
        print("\n" + table)
    for line in (score_tables.literature_line(content), *score_tables.seen_texts_lines(slices)):
        print("\n" + line)
    # Depends on the machine, so it is printed and nothing else: what this stage writes must not depend on it.
    print("\n" + score_tables.cost_table(scores, cost.known()))


def decode(checkpoint: str, settings: params.Params) -> list[Transcript]:
    """Transcribe all evaluation sets with a local or hub checkpoint or adapter."""
    decoder = decoding.prepare(sources.load_checkpoint(checkpoint), settings)
    return [
        row
        for folder in shards.evaluation_sets()
        for rows in decoding.transcribe_split(decoder, folder, shards.read_manifest(folder))
        for row in rows
    ]


if __name__ == "__main__":
    main()
