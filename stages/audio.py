"""Recordings in, clips out: decode, mix down, resample, cut.

soundfile brings its own libsndfile (WAV, FLAC, MP3, Ogg, Opus, AIFF, NIST SPHERE), so no ffmpeg has to be installed;
m4a, mp4 and other video containers need PyAV (stages/video.py). soxr resamples while a recording is decoded, so that of
a long session in 48 kHz stereo only the 16 kHz mono is ever held.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from stages import video
from stages.units import SAMPLE_RATE, Seconds

SLOWEST_RATE = 4_000  # Hz; below it a header is taken to be broken
BLOCK = 1 << 18  # frames decoded at once
SILENCE = 10 ** (-60 / 20)  # peak of full scale; Whisper invents words for what is quieter
END_SLACK: Seconds = 0.5  # how far an annotation may go beyond the end of the audio
CLIPPED_LEVEL = 0.999  # of full scale
CLIPPED_SHARE = 0.001  # of the samples: what is recorded too loud reaches it many times over, a loud word does not
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class AudioError(Exception):
    """A recording or a stretch of it cannot be used. `reason` is a stable slug, `detail` a sentence without paths."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Recording:
    """A decoded recording."""

    samples: np.ndarray  # float32, shape (samples,), 16 kHz mono
    source_rate: int  # Hz, before resampling

    @property
    def seconds(self) -> Seconds:
        return len(self.samples) / SAMPLE_RATE


def decode(path: Path, channel: str | int = "mix") -> Recording:
    """Decode a whole recording.

    What was recorded within full scale stays within [-1, 1] but for the resampler's overshoot.

    Parameters
    ----------
    channel : "mix" averages the channels, except those that are silent throughout (a second microphone that was never
        plugged in); "live" is the one with the most energy; "left" and "right" are the first and the second, and of a
        mono recording the only one; a number (from 1) is that one and no other

    Raises
    ------
    AudioError
        missing-audio, git-lfs-pointer, unreadable-audio, no-samples or no-such-channel.
    """
    _check_file(path)
    try:
        with _opened(path) as (rate, channels, blocks):
            if rate < SLOWEST_RATE:
                raise AudioError("unreadable-audio", f"its header says {rate} samples a second")
            if isinstance(channel, int) and channel > channels:
                raise AudioError("no-such-channel", f"channel {channel} is annotated and it has {channels}")
            samples = _at_16k(blocks, rate, channels, channel)
    except soundfile.LibsndfileError as error:
        raise AudioError("unreadable-audio", f"libsndfile: {error.error_string.rstrip('.')}{_hint(path)}") from None
    except video.VideoError as error:
        raise AudioError("unreadable-audio", str(error)) from None
    if len(samples) == 0:  # header only, or a header that says so: its length is not believed elsewhere either
        raise AudioError("no-samples", "it decodes to nothing")
    return Recording(samples, rate)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int, Iterator[np.ndarray]]]:
    """The rate, the number of channels, and blocks of float32 samples, shape (frames, channels)."""
    if path.suffix.lower() in video.SUFFIXES:
        with video.opened(path) as opened:
            yield opened
        return
    with soundfile.SoundFile(path) as file:
        yield file.samplerate, file.channels, _blocks(file)


def _blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        yield block


def _hint(path: Path) -> str:
    if path.suffix.lower() == ".sph":
        return "; if it is compressed with shorten, convert it: sph2pipe -f wav"
    return ""


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


def _at_16k(blocks: Iterator[np.ndarray], rate: int, channels: int, channel: str | int) -> np.ndarray:
    """One channel, or all of them mixed, at 16 kHz, shape (samples,)."""
    if isinstance(channel, str):
        channel = {"left": 1, "right": min(2, channels)}.get(channel, channel)
    lanes = channels if channel == "live" else 1
    resamplers = [soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ") for _ in range(lanes)]
    peaks, energies = np.zeros(channels, np.float32), np.zeros(channels)
    lines = [bytearray() for _ in range(lanes)]  # grow in place: joining arrays would hold a long session twice
    for block in blocks:
        peaks = np.maximum(peaks, np.abs(block).max(axis=0))
        if channel == "live":
            energies += np.square(block, dtype=np.float64).sum(axis=0)
        for lane, (resampler, line) in enumerate(zip(resamplers, lines, strict=True)):
            mono = _mono(block, lane + 1 if channel == "live" else channel)
            line += (mono if rate == SAMPLE_RATE else resampler.resample_chunk(mono)).tobytes()
    if not np.isfinite(peaks).all():
        raise AudioError("unreadable-audio", "it holds samples that are no numbers")
    lane = int(energies.argmax()) if channel == "live" else 0
    if rate != SAMPLE_RATE:
        lines[lane] += resamplers[lane].resample_chunk(np.zeros(0, np.float32), last=True).tobytes()
    samples = np.frombuffer(lines[lane], np.float32)
    if channel == "mix" and channels > 1:
        samples /= max(1, int((peaks >= SILENCE).sum()))
    return samples


def _mono(block: np.ndarray, channel: str | int) -> np.ndarray:
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    return block.sum(axis=1) if channel == "mix" else np.ascontiguousarray(block[:, channel - 1])


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


def cut(samples: np.ndarray, start: Seconds, end: Seconds) -> np.ndarray:
    """Samples between two times, shape (samples,)."""
    return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def check_audible(samples: np.ndarray) -> None:
    """Raises AudioError (silence) where no sample reaches -60 dB of full scale. The peak counts, not the mean power."""
    if len(samples) == 0 or np.abs(samples).max() < SILENCE:
        raise AudioError("silence", "no sample reaches -60 dBFS")


def is_clipped(samples: np.ndarray) -> bool:
    """Whether it was recorded too loud: over 0.1 % of the samples at full scale."""
    return np.count_nonzero(np.abs(samples) >= CLIPPED_LEVEL) > CLIPPED_SHARE * len(samples)


def check_length(samples: np.ndarray, shortest: Seconds, longest: Seconds) -> None:
    """Raises AudioError: too-short, too-long."""
    seconds = len(samples) / SAMPLE_RATE
    if seconds < shortest:
        raise AudioError("too-short", f"{seconds:.3f} s is less than {shortest} s")
    if seconds > longest:
        raise AudioError("too-long", f"{seconds:.3f} s is more than {longest} s")
