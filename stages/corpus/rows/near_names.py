"""Recordings that are called almost as an annotation says: without extension, with another one, or in another case."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

COMPARED = 2000  # in larger corpora, no similar names are looked for: it takes long, for every name that is missing


def same_stem(wanted: str, by_stem: Mapping[str, Sequence[Path]], suffixes: frozenset[str]) -> list[Path]:
    """The recordings whose name differs from the last part of a path in its extension or in upper and lower case.

    Of several, those whose folders have most in common with the path.

    Parameters
    ----------
    by_stem : recordings under their stem in lower case
    suffixes : extensions of recordings, in lower case with the dot
    """
    path = PurePosixPath(wanted.lower())
    recordings = by_stem.get(path.name, [])
    if not recordings and path.suffix in suffixes:
        recordings = by_stem.get(path.stem, [])
    if len(recordings) < 2:
        return list(recordings)
    in_common = [_folders_in_common(path, recording) for recording in recordings]
    largest = max(in_common)
    return [recording for recording, number in zip(recordings, in_common, strict=True) if number == largest]


def _folders_in_common(path: PurePosixPath, recording: Path) -> int:
    """The number of folders, from the last one on, that are called the same."""
    number = 0
    for ours, theirs in zip(reversed(path.parts[:-1]), reversed(recording.parts[:-1]), strict=False):
        if ours != theirs.lower():
            break
        number += 1
    return number


def similar(wanted: str, by_stem: Mapping[str, Sequence[Path]]) -> Path | None:
    """A recording with a similar name, for a message; None without one, and in large corpora."""
    if len(by_stem) > COMPARED:
        return None
    stem = PurePosixPath(wanted.lower()).stem
    stems = difflib.get_close_matches(stem, list(by_stem), n=1, cutoff=0.75)
    return by_stem[stems[0]][0] if stems else None
