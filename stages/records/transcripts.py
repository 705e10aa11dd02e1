"""Transcripts of a model, a row per clip: metrics/transcripts/<model>.jsonl, kept by DVC and not by git."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.common.errors import UserError

HIGHEST_COMPRESSION = 2.4  # a text whose compression_ratio is higher repeats itself; as in openai/whisper
ASCII_CHARACTERS = 128
FIRST_CJK = 0x2E80  # code point from which on Unicode has mostly Chinese, Japanese and Korean characters


@dataclass(frozen=True)
class Transcript:
    """One clip's reference and hypothesis, both before any normalisation."""

    split: str
    id: str
    reference: str
    hypothesis: str
    log_probability: float | None  # mean over the tokens, natural; None: nothing was decoded, as nobody was heard
    compression_ratio: float  # of the hypothesis
    is_cut: bool = False  # at the limit of new tokens; only in the journal, since no score depends on it


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes a text; 0 for an empty text.

    Of Latin letters without accents, as in openai/whisper. Letters of other alphabets count as one byte, too. In UTF-8,
    they are two or three bytes that begin alike, so that any long text of Tamil or Burmese would seem to repeat itself.
    """
    data = text.encode() if text.isascii() else _letters_as_bytes(text)
    return len(data) / len(zlib.compress(data))


def _letters_as_bytes(text: str) -> bytes:
    """A byte for each character of an alphabet, and UTF-8 for Chinese, Japanese and Korean characters."""
    numbers: dict[str, int] = {}  # of the characters beside ASCII, in the order in which they first occur
    data = bytearray()
    for character in text:
        if character.isascii() or ord(character) >= FIRST_CJK:
            data += character.encode()
            continue
        number = ASCII_CHARACTERS + numbers.setdefault(character, len(numbers))
        data += bytes([number]) if number < 256 else character.encode()
    return bytes(data)


def write_transcripts(path: Path, transcripts: Iterable[Transcript]) -> None:
    """Write one JSON object a line."""
    lines = []
    for row in transcripts:
        content = asdict(row)
        del content["is_cut"]
        lines.append(_line(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")


def _line(content: dict) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True) + "\n"


class Journal:
    """A file to which transcripts are appended as they are made; after a kill, its complete rows are read again.

    Rows from the first damaged one on are cut off: a machine that loses its power may leave zeros in place of the last.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b")  # noqa: SIM115 (closed in __exit__)
        self._file.seek(0)
        *lines, _ = self._file.read().split(b"\n")  # the last one is incomplete, or empty
        self.rows: list[Transcript] = []
        size = 0
        for number, line in enumerate(lines, start=1):
            try:
                self.rows.append(Transcript(**json.loads(line)))
            except (ValueError, TypeError):
                print(f"{path} is damaged from line {number} on; what follows is decoded again")
                break
            size += len(line) + 1
        self._file.truncate(size)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def append(self, rows: Iterable[Transcript]) -> None:
        """Append rows; a kill may leave only the first of them."""
        rows = list(rows)
        self._file.write("".join(_line(asdict(row)) for row in rows).encode())
        self._file.flush()
        self.rows += rows


def read_transcripts(path: Path) -> list[Transcript]:
    """Read what `write_transcripts` wrote; UserError names the file, or its broken line."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = list(file)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make it with: dvc repro transcribe@{path.stem}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(Transcript(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}, line {number}: not a transcript ({error}); transcribe again") from None
    return rows
