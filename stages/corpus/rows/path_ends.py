"""Which of several files of one name a path means: the one whose folders have most in common with it."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path


class PathEnds:
    """Files of one name under every end of their paths, indexed once: every folder may have its audio.wav."""

    def __init__(self, written: Callable[[Path], str]):
        """Index paths as `written` writes them, with forward slashes."""
        self._written = written
        self._by_end: dict[str, dict[str, list[Path]]] = {}  # of each file name

    def longest_common(self, parts: list[str], same_name: list[Path]) -> list[Path]:
        """Those of the files that have as many of the last `parts` in common with the path as any has.

        Parameters
        ----------
        same_name : all files whose name, as `written` writes it, is the last part
        """
        name = parts[-1]
        if name not in self._by_end:
            by_end = self._by_end[name] = defaultdict(list)
            for path in same_name:
                own = self._written(path).split("/")
                for begin in range(len(own)):
                    by_end["/".join(own[begin:])].append(path)
        for begin in range(len(parts)):
            paths = self._by_end[name].get("/".join(parts[begin:]))
            if paths:
                return paths
        return []
