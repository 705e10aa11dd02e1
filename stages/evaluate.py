"""Score what the models answered: python -m stages.evaluate

Reads metrics/transcripts/; writes metrics/wer.json and wer.png, and prints the table.
With --checkpoint PATH_OR_HUB_ID it instead decodes the evaluation sets with any Whisper checkpoint or adapter and
prints the same table for it; nothing is written.
"""

import argparse
import json
import tempfile
from pathlib import Path

from stages import cost, decoding, hub, model, params, report, scoring, shards, transcripts
from stages.errors import UserError, told_plainly
from stages.scoring import Normaliser
from stages.text_table import aligned
from stages.transcripts import Transcript

WER_FILE = Path("metrics/wer.json")
WER_FIGURE = Path("metrics/wer.png")
HEADLINE_SET = "test"
HEADINGS = ("set", "model", "WER %", "light %", "CER %", "sub", "del", "ins", "words", "utt")
COST_HEADINGS = ("model", "machine", "WER %", "learn %", "train s", "clips/s", "train MB", "decode s", "decode MB")


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="a folder, or a model of the hub (id or id@revision)")
    checkpoint = parser.parse_args().checkpoint
    settings = params.load()
    normalise = scoring.normalisers(model.load_processor(model.BASE_FOLDER).tokenizer, settings.language)
    if checkpoint:
        print(table({checkpoint: score(decode(checkpoint, settings), normalise)}))
        return
    scores = {name: score(read(name), normalise) for name in model.MODELS}
    WER_FILE.parent.mkdir(exist_ok=True)
    WER_FILE.write_text(json.dumps(scores, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    rates = {name: {key: block["wer"] for key, block in by_set(figures).items()} for name, figures in scores.items()}
    report.wer_figure(rates, WER_FIGURE)
    print(table(scores))
    # Depends on the machine, so it is printed and nothing else: what this stage writes must not depend on it.
    print("\n" + cost_table(scores, cost.known()))


def read(name: str) -> list[Transcript]:
    """The transcripts of one of the pipeline's models."""
    return transcripts.read_transcripts(transcripts.TRANSCRIPTS_FOLDER / f"{name}.jsonl")


def decode(checkpoint: str, settings: params.Params) -> list[Transcript]:
    """Transcribe all evaluation sets with a local or hub checkpoint or adapter."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(checkpoint)
        if not folder.is_dir():
            folder = Path(temporary)
            name, _, revision = checkpoint.partition("@")
            commit = hub.download(name, revision or None, folder)
            print(f"{name}: commit {commit}")
        decoder = decoding.prepare(model.load_checkpoint(folder), settings)
        return [row for path in shards.evaluation_sets() for row in decoding.transcribe_split(decoder, path)]


def score(rows: list[Transcript], normalise: dict[str, Normaliser]) -> dict:
    """One model's part of wer.json: the headline set's figures at the top, each further set under its name."""
    blocks = {}
    for name in sorted({row.split for row in rows}):
        pairs = [(row.reference, row.hypothesis) for row in rows if row.split == name]
        counts = {key: scoring.count_errors(*zip(*pairs, strict=True), rule) for key, rule in normalise.items()}
        blocks[name] = counts["whisper"].figures() | {"light": counts["light"].figures()}
    figures = blocks.pop(HEADLINE_SET)
    taken = sorted(figures.keys() & blocks.keys())
    if taken:
        raise UserError(f"data/{taken[0]}: an evaluation set cannot be called {taken[0]!r}; rename the folder")
    return figures | blocks


def by_set(figures: dict) -> dict[str, dict]:
    """The figures of each evaluation set out of one model's part of wer.json, the headline set first."""
    others = {name: block for name, block in figures.items() if isinstance(block, dict) and "light" in block}
    return {HEADLINE_SET: figures} | others


def table(scores: dict[str, dict]) -> str:
    """The contents of wer.json as aligned text: one row a set and model, rates in per cent."""
    rows = [HEADINGS]
    for name in by_set(next(iter(scores.values()))):
        for label, figures in scores.items():
            block = by_set(figures)[name]
            rates = (f"{100 * rate:.2f}" for rate in (block["wer"], block["light"]["wer"], block["cer"]))
            counts = (block[key] for key in ("substitutions", "deletions", "insertions", "words", "utterances"))
            rows.append((name, label, *rates, *map(str, counts)))
    return aligned(rows, names=2)


def cost_table(scores: dict[str, dict], costs: dict[str, dict]) -> str:
    """Each model's WER on the headline set beside what it cost, as aligned text; "-": not recorded, or nothing.

    Parameters
    ----------
    scores : the contents of wer.json
    costs : of cost.json
    """
    rows = [COST_HEADINGS]
    for name, figures in scores.items():
        training, decoding_ = costs.get(f"train_{name}", {}), costs.get(f"transcribe_{name}", {})
        share = {"learn": 100 * training["trained_share"]} if "trained_share" in training else {}
        cells = (
            _figure(share, "learn", ".2f"),
            _figure(training, "training_seconds", ".0f"),
            _figure(training, "clips_per_second", ".1f"),
            _figure(training, "peak_memory_mb", ".0f"),
            _figure(decoding_, "seconds", ".0f"),
            _figure(decoding_, "peak_memory_mb", ".0f"),
        )
        machine = (training or decoding_).get("machine", "-")
        rows.append((name, machine, f"{100 * figures['wer']:.2f}", *cells))
    return aligned(rows, names=2)


def _figure(figures: dict, key: str, form: str) -> str:
    return format(figures[key], form) if key in figures else "-"


if __name__ == "__main__":
    main()
