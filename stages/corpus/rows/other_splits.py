"""Rows and files that are another split's: corpora are published with all their splits together."""

import re
from collections.abc import Collection
from pathlib import Path

from stages.corpus.rows.columns import cell, columns_named
from stages.corpus.rows.files import Files, nfc
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


def is_row_of_another_split(row: dict, reading: SplitContents) -> bool:
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


def files_of_split(
    paths: Collection[Path], files: Files, reading: SplitContents, first_word: bool = True
) -> list[Path]:
    """The files without those that a folder or their own name gives to another split; each is named in a warning.

    Parameters
    ----------
    first_word : of a file's name, only the first word counts: train-00000-of-00002, test.clean-00000
    """
    own_paths = []
    for path in paths:
        others = _splits_named(path, files, first_word)
        if reading.split in SPLITS.values() and others and reading.split not in others:
            reading.warn("a file of another split, passed over", files.shown(path))
            reading.left_out[f"files of the {min(others)} split"] += 1
        else:
            own_paths.append(path)
    return own_paths


def _splits_named(path: Path, files: Files, first_word: bool) -> set[str]:
    """The splits in the names of the folders, inside this split's, and of the file."""
    words = re.findall(r"[^\W\d_]+", nfc(path.name).lower())
    names = words[:1] if first_word else words
    names += [nfc(name).lower() for name in path.parent.relative_to(files.folder).parts]
    return {SPLITS[name] for name in names if name in SPLITS}
