"""Score what the models answered: python -m stages.evaluate

Reads metrics/transcripts/ and processed_data/; writes metrics/wer.json, slices.json, summary.md and wer.png, and prints
the tables.
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
    report,
    score_tables,
    scoreboard,
    scoring,
    shards,
    sources,
    summary,
    transcripts,
)
from stages.errors import told_plainly
from stages.transcripts import Transcript

WER_FILE = Path("metrics/wer.json")
SLICES_FILE = Path("metrics/slices.json")
SUMMARY = Path("metrics/summary.md")
WER_FIGURE = Path("metrics/wer.png")


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="a folder, or a model of the hub (id or id@revision)")
    checkpoint = parser.parse_args().checkpoint
    settings = params.load()
    rules = scoring.normalisers(model.load_processor(model.BASE_FOLDER).tokenizer, settings.language)
    clips = {folder.name: shards.read_manifest(folder) for folder in shards.evaluation_sets()}
    rows = {checkpoint: decode(checkpoint, settings)} if checkpoint else {name: read(name) for name in model.MODELS}
    board = {name: scoreboard.answers(answered, clips, rules["whisper"]) for name, answered in rows.items()}
    content = scoreboard.figures(board, rules)
    print(score_tables.score_table(content))
    if not checkpoint:
        write(content, scoreboard.slices(board))


def write(content: dict, slices: dict) -> None:
    """Write what is measured, and print the tables that need all three models."""
    scores = scoreboard.by_model(content)
    WER_FILE.parent.mkdir(exist_ok=True)
    for path, values in ((WER_FILE, content), (SLICES_FILE, slices)):
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    SUMMARY.write_text(summary.markdown(content, slices), encoding="utf-8")
    rates = {name: {key: of["wer"] for key, of in scoreboard.by_set(block).items()} for name, block in scores.items()}
    report.wer_figure(rates, WER_FIGURE)
    for table in (score_tables.paired_table(content), score_tables.age_table(slices)):
        print("\n" + table)
    print("\n" + score_tables.literature_line(content))
    # Depends on the machine, so it is printed and nothing else: what this stage writes must not depend on it.
    print("\n" + score_tables.cost_table(scores, cost.known()))


def read(name: str) -> list[Transcript]:
    """The transcripts of one of the pipeline's models."""
    return transcripts.read_transcripts(transcripts.TRANSCRIPTS_FOLDER / f"{name}.jsonl")


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
