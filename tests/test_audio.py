"""Decoding, mixing down, resampling and cutting, on synthetic tones."""

import math

import numpy as np
import pytest
import soundfile

from stages import audio
from tests.corpora import noise, write

TONE = 440  # Hz


def tone(seconds: float, rate: int, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * TONE * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency, in Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * audio.SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("rate", "suffix", "form"),
    [
        (16_000, "wav", {"subtype": "PCM_16"}),
        (44_100, "wav", {"subtype": "FLOAT"}),
        (48_000, "flac", {"subtype": "PCM_24"}),
        (22_050, "WAV", {"subtype": "PCM_U8"}),
        (8_000, "wav", {"subtype": "ALAW"}),
        (11_025, "sph", {"format": "NIST"}),
        (44_100, "mp3", {}),
        (48_000, "ogg", {}),
        (48_000, "opus", {"format": "OGG", "subtype": "OPUS"}),
        (44_100, "wav", {"format": "MP3"}),  # not what its name says
    ],
)
def test_decode(tmp_path, rate, channels, suffix, form):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.repeat(tone(20, rate)[:, None], channels, axis=1), rate, **form)
    samples = audio.decode(path)
    assert (samples.dtype, samples.ndim) == (np.float32, 1)
    assert len(samples) / audio.SAMPLE_RATE == pytest.approx(20, abs=0.06)
    assert pitch(samples) == pytest.approx(TONE, abs=1)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.5 / math.sqrt(2), rel=0.03)


def test_decode_16k_is_exact(tmp_path):
    integers = np.random.default_rng(0).integers(-(2**15), 2**15, 300_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", integers, audio.SAMPLE_RATE)
    np.testing.assert_array_equal(audio.decode(tmp_path / "a.wav") * 2**15, integers)


def test_no_aliasing(tmp_path):
    rate = 48_000
    above = np.sin(2 * np.pi * 10_000 * np.arange(rate) / rate)  # over the 8 kHz that 16 kHz can hold
    soundfile.write(tmp_path / "a.wav", above, rate, subtype="FLOAT")
    assert np.abs(audio.decode(tmp_path / "a.wav")[800:-800]).max() < 1e-4


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (0.5, 0.25, 0.375),
        (0.5, 0.0, 0.5),  # a second microphone that was never plugged in
        (0.0, 0.5, 0.5),
        (0.5, 0.0005, 0.5),  # or only hisses
        (0.0, 0.0, 0.0),
    ],
)
def test_mix_down(tmp_path, left, right, expected):
    stereo = np.stack([tone(1, 16_000, left), tone(1, 16_000, right)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000)
    assert np.abs(audio.decode(tmp_path / "a.wav")).max() == pytest.approx(expected, abs=1e-3)


def wav(samples: int, rate: int = 16_000) -> bytes:
    header = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0" + rate.to_bytes(4, "little")
    return header + (2 * rate).to_bytes(4, "little") + b"\x02\0\x10\0data" + (2 * samples).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("name", "content", "reason", "detail"),
    [
        (
            "a.wav",
            b"<!DOCTYPE html><html>404 Not Found</html>",
            "unreadable-audio",
            "libsndfile: Format not recognised",
        ),
        ("a.wav", b"", "no-samples", "the file is empty"),
        ("a.wav", wav(0), "no-samples", "it decodes to nothing"),
        ("a.wav", wav(0, rate=44_100), "no-samples", "it decodes to nothing"),
        ("a.wav", wav(0) + b"\1\1" * 9000, "no-samples", "it decodes to nothing"),  # the header says so
        ("a.wav", wav(100, rate=1) + b"\1\1" * 100, "unreadable-audio", "1 samples a second"),
        ("a.wav", wav(100, rate=0) + b"\1\1" * 100, "unreadable-audio", "."),
        ("a.mp3", b"ID3\4\0\0\0\0\0\0\xff\xfb\0\0\0", "unreadable-audio", "libsndfile"),
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "unreadable-audio", "convert .m4a files to FLAC"),
        ("a.raw", b"\1\1" * 9000, "unreadable-audio", "headerless"),
        ("a.wav", b"version https://git-lfs.github.com/spec/v1\noid", "git-lfs-pointer", "git lfs pull"),
        ("a.wav", None, "missing-audio", "No such file"),
    ],
)
def test_not_a_recording(tmp_path, name, content, reason, detail):
    if content is not None:
        write(tmp_path / name, content)
    with pytest.raises(audio.AudioError, match=detail) as raised:
        audio.decode(tmp_path / name)
    assert raised.value.reason == reason
    assert str(tmp_path) not in raised.value.detail  # rejected.jsonl is to be the same on every machine


def test_not_a_number(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.1, np.nan, 0.2], np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match="no numbers"):
        audio.decode(tmp_path / "a.wav")


def test_truncated_recording_has_its_real_length(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2), 16_000)
    write(tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes()[:32_044])
    assert len(audio.decode(tmp_path / "a.wav")) == 16_000


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1.0, 2.0, (1.0, 2.0)),
        (-0.04, 2.0, (0.0, 2.0)),
        (1.0, 10.5, (1.0, 10.0)),
        (1.0, None, (1.0, 10.0)),
        (1.0, 10.51, "end-beyond-audio"),
        (10.0, 10.2, "start-beyond-audio"),
        (99.0, None, "start-beyond-audio"),
    ],
)
def test_fit(start, end, expected):
    if isinstance(expected, tuple):
        assert audio.fit(start, end, 10.0) == expected
    else:
        with pytest.raises(audio.AudioError, match=expected):
            audio.fit(start, end, 10.0)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], (3.9, 5.1)),
        ([(2.0, 3.0), (6.0, 7.0)], (3.9, 5.1)),
        ([(2.0, 3.95), (5.04, 7.0)], (3.95, 5.04)),
        ([(2.0, 4.0), (5.0, 7.0)], (4.0, 5.0)),
        ([(2.0, 4.5)], (4.0, 5.1)),  # overlaps
        ([(4.5, 6.0)], (3.9, 5.0)),
        ([(1.0, 9.0)], (4.0, 5.0)),  # somebody talks all the time
        ([(0.0, math.inf)], (4.0, 5.0)),
        ([(4.0, 4.4), (4.4, 5.0)], (3.9, 5.1)),  # a tier of its words
        ([(4.0, 5.0)], (3.9, 5.1)),  # the same stretch twice
        ([(0.0, 3.97), (1.0, 2.0)], (3.97, 5.1)),  # not the last that started, but the last that ended
        ([(5.02, 9.0), (7.0, 8.0)], (3.9, 5.02)),
    ],
)
def test_context_keeps_out_of_neighbours(others, expected):
    neighbours = audio.Neighbours([*others, (4.0, 5.0)])
    assert neighbours.widened(4.0, 5.0, 0.1, 10.0) == pytest.approx(expected)


def test_context_keeps_inside_the_file():
    assert audio.Neighbours([(0.05, 1.0)]).widened(0.05, 1.0, 0.1, 1.02) == (0.0, 1.02)
    assert audio.Neighbours([(-0.02, 1.4)]).widened(0.0, 1.0, 0.1, 1.0) == (0.0, 1.0)  # fitted into the file before


def test_cut():
    samples = np.arange(16_000)
    np.testing.assert_array_equal(audio.cut(samples, 0.25, 0.5), samples[4000:8000])


@pytest.mark.parametrize(("level", "audible"), [(0.0, False), (0.0009, False), (0.002, True)])
def test_silence(level, audible):
    if audible:
        return audio.check_audible(tone(1, 16_000, level))
    with pytest.raises(audio.AudioError, match="silence"):
        audio.check_audible(tone(1, 16_000, level))


@pytest.mark.parametrize(("seconds", "reason"), [(0.29, "too-short"), (0.3, None), (10.0, None), (10.01, "too-long")])
def test_length(seconds, reason):
    if reason is None:
        return audio.check_length(noise(seconds), 0.3, 10.0)
    with pytest.raises(audio.AudioError, match=reason):
        audio.check_length(noise(seconds), 0.3, 10.0)
