"""Finding files, tolerant of what corpora go through: Unicode forms, extensions in capitals, moved folders."""

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from stages.common.errors import UserError
from stages.corpus.rows.utterance import Refused

# What is taken for a recording. Containers of video count, for their sound.
RECORDING_SUFFIXES = frozenset(".wav .flac .mp3 .ogg .oga .opus .sph .aif .aiff .aifc .au .snd .caf .w64 .rf64".split())
VIDEO_SUFFIXES = frozenset(".m4a .mp4 .m4v .mov .mkv .avi .webm .aac .wma .3gp .amr .mpg .mpeg".split())
RECORDING_SUFFIXES |= VIDEO_SUFFIXES
LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # begins a file that git-lfs has not fetched

# Files that come with a corpus and are no transcripts.
PAPERS = frozenset("readme license licence copying copyright changelog citation".split())


def nfc(text: str) -> str:
    """One Unicode form for what macOS (NFD) and everybody else (NFC) may write differently; always encodable."""
    if text.isascii():  # most are, and it saves a third of the time that a large table takes
        return text
    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode()  # file names may be Latin-1


def key(path: str) -> str:
    """A path as it is compared: NFC, forward slashes, extension in lower case."""
    bare, suffix = posixpath.splitext(posixpath.normpath(nfc(path.replace("\\", "/"))))
    return bare + suffix.lower()


class Files:
    """The files of one split, found once.

    Symbolic links are followed inside data/ and into DVC's cache, hidden files and folders are skipped.
    """

    def __init__(self, folder: Path, data: Path):
        self.folder = folder
        self.data = data
        self.outside: list[Path] = []  # links that lead out of data/, not followed
        self.paths = sorted(_walk(folder, data, self.outside), key=lambda path: nfc(path.as_posix()))
        self._shown: dict[Path, str] = {}
        self._relative: dict[Path, str] = {}  # folders, to data/
        self._by_ending: dict[str, dict[str, list[Path]]] = {}  # of a file name that stands in several folders
        self._by_suffix = defaultdict(list)
        self._by_key, self._by_name = {}, defaultdict(list)
        for path in self.paths:
            self._by_suffix[path.suffix.lower()].append(path)
            self._by_key[key(self.shown(path))] = path
            self._by_name[key(path.name)].append(path)
        self.recordings = self.with_suffix(*RECORDING_SUFFIXES)
        self._by_stem, self._by_bare_stem = defaultdict(list), defaultdict(list)
        for path in self.recordings:
            stem = nfc(path.stem).lower()
            self._by_stem[self._folder(path), stem].append(path)
            self._by_bare_stem[stem].append(path)

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files with one of these extensions, whatever its case, in order."""
        if len(suffixes) == 1:
            return self._by_suffix.get(suffixes[0], [])
        return sorted((path for suffix in suffixes for path in self._by_suffix.get(suffix, [])), key=self.shown)

    def _folder(self, path: Path) -> str:
        """The folder of a file, as it is compared."""
        return self.shown(path).rpartition("/")[0]

    def shown(self, path: Path) -> str:
        """The path relative to data/, the same on every machine."""
        if path not in self._shown:
            self._shown[path] = nfc(path.relative_to(self.data).as_posix())
        return self._shown[path]

    def named(self, path: Path) -> str:
        """The path inside the split without its extension: what an utterance without an id is called."""
        inside = self.shown(path).removeprefix(self.shown(self.folder) + "/")
        return posixpath.splitext(inside)[0].replace("/", "-")

    def recordings_beside(self, path: Path) -> list[Path]:
        """The recordings of the same stem in the same folder; of a.labels.txt a.wav, unless a.labels.wav is there."""
        folder, stem = self._folder(path), nfc(path.stem).lower()
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
        for folder in dict.fromkeys((base, self.folder, self.data)):
            relative = ".." if absolute else self._from_data(folder, wanted)
            if relative == ".." or relative.startswith("../"):
                if folder == base and not foreign:
                    raise Refused("outside-data", f"{name} is not inside data/; write paths relative to this file")
            elif found := self._inside(relative):
                return found
        return self._by_end(key(str(wanted)))

    def _inside(self, relative: str) -> Path | None:
        if found := self._by_key.get(key(relative)):
            return found
        path = self.data / relative  # in another folder of data/
        # Unlike Path.is_file, os.path.isfile bears any string.
        return path if os.path.isfile(path) and is_inside(path, self.data) else None

    def _from_data(self, folder: Path, wanted: PurePosixPath) -> str:
        """The path of what `folder` calls `wanted`, relative to data/; it may begin with .. and so lead out of it."""
        if folder not in self._relative:
            self._relative[folder] = os.path.relpath(folder, self.data)
        return os.path.normpath(os.path.join(self._relative[folder], wanted))

    def _by_end(self, wanted: str) -> Path:
        parts = wanted.split("/")
        found = self._by_name.get(parts[-1], [])
        if len(found) > 1:
            endings = self._endings(parts[-1], found)
            tails = ("/".join(parts[place:]) for place in range(len(parts)))
            found = next((endings[tail] for tail in tails if tail in endings), [])
        if not found:
            raise Refused("missing-audio", f"{wanted} is not in data/")
        if len(found) > 1:
            raise Refused(
                "ambiguous-audio", f"{wanted} fits {len(found)} files, {' and '.join(map(self.shown, found[:2]))}"
            )
        return found[0]

    def _endings(self, name: str, found: list[Path]) -> dict[str, list[Path]]:
        """The files of one name under every end of their paths, made once: every folder may have its audio.wav."""
        if name not in self._by_ending:
            endings = self._by_ending[name] = defaultdict(list)
            for path in found:
                parts = key(self.shown(path)).split("/")
                for place in range(len(parts)):
                    endings["/".join(parts[place:])].append(path)
        return self._by_ending[name]


def _only(found: list[Path], missing: str) -> Path:
    if not found:
        raise Refused("missing-audio", missing)
    if len(found) > 1:
        raise Refused("ambiguous-audio", f"it fits {' and '.join(nfc(one.name) for one in found)}")
    return found[0]


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
