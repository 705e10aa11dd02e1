"""Which split a table, or a row of it, is of: corpora come with the tables of all splits in each."""

from pathlib import Path

from stages.corpus.rows.columns import cell, columns_named
from stages.corpus.rows.files import Files
from stages.corpus.rows.layout import SPLIT
from stages.corpus.rows.utterance import SplitContents

SPLITS = {"train": "train", "training": "train", "test": "test", "eval": "test", "evaluation": "test"}
SPLITS |= dict.fromkeys(("dev", "development", "valid", "validation", "val"), "dev")

# What Common Voice has beside train.tsv, dev.tsv and test.tsv.
ASIDE = frozenset("invalidated other reported unvalidated_sentences validated_sentences clip_durations times".split())
EVERYTHING = "validated"  # holds the rows of all splits


def tables_of_split(paths: list[Path], files: Files, reading: SplitContents) -> list[Path]:
    """The tables without those whose name says that they are another split's."""
    names = {(path.parent, path.stem.lower()) for path in paths}
    tables = []
    for path in paths:
        name = path.stem.lower()
        elsewhere = SPLITS.get(name, reading.split) != reading.split and reading.split in SPLITS.values()
        repeated = name == EVERYTHING and (path.parent, reading.split) in names
        if elsewhere or repeated or name in ASIDE:
            reading.warn("a table of another split, passed over", files.shown(path))
        else:
            tables.append(path)
    return tables


def is_of_another_split(row: dict, reading: SplitContents) -> bool:
    """Whether the row says so: some corpora have one table for all splits, and come with all of it in each."""
    if reading.split not in SPLITS.values():
        return False
    for column in columns_named(row, SPLIT):
        split = SPLITS.get(cell(row, [column]).lower())
        if split is None:
            continue
        if split == reading.split:
            return False
        reading.left_out[f"rows of the {split} split"] += 1
        return True
    return False
