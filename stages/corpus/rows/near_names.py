"""Recordings that are called almost as an annotation says: without extension, with another one, or in another case."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from stages.corpus.rows.path_ends import PathEnds

COMPARED = 2000  # in larger corpora, no similar names are looked for: it takes long
# Extensions of recordings that are not read as they are, and so have most often been converted.
OTHER_SUFFIXES = frozenset(".raw .pcm .wv1 .wv2 .shn .ape .wv .nist .al .ul .vox .mp2 .ac3 .mka .ogv .mts .flv".split())
SEARCHES = 20  # of a split; each takes some 50 ms, and a table of a larger corpus may miss thousands of recordings


def same_stem(
    wanted: str, by_stem: Mapping[str, Sequence[Path]], stem_ends: PathEnds, suffixes: frozenset[str]
) -> list[Path]:
    """The recordings whose name differs from the last part of a path in its extension or in upper and lower case.

    Of several, those whose folders have most in common with the path.

    Parameters
    ----------
    by_stem : recordings under their stem in lower case
    stem_ends : of paths in lower case without extension
    suffixes : extensions of recordings, in lower case with the dot
    """
    path = PurePosixPath(wanted.lower())
    stem = path.name
    if stem not in by_stem and (path.suffix in suffixes or path.suffix in OTHER_SUFFIXES):
        stem = path.stem
    recordings = list(by_stem.get(stem, []))
    if len(recordings) < 2:
        return recordings
    return stem_ends.longest_common([*path.parts[:-1], stem], recordings)


class SimilarNames:
    """Finds recordings with similar names, for messages: of the first names that are asked for only."""

    def __init__(self, by_stem: Mapping[str, Sequence[Path]]):
        self._by_stem = by_stem
        self._remaining = SEARCHES

    def find(self, wanted: str) -> Path | None:
        """A recording with a similar name; None without one, after SEARCHES names, and in large corpora."""
        if self._remaining == 0 or len(self._by_stem) > COMPARED:
            return None
        self._remaining -= 1
        stem = PurePosixPath(wanted.lower()).stem
        stems = difflib.get_close_matches(stem, list(self._by_stem), n=1, cutoff=0.75)
        return self._by_stem[stems[0]][0] if stems else None
