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

MATROSKA = b"\x1a\x45\xdf\xa3"  # begins .mkv and .webm; .mp4 and .m4a have "ftyp" in bytes 4 to 7


class VideoError(Exception):
    """A container cannot be read."""


def installed() -> bool:
    """Whether PyAV is there."""
    return importlib.util.find_spec("av") is not None


def is_video(path: Path, source: Path | bytes) -> bool:
    """Whether a recording is read with PyAV: by its extension, or by the first bytes of one that may have no name."""
    has_magic = isinstance(source, bytes) and (source[4:8] == b"ftyp" or source.startswith(MATROSKA))
    return path.suffix.lower() in VIDEO_SUFFIXES or has_magic


@contextmanager
def opened(source: Path | bytes) -> Iterator[tuple[int, int, Iterator[np.ndarray]]]:
    """The rate in Hz, the number of channels, and blocks of float32 samples, shape (frames, channels).

    Raises
    ------
    VideoError
        PyAV is not installed or cannot read the file, or there is no sound in it.
    """
    if not installed():
        suffix = source.suffix if isinstance(source, Path) else "mp4 and such"
        raise VideoError(f"{suffix} files are read with PyAV, which is not installed: pip install av")
    import av  # not at the top: an optional package

    try:
        file = str(source) if isinstance(source, Path) else io.BytesIO(source)
        with av.open(file, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise VideoError("there is no sound in it")
            stream = container.streams.audio[0]
            yield stream.rate, stream.channels, _blocks(av, container, stream)
    except av.error.FFmpegError as error:
        raise VideoError(f"FFmpeg: {error.strerror}") from None  # the whole message would hold the machine's path


def _blocks(av, container, stream) -> Iterator[np.ndarray]:
    """The samples of a stream as float32, shape (frames, channels). `av` is the module, which is not imported here."""
    planar = av.AudioResampler(format="fltp")  # the sample format only; rate and channels stay
    for frame in container.decode(stream):
        for piece in planar.resample(frame):
            yield np.ascontiguousarray(piece.to_ndarray().T)
