"""Finding files, tolerant of what corpora go through: Unicode forms, extensions in capitals, moved folders."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from stages import video
from stages.corpus.utterance import Refused
from stages.errors import UserError

# What is taken for a recording. Containers of video count, for their sound.
RECORDING_SUFFIXES = frozenset(".wav .flac .mp3 .ogg .oga .opus .sph .aif .aiff .aifc .au .snd .caf .w64 .rf64".split())
RECORDING_SUFFIXES |= video.SUFFIXES

# Files that come with a corpus and are no transcripts.
PAPERS = frozenset("readme license licence copying copyright changelog citation".split())


def nfc(text: str) -> str:
    """One Unicode form for what macOS (NFD) and everybody else (NFC) may write differently; always encodable."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode()  # file names may be Latin-1


def key(path: str | PurePosixPath) -> str:
    """A path as it is compared: NFC, forward slashes, extension in lower case."""
    pure = PurePosixPath(nfc(str(path).replace("\\", "/")))
    return str(pure.with_suffix(pure.suffix.lower())) if pure.suffix else str(pure)


class Files:
    """The files of one split, found once.

    Symbolic links are followed inside data/ and into DVC's cache, hidden files and folders are skipped.
    """

    def __init__(self, folder: Path, data: Path):
        self.folder = folder
        self.data = data
        self.outside: list[Path] = []  # links that lead out of data/, not followed
        self.paths = sorted(_walk(folder, data, self.outside), key=lambda path: nfc(path.as_posix()))
        self.recordings = [path for path in self.paths if path.suffix.lower() in RECORDING_SUFFIXES]
        self._shown: dict[Path, str] = {}
        self._by_key = {key(self.shown(path)): path for path in self.paths}
        self._by_name = defaultdict(list)
        for path in self.paths:
            self._by_name[key(path.name)].append(path)
        self._by_stem = defaultdict(list)
        self._by_bare_stem = defaultdict(list)
        for path in self.recordings:
            self._by_stem[key(path.parent.as_posix()), nfc(path.stem).lower()].append(path)
            self._by_bare_stem[nfc(path.stem).lower()].append(path)

    def shown(self, path: Path) -> str:
        """The path relative to data/, the same on every machine."""
        if path not in self._shown:
            self._shown[path] = nfc(path.relative_to(self.data).as_posix())
        return self._shown[path]

    def named(self, path: Path) -> str:
        """The path inside the split without its extension: what an utterance without an id is called."""
        inside = path.relative_to(self.folder if path.is_relative_to(self.folder) else self.data)
        return nfc(inside.with_suffix("").as_posix()).replace("/", "-")

    def recordings_beside(self, path: Path) -> list[Path]:
        """The recordings of the same stem in the same folder; of a.labels.txt also a.wav, if there is no a.labels.wav."""
        folder, stem = key(path.parent.as_posix()), nfc(path.stem).lower()
        found = self._by_stem.get((folder, stem)) or self._by_stem.get((folder, stem.partition(".")[0]), [])
        return [one for one in found if nfc(one.stem) == nfc(path.stem)] or found

    def beside(self, path: Path) -> Path:
        """The recording of the same stem in the same folder.

        Raises
        ------
        Refused
            There is none, or more than one.
        """
        return _only(self.recordings_beside(path), f"no recording named {nfc(path.stem)} beside it")

    def recording_of(self, path: Path, media: Iterable[str], own_stem: bool = True) -> Path:
        """The recording that the annotation file `path` is about, if it calls it one of `media`.

        Looked for by these names (with or without an extension, of any machine's folders) beside the file, then by the
        file's own stem unless `own_stem` is False, then by these names anywhere in the split.

        Raises
        ------
        Refused
            missing-audio or ambiguous-audio
        """
        names = [PurePosixPath(name.strip().replace("\\", "/")).name for name in media]
        for name in names:
            if found := self._called(name, path.parent):
                return _only(found, "")
        if own_stem and (found := self.recordings_beside(path)):
            return _only(found, "")
        for name in names:
            if found := self._called(name, None):
                return _only(found, "")
        wanted = " or ".join(dict.fromkeys([*names, *([f"{nfc(path.stem)}.*"] if own_stem else [])]))
        raise Refused("missing-audio", f"no recording {wanted} in data/")

    def _called(self, name: str, folder: Path | None) -> list[Path]:
        """The recordings with this file name, or else with this stem, in a folder or (None) in the whole split."""
        named = [path for path in self._by_name.get(key(name), []) if path.suffix.lower() in RECORDING_SUFFIXES]
        found = named or self._by_bare_stem.get(nfc(name).lower(), [])
        return [path for path in found if folder is None or path.parent == folder]

    def resolve(self, name: str, base: Path, *, foreign: bool) -> Path:
        """Find the recording that an annotation in folder `base` names.

        Relative to `base`, to the split or to data/; then by the end of the path anywhere in the split, since corpora
        are moved and repacked. `foreign` allows paths of another machine, which are looked for by their end only.

        Raises
        ------
        Refused
            missing-audio, ambiguous-audio, or outside-data where a path leaves data/ and `foreign` is False.
        """
        wanted = PurePosixPath(name.strip().replace("\\", "/"))
        absolute = wanted.is_absolute() or str(wanted)[1:3] == ":/"
        for folder in (base, self.folder, self.data):
            relative = ".." if absolute else os.path.relpath(folder / wanted, self.data)
            if relative == ".." or relative.startswith("../"):
                if folder == base and not foreign:
                    raise Refused("outside-data", f"{name} is not inside data/; write paths relative to this file")
            elif found := self._inside(relative):
                return found
        return self._by_end(key(wanted))

    def _inside(self, relative: str) -> Path | None:
        if found := self._by_key.get(key(relative)):
            return found
        path = self.data / relative  # in another folder of data/
        # Unlike Path.is_file, os.path.isfile bears any string.
        return path if os.path.isfile(path) and is_inside(path, self.data) else None

    def _by_end(self, wanted: str) -> Path:
        parts = PurePosixPath(wanted).parts
        found = self._by_name[key(parts[-1])] if parts else []
        agreeing = [_common_end(PurePosixPath(key(self.shown(path))).parts, parts) for path in found]
        longest = max(agreeing, default=0)
        best = [path for path, length in zip(found, agreeing, strict=True) if length == longest]
        if not best:
            raise Refused("missing-audio", f"{wanted} is not in data/")
        if len(best) > 1:
            raise Refused(
                "ambiguous-audio", f"{wanted} fits {len(best)} files, {' and '.join(map(self.shown, best[:2]))}"
            )
        return best[0]


def _only(found: list[Path], missing: str) -> Path:
    if not found:
        raise Refused("missing-audio", missing)
    if len(found) > 1:
        raise Refused("ambiguous-audio", f"it fits {' and '.join(nfc(one.name) for one in found)}")
    return found[0]


def _common_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length


# What DVC links to, in whatever folder its cache is: files/md5/<2>/<30 hexadecimal digits>.
DVC_CACHE = re.compile(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


def is_inside(path: str | Path, data: Path) -> bool:
    """Whether a path, with its symbolic links followed, is in data/ or in DVC's cache."""
    real = os.path.realpath(path)
    return real.startswith(os.path.realpath(data) + os.sep) or bool(DVC_CACHE.fullmatch(Path(real).as_posix()))


def _walk(folder: Path, data: Path, outside: list[Path]) -> Iterator[Path]:
    """All files but hidden ones; links that lead out of data/ are not followed, and added to `outside`."""
    seen = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=_cannot_list):
        real = os.path.realpath(here)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        shown = [Path(here, name) for name in (*sorted(folders), *names) if not name.startswith(".")]
        leaving = {path.name for path in shown if path.is_symlink() and not is_inside(path, data)}
        outside += [path for path in shown if path.name in leaving]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in leaving)
        yield from (Path(here, name) for name in names if not name.startswith(".") and name not in leaving)


def _cannot_list(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be listed: {error.strerror}")
