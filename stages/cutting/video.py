"""Sound of m4a, mp4 and other containers that libsndfile does not read, through PyAV.

PyAV (pip install av) is optional: it brings its own FFmpeg libraries, 30 MB, which most corpora do not need.
"""

import importlib.util
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.corpus.rows.files import VIDEO_SUFFIXES
from stages.records.units import Seconds

MATROSKA = b"\x1a\x45\xdf\xa3"  # begins .mkv and .webm; .mp4 and .m4a have "ftyp" in bytes 4 to 7
# A container's duration may count what a decoder does not give out: the silence that a codec begins with.
SLACK: Seconds = 0.5
GAP: Seconds = 0.1  # in the times of a sound; shorter ones are rounding
LONGEST_GAP: Seconds = 3600.0  # longer ones are damage
SILENCE_BLOCK = 1 << 18  # frames
WITH_TRACK_LENGTH = "mov,mp4,m4a,3gp,3g2,mj2"  # FFmpeg's name of the format; others know the length of the whole only
WITH_LENGTH = "matroska,webm"


class VideoError(Exception):
    """A container cannot be read."""


def installed() -> bool:
    """Whether PyAV is there."""
    return importlib.util.find_spec("av") is not None


def is_video(path: Path, source: Path | bytes) -> bool:
    """Whether a recording is read with PyAV: by its extension, or by the first bytes of one that may have no name."""
    has_magic = isinstance(source, bytes) and (source[4:8] == b"ftyp" or source.startswith(MATROSKA))
    return path.suffix.lower() in VIDEO_SUFFIXES or has_magic


def why_truncated(source: Path | bytes, seconds: Seconds) -> str:
    """How a container of which `seconds` are decoded is known to be cut short, as a sentence; "" where it is not."""
    import av

    with av.open(_file(source), metadata_errors="replace") as container:
        stated = None
        stream = container.streams.audio[0]
        if container.format.name == WITH_TRACK_LENGTH and stream.duration:
            stated = float(stream.duration * stream.time_base)
        elif container.format.name == WITH_LENGTH and container.duration and len(container.streams) == 1:
            stated = container.duration / av.time_base  # of the longest stream, so of the sound if it is the only one
            begin = (container.start_time or 0) / av.time_base
            stated -= begin if begin > SLACK else 0.0  # it counts from 0, wherever the sound begins
    if stated is None or stated - seconds <= SLACK:
        return ""
    return f"its header promises {stated:.3f} s, and {seconds:.3f} s can be read; copy it again"


def _file(source: Path | bytes) -> str | io.BytesIO:
    """What PyAV opens: a path, or a file in memory."""
    return str(source) if isinstance(source, Path) else io.BytesIO(source)


@contextmanager
def opened(source: Path | bytes) -> Iterator[tuple[int, int, Iterator[np.ndarray]]]:
    """The rate in Hz, the number of channels, and blocks of float32 samples, shape (frames, channels).

    Times are those that a player shows: a sound that begins later than the picture, or has gaps, as browsers record it
    while the microphone is off, is filled up with silence.

    Raises
    ------
    VideoError
        PyAV is not installed or cannot read the file, its times are damaged, or there is no sound in it.
    """
    if not installed():
        suffix = source.suffix if isinstance(source, Path) else "mp4 and such"
        raise VideoError(f"{suffix} files are read with PyAV, which is not installed: pip install av")
    import av  # not at the top: an optional package

    try:
        with av.open(_file(source), metadata_errors="replace") as container:
            if not container.streams.audio:
                raise VideoError("there is no sound in it")
            stream = container.streams.audio[0]
            yield stream.rate, stream.channels, _blocks(av, container, stream)
    except av.error.FFmpegError as error:
        # The whole message would hold the machine's path. An mp4 that was not copied to its end often has no index.
        raise VideoError(f"FFmpeg: {error.strerror}; it is damaged or incomplete: copy it again") from None


def _blocks(av, container, stream) -> Iterator[np.ndarray]:
    """The samples of a stream as float32, shape (frames, channels). `av` is the module, which is not imported here."""
    planar = av.AudioResampler(format="fltp")  # the sample format only; rate and channels stay
    begin = (container.start_time or 0) / av.time_base  # seconds; of the stream that begins first
    length = 0  # frames up to here
    for frame in container.decode(stream):
        if frame.time is not None:
            gap = frame.time - begin - length / stream.rate
            if gap > LONGEST_GAP:
                raise VideoError(f"its sound jumps from {length / stream.rate:.1f} s to {frame.time - begin:.1f} s")
            if gap > GAP:
                silence = round(gap * stream.rate)
                yield from _silence(silence, stream.channels)
                length += silence
        for piece in planar.resample(frame):
            block = np.ascontiguousarray(piece.to_ndarray().T)
            length += len(block)
            yield block


def _silence(frames: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks of zeros, shape (frames, channels)."""
    for first in range(0, frames, SILENCE_BLOCK):
        yield np.zeros((min(SILENCE_BLOCK, frames - first), channels), np.float32)
