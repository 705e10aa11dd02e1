"""Finding files also where a corpus was moved or renamed: Unicode forms, extensions in capitals, other folders."""

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from stages.corpus.rows import listing, named_folders, near_names
from stages.corpus.rows.path_ends import PathEnds
from stages.corpus.rows.utterance import Refused

# Files that come with a corpus and are no transcripts, by their name up to the first dot.
PAPERS = frozenset("readme license licence copying copyright changelog citation authors contributing".split())
PAPERS |= frozenset("checksum checksums md5sum md5sums sha1sum sha1sums sha256sum sha256sums sha512sums".split())
# What is taken for a recording. Containers of video count, for their sound.
RECORDING_SUFFIXES = frozenset(".wav .flac .mp3 .ogg .oga .opus .sph .aif .aiff .aifc .au .snd .caf .w64 .rf64".split())
VIDEO_SUFFIXES = frozenset(".m4a .mp4 .m4v .mov .mkv .avi .webm .aac .wma .3gp .amr .mpg .mpeg".split())
RECORDING_SUFFIXES |= VIDEO_SUFFIXES
LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # begins a file that git-lfs has not fetched


def nfc(text: str) -> str:
    """The text in NFC: macOS writes file names in NFD. What cannot be encoded as UTF-8 is written as an escape."""
    if text.isascii():  # most texts are, and it saves a third of the time that a large table takes
        return text
    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode()  # file names may be Latin-1


def key(path: str) -> str:
    """A path as it is compared: NFC, forward slashes, extension in lower case."""
    bare, suffix = posixpath.splitext(posixpath.normpath(nfc(path.replace("\\", "/"))))
    return bare + suffix.lower()


def is_absolute(path: str) -> bool:
    """Whether it is an absolute path of Linux, macOS or Windows."""
    path = path.strip().replace("\\", "/")
    return path.startswith("/") or path[1:3] == ":/"


class Files:
    """The files of one split, listed once.

    Symbolic links are followed inside data/ and into DVC's cache, hidden files and folders are skipped.
    """

    def __init__(self, folder: Path, data: Path):
        self.folder = folder
        self.data = data
        self.outside: list[Path] = []  # links that lead out of data/, not followed
        self.special: list[Path] = []  # named pipes and devices, not opened
        self.named_recordings: set[Path] = set()  # those that were looked for by the names that annotations give
        self.paths = sorted(
            listing.walk(folder, data, self.outside, self.special), key=lambda path: nfc(path.as_posix())
        )
        self._shown: dict[Path, str] = {}
        self._relative: dict[Path, str] = {}  # folders, to data/
        self._ends = PathEnds(lambda path: key(self.shown(path)))
        self._stem_ends = PathEnds(lambda path: posixpath.splitext(self.shown(path).lower())[0])
        self._by_suffix: dict[str, list[Path]] = defaultdict(list)
        self._by_key: dict[str, list[Path]] = defaultdict(list)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_suffix[path.suffix.lower()].append(path)
            self._by_key[key(self.shown(path))].append(path)
            self._by_name[key(path.name)].append(path)
        self.recordings = [path for path in self.paths if path.suffix.lower() in RECORDING_SUFFIXES]
        self._by_stem: dict[tuple[str, str], list[Path]] = defaultdict(list)  # folder and stem
        self._by_bare_stem: dict[str, list[Path]] = defaultdict(list)
        self.recording_folders: set[str] = set()
        self._similar = near_names.SimilarNames(self._by_bare_stem)
        self._folder_names: set[str] = set()  # that recordings are in, in lower case
        for path in self.recordings:
            stem = nfc(path.stem).lower()
            self._by_stem[self.folder_of(path), stem].append(path)
            self._by_bare_stem[stem].append(path)
            self.recording_folders.add(self.folder_of(path))
            self._folder_names.update(name.lower() for name in self.inner_folders(path))

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files with one of these extensions, given in lower case with the dot; files may have them in capitals."""
        if len(suffixes) == 1:
            return self._by_suffix.get(suffixes[0], [])
        paths: list[Path] = []
        for suffix in suffixes:
            paths += self._by_suffix.get(suffix, [])
        return sorted(paths, key=self.shown)

    def folder_of(self, path: Path) -> str:
        """The folder of a file, as it is compared."""
        return self.shown(path).rpartition("/")[0]

    def shown(self, path: Path) -> str:
        """The path relative to data/, the same on every machine."""
        if path not in self._shown:
            self._shown[path] = nfc(path.relative_to(self.data).as_posix())
        return self._shown[path]

    def named(self, path: Path) -> str:
        """The path inside the split without its extension and with - for /: the id of an utterance without one."""
        inside = self.shown(path).removeprefix(self.shown(self.folder) + "/")
        return posixpath.splitext(inside)[0].replace("/", "-")

    def recordings_beside(self, path: Path) -> list[Path]:
        """The recordings of the same stem in the same folder; of a.labels.txt a.wav, unless a.labels.wav is there."""
        folder, stem = self.folder_of(path), nfc(path.stem).lower()
        same_stem = self._by_stem.get((folder, stem)) or self._by_stem.get((folder, stem.partition(".")[0]), [])
        same_case = [recording for recording in same_stem if nfc(recording.stem) == nfc(path.stem)]
        return same_case or same_stem

    def has_beside(self, recording: Path, suffixes: Iterable[str]) -> bool:
        """Whether there is a file of a recording's stem in its folder with one of these extensions, in lower case."""
        stem = posixpath.splitext(self.shown(recording))[0]
        return any(key(stem + suffix) in self._by_key for suffix in suffixes)

    def beside(self, path: Path) -> Path:
        """The recording of the same stem in the same folder.

        Raises
        ------
        Refused
            There is none, or more than one.
        """
        recordings = self.recordings_beside(path)
        if not recordings:
            raise Refused("missing-audio", f"no recording named {nfc(path.stem)} beside it")
        return only_one(recordings, self)

    def called(self, name: str, folder: Path | None) -> list[Path]:
        """The recordings with this file name, or else with this stem, in a folder or (None) in the whole split."""
        recordings = [path for path in self._by_name.get(key(name), []) if path.suffix.lower() in RECORDING_SUFFIXES]
        return _inside(recordings or self._by_bare_stem.get(nfc(name).lower(), []), folder)

    def called_with_other_extension(self, name: str, folder: Path | None) -> list[Path]:
        """The recordings of this file name, up to its extension, in a folder or (None) in the whole split."""
        return _inside(near_names.same_stem(key(name), self._by_bare_stem, self._stem_ends, RECORDING_SUFFIXES), folder)

    def resolve(self, name: str, base: Path, *, foreign: bool) -> Path:
        """Find the recording that an annotation names.

        Relative to `base`, to the split or to data/; then by the end of the path anywhere in the split, since corpora
        are moved and repacked.

        Parameters
        ----------
        name : a path as the annotation writes it
        base : the folder of the annotation file
        foreign : allow paths of another machine, which are looked for by their end only

        Raises
        ------
        Refused
            missing-audio, ambiguous-audio, or outside-data where a path leaves data/ and `foreign` is False.
        """
        wanted = PurePosixPath(name.strip().replace("\\", "/"))
        for folder in dict.fromkeys((base, self.folder, self.data)):
            relative = ".." if is_absolute(name) else self._from_data(folder, wanted)
            if relative == ".." or relative.startswith("../"):
                if folder == base and not foreign:
                    raise Refused("outside-data", f"{name} is not inside data/; write paths relative to this file")
                continue
            path = self._inside(relative)
            if path:
                self.named_recordings.add(path)
                return path
        return self._by_end(key(str(wanted)))

    def _inside(self, relative: str) -> Path | None:
        """The file with this path relative to data/, in this split or another folder of data/; None without one.

        Raises
        ------
        Refused
            ambiguous-audio: several, such as a.wav and a.WAV, of which none is called exactly so.
        """
        paths = self._by_key.get(key(relative), [])
        exact = [path for path in paths if self.shown(path) == nfc(relative)]
        if paths:
            return only_one(exact or paths, self)
        path = self.data / relative
        # Unlike Path.is_file, os.path.isfile does not raise for strings that cannot be a path.
        return path if os.path.isfile(path) and listing.is_inside(path, self.data) else None

    def _from_data(self, folder: Path, wanted: PurePosixPath) -> str:
        """The path of what `folder` calls `wanted`, relative to data/; it may begin with .. and so lead out of it."""
        if folder not in self._relative:
            self._relative[folder] = os.path.relpath(folder, self.data)
        return os.path.normpath(os.path.join(self._relative[folder], wanted))

    def _by_end(self, wanted: str) -> Path:
        """The file of the split whose path ends like `wanted`, by as many folders as there are in common.

        Without one, the recording whose name differs in its extension or in upper and lower case only.
        """
        parts = wanted.split("/")
        paths = self._by_name.get(parts[-1], [])
        if len(paths) > 1:
            paths = self._ends.longest_common(parts, paths)
        paths = self.of_named_folder(wanted, paths)
        paths = paths or self.of_named_folder(
            wanted, near_names.same_stem(wanted, self._by_bare_stem, self._stem_ends, RECORDING_SUFFIXES)
        )
        self.named_recordings.update(paths)
        if not paths:
            similar = self._similar.find(wanted)
            question = f"; did you mean {self.shown(similar)}?" if similar else ""
            raise Refused("missing-audio", f"{wanted} is not in data/{question}")
        if len(paths) > 1:
            raise Refused(
                "ambiguous-audio",
                f"{wanted} fits {len(paths)} files; did you mean {self.shown(paths[0])} or {self.shown(paths[1])}?",
            )
        return paths[0]

    def of_named_folder(self, wanted: str, paths: list[Path]) -> list[Path]:
        """The files, or none if the only one is in another child's folder; several are refused later as ambiguous."""
        if len(paths) != 1:
            return paths
        named, own = wanted.split("/")[:-1], self.inner_folders(paths[0])
        is_possible = named_folders.may_be(named, own, nfc(self.folder.name), self._folder_names, is_absolute(wanted))
        return paths if is_possible else []

    def inner_folders(self, path: Path) -> list[str]:
        """The folders of a file inside the split."""
        return [nfc(name) for name in path.parent.relative_to(self.folder).parts]


def _inside(recordings: Sequence[Path], folder: Path | None) -> list[Path]:
    """Those of the recordings that are in a folder; all of them where it is None."""
    return [path for path in recordings if folder is None or path.parent == folder]


def only_one(recordings: Sequence[Path], files: Files) -> Path:
    """The only recording of a list that may name it more than once. Raises Refused (ambiguous-audio) for several."""
    recordings = list(dict.fromkeys(recordings))
    files.named_recordings.update(recordings)
    if len(recordings) > 1:
        names = " and ".join(files.shown(recording) for recording in recordings)
        raise Refused("ambiguous-audio", f"it fits {names}; keep one of them")
    return recordings[0]
