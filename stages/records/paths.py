"""Where the pipeline's inputs and outputs are, relative to the repository's root."""

from pathlib import Path

from stages.records.strategies import STRATEGIES

DATA = Path("data")
PROCESSED = Path("processed_data")
EVALUATION = PROCESSED / "evaluation"  # a folder for each evaluation set
REPLAY = "replay"  # speech that the base knows, mixed into the training clips so that less is forgotten
TRAINING_SPLITS = ("train", "dev", REPLAY)  # all others are evaluation sets
UNTRANSCRIBED_FILE = PROCESSED / "untranscribed.jsonl"  # recordings of data/train without a transcript
SOUNDS_FILE = PROCESSED / "sounds.jsonl"  # hashes of the sound of all clips and of their recordings
LABELLING = Path("labelled_data")
LABELLED = LABELLING / "labelled"  # pseudo-labelled clips, in the layout of a split

BASE = "base"
TUNED = tuple(STRATEGIES)
MODELS = {name: Path("models") / name for name in (BASE, *TUNED)}
BASE_FOLDER = MODELS[BASE]

METRICS = Path("metrics")
TRANSCRIPTS = METRICS / "transcripts"  # a file for each model
CORPUS_FILE = METRICS / "corpus.json"
LABELS_FILE = METRICS / "labels.json"  # how much was labelled of what has no transcript
WER_FILE = METRICS / "wer.json"  # the headline, for dvc metrics diff
SCORES_FILE = METRICS / "scores.json"  # all figures: model -> evaluation set -> figures
SLICES_FILE = METRICS / "slices.json"  # scores by age, speaker, duration, ...
SUMMARY_FILE = METRICS / "summary.md"
COST_FILE = METRICS / "cost.json"  # written by several stages; for DVC not an output
REPORT_FILE = METRICS / "report.html"
CURVES = {name: METRICS / f"{strategy.stage}.csv" for name, strategy in STRATEGIES.items()}


def split_folder(split: str) -> Path:
    """The folder of a split's clips."""
    return (PROCESSED if split in TRAINING_SPLITS else EVALUATION) / split
