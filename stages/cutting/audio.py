"""Recordings in, clips out: decode, mix down, resample, cut.

soundfile brings its own libsndfile (WAV, FLAC, MP3, Ogg, Opus, AIFF, NIST SPHERE), so no ffmpeg has to be installed;
m4a, mp4 and other video containers need PyAV (stages/cutting/video.py). soxr resamples while a recording is
decoded, so that of a long session in 48 kHz stereo only the 16 kHz mono is in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile

from stages.corpus.rows.files import LFS_POINTER
from stages.cutting import completeness, pcm, sources, video
from stages.cutting.pcm import FULL_SCALE
from stages.cutting.resampling import Resampler, resampled
from stages.records.units import SAMPLE_RATE, SILENCE, Seconds

SLOWEST_RATE = 4_000  # Hz; below it a header is taken to be broken
BLOCK = 1 << 18  # frames decoded at once
END_SLACK: Seconds = 0.5  # how far an annotation may go beyond the end of the audio
CANCELLED = 1e-4  # energy of the sum of channels, as a share of theirs: 1 where they are of different sounds
CLIPPED_LEVEL = 0.999  # of full scale
CLIPPED_SHARE = 0.001  # of the samples: what is recorded too loud reaches it many times over, a loud word does not


class AudioError(Exception):
    """A recording or a stretch of it cannot be used. `reason` is a stable slug, `detail` a sentence without paths."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Recording:
    """A decoded recording."""

    samples: np.ndarray  # int16, shape (samples,), 16 kHz mono
    source_rate: int  # Hz, before resampling
    truncated: str = ""  # how it is known that the end of it is missing; "" where it is not
    flags: tuple[str, ...] = ()  # see completeness.flags

    @property
    def seconds(self) -> Seconds:
        return len(self.samples) / SAMPLE_RATE


def decode(path: Path, channel: str | int = "mix", content: bytes | None = None) -> Recording:
    """Decode a whole recording.

    Parameters
    ----------
    channel : "mix" averages the channels, except those that are silent throughout (a second microphone that was never
        plugged in); "live" is the one with the most energy; "left" and "right" are the first and the second, and of a
        mono recording the only one; a number (from 1) is that one and no other
    content : the recording itself, if it is no file of its own; of `path`, only the extension is used then

    Raises
    ------
    AudioError
        missing-audio, git-lfs-pointer, unreadable-audio, truncated-audio, no-samples, no-such-channel, silence.
    """
    source = path if content is None else content
    _check_file(path, source)
    try:
        with _opened(path, source) as (rate, channels, blocks):
            if rate < SLOWEST_RATE:
                raise AudioError("unreadable-audio", f"its header says {rate} samples a second")
            if isinstance(channel, int) and channel > channels:
                raise AudioError("no-such-channel", f"channel {channel} is annotated and it has {channels}")
            samples = _at_16k(blocks, rate, channels, channel)
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, source, error) from None
    except video.VideoError as error:
        raise AudioError("unreadable-audio", str(error)) from None
    if len(samples) == 0:
        raise AudioError("no-samples", "it decodes to nothing")
    truncated = (video if video.is_video(path, source) else completeness).why_truncated(
        source, len(samples) / SAMPLE_RATE
    )
    return Recording(samples, rate, truncated, completeness.flags(source))


@contextmanager
def _opened(path: Path, source: Path | bytes) -> Iterator[tuple[int, int, Iterator[np.ndarray]]]:
    """The rate, the number of channels, and blocks of samples, shape (frames, channels).

    The blocks are int16 where the recording is already as it is wanted, else float32.
    """
    if video.is_video(path, source):
        with video.opened(source) as opened:
            yield opened
        return
    with completeness.finished(source) as whole, soundfile.SoundFile(whole) as file:
        as_wanted = (file.samplerate, file.channels, file.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        yield file.samplerate, file.channels, _blocks(file, "int16" if as_wanted else "float32")


def _blocks(file: soundfile.SoundFile, dtype: str) -> Iterator[np.ndarray]:
    """Blocks of samples, shape (frames, channels): a broken header can say any length of the whole file."""
    while len(block := file.read(BLOCK, dtype=dtype, always_2d=True)):
        yield block


def _unreadable(path: Path, source: Path | bytes, error: soundfile.LibsndfileError) -> AudioError:
    """The error for a file that libsndfile cannot read to its end."""
    message = f"libsndfile: {error.error_string.rstrip('.')}"
    seconds = completeness.readable_seconds(source)
    truncated = completeness.why_truncated(source, seconds) if seconds else ""
    if truncated:
        return AudioError("truncated-audio", f"{truncated} ({message})")
    hint = "; if it is compressed with shorten, convert it: sph2pipe -f wav" if path.suffix.lower() == ".sph" else ""
    return AudioError("unreadable-audio", message + hint)


def _check_file(path: Path, source: Path | bytes) -> None:
    """Raises AudioError for files that are no recordings: missing-audio, git-lfs-pointer, no-samples and .raw."""
    try:
        with sources.opened(source) as file:
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
    """One channel, or all of them mixed, as int16 at 16 kHz, shape (samples,)."""
    first = next(blocks, None)
    if first is None:
        return np.zeros(0, np.int16)
    blocks = chain([first], blocks)
    if first.dtype == np.int16:
        return np.frombuffer(_gathered(blocks), np.int16)
    if channel == "live":
        return _loudest(blocks, rate, channels)
    channel = {"left": 1, "right": min(2, channels)}.get(channel, channel)
    peaks = np.zeros(channels, np.float32)
    energies = np.zeros(2)  # of all channels, and of their sum

    def mono() -> Iterator[np.ndarray]:
        nonlocal peaks
        for block in blocks:
            peaks = np.maximum(peaks, _peaks(block))
            samples = _sum_of_channels(block) if channel == "mix" else block[:, channel - 1]
            energies[:] += np.vdot(block, block), np.vdot(samples, samples)
            yield samples

    gathered = _gathered(resampled(mono(), rate))
    if channel == "mix" and peaks.max() >= SILENCE and energies[1] < CANCELLED * energies[0]:
        raise AudioError("silence", "its channels cancel each other out, one is inverted; set preprocess.channel: left")
    mixed = np.count_nonzero(peaks >= SILENCE) if channel == "mix" else 1  # channels that are not silent
    return pcm.pcm_in_place(gathered, 1 / max(1, mixed))


def _loudest(blocks: Iterator[np.ndarray], rate: int, channels: int) -> np.ndarray:
    """The channel with the most energy as int16 at 16 kHz; all channels are in memory until that is known."""
    resamplers = [Resampler(rate) for _ in range(channels)]
    gathered = [bytearray() for _ in range(channels)]
    energies = np.zeros(channels)
    for block in blocks:
        _peaks(block)
        energies += np.square(block, dtype=np.float64).sum(axis=0)
        for index in range(channels):
            gathered[index] += resamplers[index].take(block[:, index]).tobytes()
    loudest = int(energies.argmax())
    gathered[loudest] += resamplers[loudest].end().tobytes()
    return pcm.pcm_in_place(gathered[loudest], 1.0)


def _gathered(blocks: Iterator[np.ndarray]) -> bytearray:
    """The bytes of all samples, in one buffer that grows: joining arrays would need the memory twice."""
    gathered = bytearray()
    for block in blocks:
        gathered += block.tobytes()
    return gathered


def _sum_of_channels(block: np.ndarray) -> np.ndarray:
    """The sum of all channels, shape (frames,)."""
    if block.shape[1] == 2:
        return block[:, 0] + block[:, 1]  # the same numbers, in a thirtieth of the time
    return block.sum(axis=1)


def _peaks(block: np.ndarray) -> np.ndarray:
    """The largest amplitude of each channel, shape (channels,). Raises AudioError where samples are no numbers."""
    # Channel by channel: along the axis of a few channels, numpy takes forty times as long.
    peaks = np.array([np.abs(channel).max() for channel in block.T])
    if not np.isfinite(peaks).all():
        raise AudioError("unreadable-audio", "it holds samples that are no numbers")
    return peaks


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
    if len(samples) == 0 or max(int(samples.max()), -int(samples.min())) < SILENCE * FULL_SCALE:
        raise AudioError("silence", "no sample reaches -60 dBFS")


def is_clipped(samples: np.ndarray) -> bool:
    """Whether it was recorded too loud: over 0.1 % of the samples at full scale."""
    level = CLIPPED_LEVEL * FULL_SCALE
    if max(int(samples.max()), -int(samples.min())) < level:
        return False
    return np.count_nonzero((samples >= level) | (samples <= -level)) > CLIPPED_SHARE * len(samples)


def check_length(samples: np.ndarray, shortest: Seconds, longest: Seconds) -> None:
    """Raises AudioError: too-short, too-long."""
    seconds = len(samples) / SAMPLE_RATE
    if seconds < shortest:
        raise AudioError("too-short", f"{seconds:.3f} s is less than {shortest} s")
    if seconds > longest:
        raise AudioError("too-long", f"{seconds:.3f} s is more than {longest} s")
