"""Finding files and reading text, tolerant of what corpora go through: encodings, Unicode forms, moved folders."""

import csv
import json
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stages.audio import LFS_POINTER, VIDEO
from stages.corpus.utterance import Reading, Refused
from stages.errors import UserError

# What is taken for a recording. libsndfile does not read VIDEO: they are to be refused by name.
RECORDING_SUFFIXES = frozenset(".wav .flac .mp3 .ogg .oga .opus .sph .aif .aiff .aifc .au .snd .caf .w64 .rf64".split())
RECORDING_SUFFIXES |= VIDEO

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

    Symbolic links are followed (DVC may link its cache), hidden files and folders are skipped.
    """

    def __init__(self, folder: Path, data: Path):
        self.folder = folder
        self.data = data
        self.paths = sorted(_walk(folder), key=lambda path: nfc(path.as_posix()))
        self.recordings = [path for path in self.paths if path.suffix.lower() in RECORDING_SUFFIXES]
        self._by_key = {key(self.shown(path)): path for path in self.paths}
        self._by_name = defaultdict(list)
        for path in self.paths:
            self._by_name[key(path.name)].append(path)
        self._by_stem = defaultdict(list)
        for path in self.recordings:
            self._by_stem[key(path.parent.as_posix()), nfc(path.stem)].append(path)

    def shown(self, path: Path) -> str:
        """The path relative to data/, the same on every machine."""
        return nfc(path.relative_to(self.data).as_posix())

    def named(self, path: Path) -> str:
        """The path inside the split without its extension: what an utterance without an id is called."""
        inside = path.relative_to(self.folder if path.is_relative_to(self.folder) else self.data)
        return nfc(inside.with_suffix("").as_posix()).replace("/", "-")

    def recordings_beside(self, path: Path) -> list[Path]:
        return self._by_stem[key(path.parent.as_posix()), nfc(path.stem)]

    def beside(self, path: Path) -> Path:
        """The recording of the same stem in the same folder.

        Raises
        ------
        Refused
            There is none, or more than one.
        """
        found = self.recordings_beside(path)
        if not found:
            raise Refused("missing-audio", f"no recording named {nfc(path.stem)} beside it")
        if len(found) > 1:
            raise Refused("ambiguous-audio", f"it fits {' and '.join(nfc(one.name) for one in found)}")
        return found[0]

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
        return path if os.path.isfile(path) else None  # unlike Path.is_file, it bears any string

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


def _common_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=_cannot_list):
        real = os.path.realpath(here)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in names if not name.startswith("."))


def _cannot_list(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be listed: {error.strerror}")


def read_text(path: Path, place: str, reading: Reading) -> str:
    """The text of a file, whatever it was saved as: NFC, no byte-order mark, newlines as \\n, no non-breaking spaces.

    `place` is the path as messages show it.

    Raises
    ------
    UserError
        The file is a Git LFS pointer or cannot be opened.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"data/{place} cannot be opened: {error.strerror}") from None
    if data.startswith(LFS_POINTER):
        raise UserError(f"data/{place} is only a Git LFS pointer; fetch the corpus itself: git lfs pull")
    text = _decode(data)
    if text is None:
        reading.warn("text that is not UTF-8, read as Windows-1252", place)
        text = data.decode("cp1252", errors="replace")
    return nfc(text).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")


def _decode(data: bytes) -> str | None:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None


def read_rows(path: Path, place: str, reading: Reading) -> Iterator[tuple[int, dict]]:
    """Rows of a .jsonl, .csv or .tsv file as (line number, {column in lower case: value}).

    A row that cannot be read is refused, and reading goes on.
    """
    text = read_text(path, place, reading)
    rows = _json_rows if path.suffix.lower() == ".jsonl" else _cell_rows
    for line, row in rows(text, path.suffix.lower(), place):
        if isinstance(row, Refused):
            reading.refuse("", place, line, row.reason, row.detail)
        else:
            yield line, {nfc(str(name)).strip().lower(): value for name, value in row.items()}


def _json_rows(text: str, suffix: str, place: str) -> Iterator[tuple[int, dict | Refused]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            yield number, Refused("broken-row", f"not JSON: {error}")
            continue
        yield number, row if isinstance(row, dict) else Refused("broken-row", "not a JSON object")


def _cell_rows(text: str, suffix: str, place: str) -> Iterator[tuple[int, dict | Refused]]:
    lines = (line + "\n" for line in text.split("\n"))
    if suffix == ".tsv":  # as Common Voice writes it: quotes are ordinary characters
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(lines)
    try:
        header = next(rows, [])
        line = rows.line_num + 1  # a quoted cell may go over several lines
        for cells in rows:
            if len(cells) > len(header):  # most often a comma in an unquoted transcript
                yield line, Refused("broken-row", f"{len(cells)} cells where the header has {len(header)}")
            elif any(cell.strip() for cell in cells):
                yield line, dict(zip(header, cells, strict=False))
            line = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"data/{place}, line {rows.line_num}: {error}") from None
