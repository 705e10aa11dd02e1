"""Recordings in, clips out: decode, mix down, resample, cut.

soundfile brings its own libsndfile (WAV, FLAC, MP3, Ogg, Opus, AIFF, NIST SPHERE), so no ffmpeg has to be installed;
the price is that m4a, mp4 and other video containers have to be converted first. soxr resamples while a recording is
decoded, so that of a long session in 48 kHz stereo only the 16 kHz mono is ever held.
"""

from bisect import bisect_left, bisect_right
from itertools import accumulate
from pathlib import Path

import numpy as np
import soundfile
import soxr

from stages.units import SAMPLE_RATE, Seconds

SLOWEST_RATE = 4_000  # Hz; below it a header is taken to be broken
BLOCK = 1 << 18  # frames decoded at once
SILENCE = 10 ** (-60 / 20)  # peak of full scale; Whisper invents words for what is quieter
END_SLACK: Seconds = 0.5  # how far an annotation may go beyond the end of the audio
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
VIDEO = frozenset(".m4a .mp4 .m4v .mov .mkv .avi .webm .aac .wma .3gp .amr .mpg .mpeg".split())


class AudioError(Exception):
    """A recording or a stretch of it cannot be used. `reason` is a stable slug, `detail` a sentence without paths."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def decode(path: Path) -> np.ndarray:
    """Decode a whole recording.

    Channels are averaged, except those that are silent throughout (a second microphone that was never plugged in).

    Returns
    -------
    np.ndarray, shape = (samples,)
        float32, 16 kHz; what was recorded within full scale stays within [-1, 1] but for the resampler's overshoot.

    Raises
    ------
    AudioError
        missing-audio, git-lfs-pointer, unreadable-audio or no-samples.
    """
    _check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate < SLOWEST_RATE:
                raise AudioError("unreadable-audio", f"its header says {file.samplerate} samples a second")
            samples, heard = _mixed_down(file)
    except soundfile.LibsndfileError as error:
        hint = f"; convert {path.suffix} files to FLAC first" if path.suffix.lower() in VIDEO else ""
        raise AudioError("unreadable-audio", f"libsndfile: {error.error_string.rstrip('.')}{hint}") from None
    if len(samples) == 0:  # header only, or a header that says so: its length is not believed elsewhere either
        raise AudioError("no-samples", "it decodes to nothing")
    samples /= max(1, heard)
    return samples


def _check_file(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            start = file.read(len(LFS_POINTER))
    except OSError as error:
        raise AudioError("missing-audio", f"it cannot be opened ({error.strerror})") from None
    if start == LFS_POINTER:
        raise AudioError("git-lfs-pointer", "only a pointer, not the recording: git lfs pull")
    if not start:
        raise AudioError("no-samples", "the file is empty")
    if path.suffix.lower() == ".raw":  # soundfile would ask for the rate and the encoding
        raise AudioError("unreadable-audio", "headerless audio; convert it to FLAC first")


def _mixed_down(file: soundfile.SoundFile) -> tuple[np.ndarray, int]:
    """The sum of all channels at 16 kHz, shape (samples,), and the number of channels that are not silent."""
    resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
    peaks = np.zeros(file.channels, np.float32)
    mixed = bytearray()  # grows in place, where joining a list of arrays would hold a long session twice
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):  # (frames, channels)
        peaks = np.maximum(peaks, np.abs(block).max(axis=0))
        mono = block.sum(axis=1)
        mixed += (mono if file.samplerate == SAMPLE_RATE else resampler.resample_chunk(mono)).tobytes()
    if file.samplerate != SAMPLE_RATE:
        mixed += resampler.resample_chunk(np.zeros(0, np.float32), last=True).tobytes()
    if not np.isfinite(peaks).all():
        raise AudioError("unreadable-audio", "it holds samples that are no numbers")
    return np.frombuffer(mixed, np.float32), int((peaks >= SILENCE).sum())


def fit(start: Seconds, end: Seconds | None, duration: Seconds) -> tuple[Seconds, Seconds]:
    """Fit annotated times into a recording of `duration`. An end of None is the end of the recording.

    Raises
    ------
    AudioError
        start-beyond-audio or end-beyond-audio: most likely the annotation of another recording.
    """
    if start >= duration:
        raise AudioError("start-beyond-audio", f"starts at {start:.3f} s of {duration:.3f} s")
    if end is not None and end > duration + END_SLACK:
        raise AudioError("end-beyond-audio", f"ends at {end:.3f} s of {duration:.3f} s")
    return max(0.0, start), duration if end is None else min(end, duration)


class Neighbours:
    """The annotated stretches of one recording, to keep the context of one out of the others."""

    def __init__(self, spans: list[tuple[Seconds, Seconds]]):
        by_start, by_end = sorted(spans), sorted(spans, key=lambda span: span[1])
        self._starts = [start for start, _ in by_start]
        self._last_ends = list(accumulate((end for _, end in by_start), max))  # of all that start no later
        self._ends = [end for _, end in by_end]
        first_starts = list(accumulate((start for start, _ in reversed(by_end)), min))
        self._first_starts = first_starts[::-1]  # of all that end no earlier

    def widened(self, start: Seconds, end: Seconds, context: Seconds, duration: Seconds) -> tuple[Seconds, Seconds]:
        """Add up to `context` on both sides, but nothing of a neighbour, even an overlapping one, or beyond the file.

        What lies inside the stretch itself, such as a tier of its words, is no neighbour.
        """
        earlier, later = bisect_left(self._starts, start), bisect_right(self._ends, end)
        floor = min(start, self._last_ends[earlier - 1]) if earlier else 0.0
        ceiling = max(end, self._first_starts[later]) if later < len(self._ends) else duration
        return max(0.0, floor, start - context), min(duration, max(end, ceiling), end + context)


def cut(samples: np.ndarray, start: Seconds, end: Seconds) -> np.ndarray:
    """Samples between two times, shape (samples,)."""
    return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def check_audible(samples: np.ndarray) -> None:
    """Raises AudioError (silence) where no sample reaches -60 dB of full scale. The peak counts, not the mean power."""
    if len(samples) == 0 or np.abs(samples).max() < SILENCE:
        raise AudioError("silence", "no sample reaches -60 dBFS")


def check_length(samples: np.ndarray, shortest: Seconds, longest: Seconds) -> None:
    """Raises AudioError: too-short, too-long."""
    seconds = len(samples) / SAMPLE_RATE
    if seconds < shortest:
        raise AudioError("too-short", f"{seconds:.3f} s is less than {shortest} s")
    if seconds > longest:
        raise AudioError("too-long", f"{seconds:.3f} s is more than {longest} s")
