"""Whether a recording is all there, from its header and its last bytes.

libsndfile decodes what an interrupted copy has left of a file, and reports nothing: the clip is shorter than its
transcript. Most formats say in their header how long they are; Ogg marks its last page instead, though
not every encoder does.

A recorder that was killed, or wrote to a pipe, leaves a WAV whose header does not know its size. That one is whole.
"""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

from stages.cutting import sources
from stages.records.units import Seconds

LOST: Seconds = 0.1  # a header that counts its own bytes, or an MP3's padding, is off by less
MAX_CHUNKS = 1000  # of a WAV or AIFF before its samples
OGG_HEADER = 27  # bytes of a page, before the sizes of its segments
LARGEST_PAGE = OGG_HEADER + 255 + 255 * 255  # bytes
END_OF_STREAM = 4  # a flag of an Ogg page
HEAD = 4096  # bytes that hold the header of FLAC, MP3 or NIST
BLOCK = 4096  # frames
# Sizes in bytes of samples that nobody has counted, as arecord, SoX and FFmpeg write them to a pipe.
UNCOUNTED = (
    range(0x7EFFFF00, 0x7F000100),  # SoX, AIFF
    range(0x7FFFF000, 0x80001000),
    range(0xFFFFF000, 0x100000000),
)


@dataclass(frozen=True)
class SampleChunk:
    """The part of a WAV or AIFF file that holds the samples."""

    offset: int  # of its first byte in the file
    stated: int  # bytes that its header says
    present: int  # bytes that are in the file from there on
    before_chunks: bool  # what follows on the header of the samples are other chunks of the file, and so no samples

    @property
    def is_uncounted(self) -> bool:
        """Whether the size in the header is a placeholder."""
        if self.stated == 0:
            return self.present > 0 and not self.before_chunks
        return any(self.stated in sizes for sizes in UNCOUNTED) and self.stated > self.present


def why_truncated(source: Path | bytes, seconds: Seconds) -> str:
    """How a recording of which `seconds` are decoded is known to be cut short, as a sentence; "" where it is not."""
    with sources.opened(source) as file:
        head = _head(file)
        if head[:4] == b"OggS":
            is_cut = _ogg_end(file) == "cut"
            return f"it ends after {seconds:.3f} s within a page; copy it again" if is_cut else ""
        stated = _stated_seconds(head, seconds, file)
    if stated is None or stated - seconds <= LOST:
        return ""
    return f"its header promises {stated:.3f} s, and {seconds:.3f} s can be read; copy it again"


def flags(source: Path | bytes) -> tuple[str, ...]:
    """What is worth knowing about the end of a recording that is not known to be cut short.

    unfinished-header: a WAV file that does not know its length and holds samples; no-end-of-stream: an Ogg file whose
    last page is whole and not marked as the last.
    """
    with sources.opened(source) as file:
        if file.read(4) == b"OggS":
            return ("no-end-of-stream",) if _ogg_end(file) == "unmarked" else ()
        chunk = _sample_chunk(file)
    return ("unfinished-header",) if chunk is not None and chunk.is_uncounted else ()


@contextmanager
def finished(source: Path | bytes) -> Iterator[Path | bytes | BinaryIO]:
    """The file as libsndfile is to open it: where the size of its samples is given as 0, with the real one."""
    with sources.opened(source) as file:
        chunk = _sample_chunk(file)
    if chunk is None or chunk.stated or not chunk.is_uncounted:
        yield sources.openable(source) if isinstance(source, Path) else io.BytesIO(source)
        return
    place, size = chunk.offset - 4, min(chunk.present, 0xFFFFFFFF)
    if isinstance(source, Path):
        with _WithSize(source, place, size) as file:
            yield file
    else:
        yield io.BytesIO(source[:place] + size.to_bytes(4, "little") + source[place + 4 :])


def readable_seconds(source: Path | bytes) -> Seconds:
    """How much of a recording can be decoded before the first error."""
    seconds = 0.0
    try:
        with sources.opened(source) as content, soundfile.SoundFile(content) as file:
            while length := len(file.read(BLOCK)):
                seconds += length / file.samplerate
    except soundfile.LibsndfileError:
        pass  # the caller reports it
    return seconds


class _WithSize(io.FileIO):
    """A file with four bytes replaced by a size."""

    def __init__(self, path: Path, place: int, size: int):
        super().__init__(path)
        self._place = place
        self._size = size.to_bytes(4, "little")

    def readinto(self, buffer) -> int:
        start = self.tell()
        count = super().readinto(buffer)
        for index, value in enumerate(self._size, start=self._place - start):
            if 0 <= index < count:
                memoryview(buffer).cast("B")[index] = value
        return count

    def read(self, size: int = -1) -> bytes:
        buffer = bytearray(size if size >= 0 else os.fstat(self.fileno()).st_size - self.tell())
        return bytes(buffer[: self.readinto(buffer)])


def _head(file: BinaryIO) -> bytes:
    """The first bytes of a file after an ID3 tag, which may hold a picture."""
    head = file.read(HEAD)
    if head[:3] == b"ID3" and len(head) >= 10:
        size = 0
        for byte in head[6:10]:  # seven bits each
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
        head = file.read(HEAD)
    return head


def _stated_seconds(head: bytes, seconds: Seconds, file: BinaryIO) -> Seconds | None:
    """How long a recording is by its header; None where that does not say.

    Parameters
    ----------
    head : as _head returns it
    seconds : how much of it is decoded
    """
    if head[:4] == b"fLaC" and len(head) >= 26:
        fields = int.from_bytes(head[18:26], "big")  # rate (20 bits), channels (3), sample size (5), samples (36)
        rate, samples = fields >> 44, fields & 0xFFFFFFFFF
        return samples / rate if rate and samples else None
    if head[:7] == b"NIST_1A":
        return _stated_by_nist(head)
    if head[:1] == b"\xff" and _counts_mp3_frames(head):
        file.seek(0)
        header = soundfile.info(file)
        return header.frames / header.samplerate
    chunk = _sample_chunk(file)
    if chunk is None or chunk.is_uncounted or not chunk.present:
        return None
    return seconds * max(1.0, chunk.stated / chunk.present)


def _stated_by_nist(head: bytes) -> Seconds | None:
    fields = {}
    for line in head.split(b"end_head")[0].split(b"\n"):
        name, _, value = line.partition(b" -i ")
        if value.strip().isdigit():
            fields[name.strip()] = int(value)
    rate = fields.get(b"sample_rate")
    return fields[b"sample_count"] / rate if rate and b"sample_count" in fields else None


def _counts_mp3_frames(head: bytes) -> bool:
    """Whether the first frame of an MP3 is a Xing or Info header with the number of frames."""
    for name in (b"Xing", b"Info"):
        place = head.find(name, 0, 64)
        if place >= 0:
            return bool(head[place + 7 : place + 8] and head[place + 7] & 1)
    return False


def _ogg_end(file: BinaryIO) -> str:
    """How an Ogg file ends: "marked", "unmarked" (its last page is whole, as some encoders leave it) or "cut".

    A copy that was interrupted ends within a page; where it happens to end with one, nothing tells it from "unmarked".
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - LARGEST_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if not page.startswith(b"OggS") or len(page) < OGG_HEADER:
        return "cut"
    header = OGG_HEADER + page[26]
    length = header + sum(page[OGG_HEADER:header])
    if page[5] & END_OF_STREAM and len(page) >= length:
        return "marked"
    return "unmarked" if len(page) == length else "cut"


def _sample_chunk(file: BinaryIO) -> SampleChunk | None:
    """The samples of a WAV or AIFF file; None for other files."""
    file.seek(0)
    head = file.read(12)
    orders = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">", b"FORM": ">"}
    order = orders.get(head[:4])
    if order is None or head[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return None
    length = file.seek(0, io.SEEK_END)
    file.seek(12)
    long_size = None  # of the samples, in files of more than 4 GiB
    for _ in range(MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = struct.unpack(order + "4sI", header)
        offset = file.tell()
        if name in (b"data", b"SSND"):
            stated = size if long_size is None or size != 0xFFFFFFFF else long_size
            return SampleChunk(offset, stated, length - offset, not size and _are_chunks(file, order, length))
        if name == b"ds64":
            sizes = file.read(16)
            long_size = int.from_bytes(sizes[8:], "little")
        file.seek(offset + size + size % 2)
    return None


def _are_chunks(file: BinaryIO, order: str, length: int) -> bool:
    """Whether a file goes on with whole chunks up to its end at `length`, such as a list of tags; samples do not."""
    for _ in range(MAX_CHUNKS):
        place = file.tell()
        if place >= length:
            return True
        header = file.read(8)
        if len(header) < 8 or not header[:4].isascii() or not header[:4].decode().isprintable():
            return False
        place += 8 + struct.unpack(order + "I", header[4:])[0]
        if place > length:
            return False
        file.seek(place + place % 2)
    return False
