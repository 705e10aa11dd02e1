"""Clips in tar shards and a manifest: what preprocess writes and every later stage reads.

A split is a folder: processed_data/train, processed_data/dev, and each evaluation set in processed_data/evaluation/. In
it, shard-00000.tar holds <id>.flac and <id>.json for each clip, in the WebDataset layout; manifest.jsonl has a row a
clip, which says where in the shards its audio is. The same clips give the same bytes on every run.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import soundfile

from stages.common.errors import UserError
from stages.records.paths import EVALUATION
from stages.records.units import SAMPLE_RATE, Seconds

MANIFEST = "manifest.jsonl"
DURATION_DECIMALS = 4  # a sample lasts 0.0000625 s
MEGABYTE = 1_000_000  # bytes
UNKNOWN_SPEAKER = "unknown-speaker"  # the flag of a clip whose speaker the corpus does not name


@dataclass(frozen=True)
class Clip:
    """One utterance, ready for training or scoring: a row of manifest.jsonl."""

    id: str  # without dots and slashes; unique in its split
    text: str  # cleaned transcript: what is trained on and scored against
    text_raw: str  # as in the corpus
    speaker: str  # with the flag unknown-speaker: what the recording is called
    age: str | None  # as the corpus writes it
    age_months: int | None
    gender: str | None
    format: str  # of the annotation
    source: str  # the recording, relative to data/
    source_rate: int  # Hz
    start: Seconds | None  # as annotated; None: the whole file
    end: Seconds | None
    flags: list  # overlap, clipped, narrowband (8 kHz), split, merged, ...
    duration: Seconds  # of the clip, from decoded samples
    shard: str  # the FLAC bytes are in this file, in the split's folder
    offset: int  # bytes
    size: int  # bytes

    @property
    def speaker_known(self) -> bool:
        return UNKNOWN_SPEAKER not in self.flags


def of_unknown_speakers(clips: Iterable[Clip]) -> int:
    """How many of the clips have a speaker whom the corpus does not name."""
    return sum(not clip.speaker_known for clip in clips)


class ShardWriter:
    """Writes the shards of one split, one clip after the other. The manifest is written later, by `write_manifest`."""

    def __init__(self, folder: Path, megabytes: int):
        folder.mkdir(parents=True)
        self.folder = folder
        self.limit = megabytes * MEGABYTE
        self.shards = 0
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_) -> None:
        if self._tar:
            self._tar.close()

    def write(self, flac: bytes, **row) -> Clip:
        """Append a clip, encoded by `encode`; `row` holds Clip's fields up to `duration`."""
        description = _json(row).encode()
        tar = self._open_for(len(flac) + len(description))
        offset = _append(tar, f"{row['id']}.flac", flac)
        _append(tar, f"{row['id']}.json", description)
        return Clip(**row, shard=Path(tar.name).name, offset=offset, size=len(flac))

    def _open_for(self, size: int) -> tarfile.TarFile:
        if self._tar and self._tar.offset + size > self.limit:
            self._tar.close()
            self._tar = None
        if self._tar is None:
            name = self.folder / f"shard-{self.shards:05d}.tar"
            self._tar = tarfile.open(name, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed in __exit__)
            self.shards += 1
        return self._tar


def _append(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Append a file to the shard; returns the offset of its content."""
    info = tarfile.TarInfo(name)  # time, owner and group are 0 and the mode is 0644 unless set
    info.size = len(content)
    offset = tar.offset + tarfile.BLOCKSIZE  # an USTAR header is one block
    tar.addfile(info, io.BytesIO(content))
    # tarfile keeps a list of all members that it wrote, which would grow with the corpus.
    tar.members.clear()
    return offset


def encode(samples: np.ndarray) -> bytes:
    """A FLAC file of int16 samples, shape (samples,), 16 kHz."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def duration_of(samples: np.ndarray) -> Seconds:
    return round(len(samples) / SAMPLE_RATE, DURATION_DECIMALS)


def _json(row: dict) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False)


def write_lines(path: Path, rows: Iterable[dict]) -> None:
    """Write a JSON Lines file atomically."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(_json(row) + "\n" for row in rows)
    os.replace(partial, path)


def write_manifest(folder: Path, clips: Iterable[Clip]) -> None:
    write_lines(folder / MANIFEST, map(vars, clips))


def evaluation_sets(parent: Path = EVALUATION) -> list[Path]:
    """The folders of all evaluation sets, sorted.

    Raises
    ------
    UserError
        There is no evaluation set.
    """
    folders = sorted(path.parent for path in parent.glob(f"*/{MANIFEST}"))
    if not folders:
        raise UserError(f"{parent} holds no evaluation set; make it with dvc repro preprocess, or dvc pull")
    return folders


def read_manifest(folder: Path) -> list[Clip]:
    """The clips of a split, in the order of the shards.

    Raises
    ------
    UserError
        The manifest is missing, or one of its lines is broken: names file and line.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make it with dvc repro preprocess, or fetch it with dvc pull") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is damaged ({error.reason} at byte {error.start}); run dvc repro --force preprocess"
        ) from None
    return [_clip(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line]


def _clip(line: str, place: str) -> Clip:
    """Parse a line of a manifest; `place` is its file and line number, for error messages."""
    try:
        clip = Clip(**json.loads(line))
    except (ValueError, TypeError) as error:
        problem = str(error).replace("Clip.__init__() ", "")
        raise UserError(f"{place} is not a clip: {problem}; run dvc repro --force preprocess") from None
    for field in fields(Clip):
        if not isinstance(getattr(clip, field.name), field.type):
            raise UserError(f"{place}: {field.name} is {getattr(clip, field.name)!r}; run dvc repro --force preprocess")
    return clip


def read_audio(folder: Path, clip: Clip) -> np.ndarray:
    """One clip of a split, read from its place in the shard.

    Returns
    -------
    np.ndarray, shape = (samples,)
        float32 in [-1, 1], 16 kHz

    Raises
    ------
    UserError
        The shard is missing or damaged: names shard and clip.
    """
    path = folder / clip.shard
    damaged = f"{path} is damaged at clip {clip.id}; restore it: dvc checkout --force, or dvc repro --force preprocess"
    try:
        with open(path, "rb") as file:
            file.seek(clip.offset)
            content = file.read(clip.size)
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    except OSError as error:
        raise UserError(f"{path}, which holds clip {clip.id}, cannot be opened: {error.strerror}") from None
    except soundfile.LibsndfileError:
        raise UserError(damaged) from None
    if rate != SAMPLE_RATE or samples.ndim != 1 or round(len(samples) / rate, DURATION_DECIMALS) != clip.duration:
        raise UserError(damaged)
    return samples
