"""Decoding, mixing down, resampling and cutting, on synthetic tones."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.cutting import audio, pcm
from tests.support.corpora import noise, write

TONE = 440  # Hz


def tone(seconds: float, rate: int, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * TONE * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def decoded(path: Path, channel: str | int = "mix") -> np.ndarray:
    """As float32 in [-1, 1]."""
    samples = audio.decode(path, channel).samples
    assert samples.dtype == np.int16
    return samples.astype(np.float32) / pcm.FULL_SCALE


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
    samples = decoded(path)
    assert (samples.dtype, samples.ndim) == (np.float32, 1)
    assert len(samples) / audio.SAMPLE_RATE == pytest.approx(20, abs=0.06)
    assert pitch(samples) == pytest.approx(TONE, abs=1)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.5 / math.sqrt(2), rel=0.03)


def test_decode_16k_is_exact(tmp_path):
    integers = np.random.default_rng(0).integers(-(2**15), 2**15, 300_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", integers, audio.SAMPLE_RATE)
    np.testing.assert_array_equal(decoded(tmp_path / "a.wav") * 2**15, integers)


def test_no_aliasing(tmp_path):
    rate = 48_000
    above = np.sin(2 * np.pi * 10_000 * np.arange(rate) / rate)  # over the 8 kHz that 16 kHz can hold
    soundfile.write(tmp_path / "a.wav", above, rate, subtype="FLOAT")
    assert np.abs(decoded(tmp_path / "a.wav")[800:-800]).max() < 1e-4


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
    assert np.abs(decoded(tmp_path / "a.wav")).max() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_mix_is_the_mean_of_the_channels_that_are_not_silent(tmp_path, channels):
    """Over several blocks, each sample is the float32 mean of all channels, rounded to 16 bits."""
    samples = np.random.default_rng(channels).uniform(-0.9, 0.9, (audio.BLOCK + 5000, channels)).astype(np.float32)
    samples[:, channels // 2] *= np.arange(len(samples)) > audio.BLOCK  # this channel is silent only in the first block
    silent = np.full((len(samples), 1), 0.0005, np.float32)
    soundfile.write(tmp_path / "a.wav", np.hstack([samples, silent]), 16_000, subtype="FLOAT")
    total = np.hstack([samples, silent]).sum(axis=1)
    expected = np.rint(total * np.float32(1 / channels) * np.float32(32768))
    np.testing.assert_array_equal(audio.decode(tmp_path / "a.wav").samples, expected.clip(-32768, 32767))


@pytest.mark.parametrize(
    ("channel", "expected"), [("left", 0.5), ("right", 0.25), (1, 0.5), (2, 0.25), ("live", 0.5), ("mix", 0.375)]
)
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_channels(tmp_path, channel, expected, rate):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(1, rate, 0.5), tone(1, rate, 0.25)], axis=1), rate)
    assert np.abs(decoded(tmp_path / "a.wav", channel)[800:-800]).max() == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("channel", ["left", "right", "live", "mix", 1])
def test_mono_is_its_only_channel(tmp_path, channel):
    soundfile.write(tmp_path / "a.wav", noise(1), 16_000)
    np.testing.assert_array_equal(decoded(tmp_path / "a.wav", channel), decoded(tmp_path / "a.wav"))


def test_annotated_channel_is_missing(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1), 16_000)
    with pytest.raises(audio.AudioError, match="no-such-channel: channel 2 is annotated and it has 1"):
        audio.decode(tmp_path / "a.wav", 2)


def test_video_sound(tmp_path):
    av = pytest.importorskip("av", reason="needs PyAV, which is optional")
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        planes = np.stack([tone(2, 48_000), tone(2, 48_000)])
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    recording = audio.decode(tmp_path / "a.m4a")
    assert (recording.source_rate, recording.seconds) == (48_000, pytest.approx(2, abs=0.06))
    assert pitch(recording.samples / pcm.FULL_SCALE) == pytest.approx(TONE, abs=1)


def write_film(path: Path, codec: str, sound_from: float, gap: tuple[float, float]) -> None:
    """Six seconds of a black picture, and a sound that begins at `sound_from` with a click at each full second.

    Parameters
    ----------
    gap : begin and end of the part of the sound whose packets are missing
    """
    av = pytest.importorskip("av", reason="needs PyAV, which is optional")
    rate, size = 48_000, 960
    sound = np.zeros(6 * rate, np.float32)
    for second in range(1, 6):
        sound[second * rate : second * rate + 4800] = tone(0.1, rate)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4" if path.suffix == ".mp4" else "libvpx", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout="mono")
        packets = []
        for number in range(60):
            image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            image.pts = number
            packets += picture.encode(image)
        packets += picture.encode(None)
        for first in range(0, len(sound) - round(sound_from * rate), size):
            if gap[0] <= first / rate < gap[1]:
                continue
            frame = av.AudioFrame.from_ndarray(sound[None, first : first + size], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, first + round(sound_from * rate)
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            container.mux(packet)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "pcm_s16le"), ("a.webm", "libopus")])
@pytest.mark.parametrize(
    ("sound_from", "gap", "clicks"),
    [
        (0.0, (0, 0), [1, 2, 3, 4, 5]),
        (2.0, (0, 0), [3, 4, 5]),
        (0.0, (1.5, 3.5), [1, 4, 5]),
        (1.5, (1.5, 2.5), [2.5, 4.5, 5.5]),
    ],
)
def test_times_of_a_film_are_those_of_its_picture(tmp_path, name, codec, sound_from, gap, clicks):
    """Annotations count from the picture's start: what the sound lacks at its beginning or within is silence."""
    write_film(tmp_path / name, codec, sound_from, gap)
    recording = audio.decode(tmp_path / name)
    loud = np.flatnonzero(np.abs(recording.samples.astype(float)) > 0.1 * pcm.FULL_SCALE) / 16_000
    starts = loud[np.diff(loud, prepend=-1) > 0.5]
    assert starts == pytest.approx(clicks, abs=0.03)
    assert recording.truncated == ""
    assert recording.seconds == pytest.approx(6.0, abs=0.1)


def test_video_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.cutting.video.installed", lambda: False)
    write(tmp_path / "a.mp4", b"\0" * 100)
    with pytest.raises(audio.AudioError, match="pip install av"):
        audio.decode(tmp_path / "a.mp4")


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
        ("a.wav", b"RIFF\x34" + wav(0)[5:] + b"LIST\x08\0\0\0note\0\0\0\0", "no-samples", "it decodes to nothing"),
        ("a.wav", wav(100, rate=1) + b"\1\1" * 100, "unreadable-audio", "1 samples a second"),
        ("a.wav", wav(100, rate=0) + b"\1\1" * 100, "unreadable-audio", "."),
        ("a.mp3", b"ID3\4\0\0\0\0\0\0\xff\xfb\0\0\0", "unreadable-audio", "libsndfile"),
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "unreadable-audio", "FFmpeg: Invalid data|pip install av"),
        ("a.mp4", b"<html>", "unreadable-audio", "FFmpeg: Invalid data|pip install av"),
        ("a.sph", b"NIST_1A\n   1024\n", "unreadable-audio", "sph2pipe"),
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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("channels", "place"), [(1, (1, 0)), (2, (1, 0)), (2, (0, 1)), (3, (2, 1))])
@pytest.mark.parametrize("channel", ["mix", "live", "left"])
def test_not_a_number(tmp_path, channel, channels, place, bad):
    samples = np.full((3, channels), 0.1, np.float32)
    samples[place] = bad
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match="no numbers"):
        audio.decode(tmp_path / "a.wav", channel)


WHOLE_FORMATS = [
    ("wav", {}),
    ("wav", {"format": "RF64"}),
    ("wav", {"format": "WAVEX", "subtype": "FLOAT"}),
    ("wav", {"subtype": "IMA_ADPCM"}),
    ("aiff", {}),
    ("sph", {"format": "NIST"}),
    ("flac", {}),
    ("mp3", {}),
    ("ogg", {}),
    ("opus", {"format": "OGG", "subtype": "OPUS"}),
]


@pytest.mark.parametrize(("suffix", "form"), WHOLE_FORMATS)
def test_truncated_recording(tmp_path, suffix, form):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(4), 16_000, **form)
    recording = audio.decode(path)
    assert (recording.truncated, recording.flags) == ("", ())
    content = path.read_bytes()
    write(path, content[: len(content) // 2])
    if suffix == "flac":  # libsndfile cannot read the rest of its last frame
        with pytest.raises(audio.AudioError, match=r"truncated-audio: its header promises 4\.000 s, and [12]\.\d+ s"):
            audio.decode(path)
        return
    recording = audio.decode(path)
    assert 0.8 < recording.seconds < 2.6
    promised = "it ends after" if form.get("format") == "OGG" or suffix == "ogg" else "its header promises (3.9|4.0)"
    assert re.match(promised, recording.truncated)


def write_container(path: Path, form: str, codec: str) -> bytes:
    """Four seconds of noise; an mp4 has its table of contents at the beginning. Returns the file's content."""
    av = pytest.importorskip("av", reason="needs PyAV, which is optional")
    with av.open(str(path), "w", format=form, options={"movflags": "faststart"} if form == "mp4" else {}) as container:
        stream = container.add_stream(codec, rate=16_000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(noise(4.0)[None], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "form", "codec"), [("a.m4a", "mp4", "aac"), ("a.mkv", "matroska", "aac"), ("a.webm", "webm", "libopus")]
)
def test_truncated_container(tmp_path, name, form, codec):
    content = write_container(tmp_path / name, form, codec)
    assert audio.decode(tmp_path / name).truncated == ""
    for size in range(len(content) // 2, len(content) // 2 + 200):  # also between two packets
        (tmp_path / name).write_bytes(content[:size])
        try:
            truncated = audio.decode(tmp_path / name).truncated
        except audio.AudioError as error:
            truncated = error.detail
        assert re.match(r"its header promises 4\.\d+ s, and [12]\.\d+ s can be read|.*incomplete: copy it", truncated)


@pytest.mark.parametrize("cut", [False, True])
def test_container_whose_only_sound_does_not_begin_at_0(tmp_path, cut):
    """As a part of a longer one: players count from its first sound."""
    av = pytest.importorskip("av", reason="needs PyAV, which is optional")
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(noise(1.0)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, (10 + number) * 16_000
            for packet in stream.encode(frame):
                container.mux(packet)
    if cut:
        path.write_bytes(path.read_bytes()[:-20_000])
    recording = audio.decode(path)
    assert recording.truncated == ("its header promises 4.000 s, and 3.000 s can be read; copy it again" if cut else "")
    assert recording.seconds == pytest.approx(3.0 if cut else 4.0, abs=0.001)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_name_that_is_not_utf8(tmp_path, suffix):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9." + suffix.encode()))
    soundfile.write(tmp_path / f"a.{suffix}", noise(2.0), 16_000)
    (tmp_path / f"a.{suffix}").rename(path)
    assert audio.decode(path).seconds == pytest.approx(2.0, abs=0.001)


def test_container_whose_name_is_not_utf8(tmp_path):
    write_container(tmp_path / "a.m4a", "mp4", "aac")
    path = (tmp_path / "a.m4a").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.m4a"))
    assert audio.decode(path).seconds == pytest.approx(4.0, abs=0.2)


def test_container_without_its_table_of_contents(tmp_path):
    content = write_container(tmp_path / "a.mov", "mov", "aac")
    (tmp_path / "a.mov").write_bytes(content[: content.index(b"moov")])
    with pytest.raises(audio.AudioError, match="it is damaged or incomplete: copy it again"):
        audio.decode(tmp_path / "a.mov")


@pytest.mark.parametrize("size", [0, 0x7F000008, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_aiff_written_to_a_pipe_is_whole(tmp_path, size):
    """Its sizes are placeholders: SoX writes 0x7f000008, others the largest number or 0."""
    soundfile.write(tmp_path / "a.aiff", noise(2.0), 16_000, subtype="PCM_16")
    content = bytearray((tmp_path / "a.aiff").read_bytes())
    for place in (4, content.index(b"SSND") + 4):
        content[place : place + 4] = size.to_bytes(4, "big")
    (tmp_path / "a.aiff").write_bytes(content)
    recording = audio.decode(tmp_path / "a.aiff")
    assert (recording.truncated, recording.flags) == ("", ("unfinished-header",))
    assert recording.seconds == pytest.approx(2.0, abs=0.001)


def test_truncated_after_a_picture(tmp_path):
    soundfile.write(tmp_path / "a.mp3", noise(4), 16_000)
    content = (tmp_path / "a.mp3").read_bytes()
    tag = b"ID3\x03\0\0\0\0\x40\0" + bytes(0x2000)
    write(tmp_path / "a.mp3", tag + content)
    assert not audio.decode(tmp_path / "a.mp3").truncated
    write(tmp_path / "a.mp3", tag + content[: len(content) // 2])
    assert audio.decode(tmp_path / "a.mp3").truncated


def test_length_that_the_header_gets_slightly_wrong(tmp_path):
    write(tmp_path / "a.wav", wav(16_022) + noise(1).tobytes()[:32_000])  # it counts its own 44 bytes
    assert not audio.decode(tmp_path / "a.wav").truncated


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_recorder_that_was_killed(tmp_path, size, rate):
    samples = np.random.default_rng(0).integers(-1000, 1000, 2 * rate).astype("<i2")
    header = wav(0, rate)[:-4] + size.to_bytes(4, "little")
    write(tmp_path / "a.wav", header + samples.tobytes())
    recording = audio.decode(tmp_path / "a.wav")
    assert (recording.seconds, recording.truncated) == (pytest.approx(2, abs=0.001), "")
    assert recording.flags == ("unfinished-header",)
    if rate == 16_000:
        np.testing.assert_array_equal(recording.samples, samples)


@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF, None])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_uncounted_samples(tmp_path, riff, subtype, size):
    soundfile.write(tmp_path / "a.wav", noise(2), 16_000, subtype=subtype)
    whole = audio.decode(tmp_path / "a.wav").samples
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    if riff is not None:
        content[4:8] = riff.to_bytes(4, "little")
    write(tmp_path / "a.wav", bytes(content))
    recording = audio.decode(tmp_path / "a.wav")
    assert (recording.flags, recording.truncated) == (("unfinished-header",), "")
    np.testing.assert_array_equal(recording.samples, whole)


def test_tags_after_no_samples_are_no_samples(tmp_path):
    tags = b"LIST" + (10).to_bytes(4, "little") + b"INFOISFT\0\0"
    write(tmp_path / "a.wav", wav(0)[:4] + bytes(4) + wav(0)[8:] + tags)
    with pytest.raises(audio.AudioError, match="no-samples"):
        audio.decode(tmp_path / "a.wav")


def pages(content: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    return [b"OggS" + page for page in content.split(b"OggS")[1:]]


def test_ogg_without_the_mark_of_its_end(tmp_path):
    soundfile.write(tmp_path / "a.ogg", noise(4), 16_000, format="OGG")
    content = (tmp_path / "a.ogg").read_bytes()
    whole = audio.decode(tmp_path / "a.ogg")
    *others, last = pages(content)
    unmarked = bytearray(last)
    unmarked[5] &= ~4
    unmarked[22:26] = bytes(4)
    unmarked[22:26] = ogg_checksum(bytes(unmarked)).to_bytes(4, "little")
    write(tmp_path / "a.ogg", b"".join(others) + bytes(unmarked))
    recording = audio.decode(tmp_path / "a.ogg")
    assert (recording.truncated, recording.flags) == ("", ("no-end-of-stream",))
    assert recording.seconds == pytest.approx(whole.seconds, abs=0.05)
    write(tmp_path / "a.ogg", (b"".join(others) + bytes(unmarked))[:-1])
    assert audio.decode(tmp_path / "a.ogg").truncated


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_interrupted_at_the_end_of_a_page(tmp_path, subtype):
    soundfile.write(tmp_path / "a.ogg", noise(4), 16_000, format="OGG", subtype=subtype)
    write(tmp_path / "a.ogg", b"".join(pages((tmp_path / "a.ogg").read_bytes())[:-1]))
    assert audio.decode(tmp_path / "a.ogg").flags == ("no-end-of-stream",)


def ogg_checksum(page: bytes) -> int:
    """The checksum of an Ogg page whose own four bytes are zero."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_channels_that_cancel_each_other_out(tmp_path, rate):
    left = noise(1, rate=rate)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], 1), rate)
    with pytest.raises(audio.AudioError, match=r"silence: its channels cancel .* set preprocess.channel: left"):
        audio.decode(tmp_path / "a.wav")
    assert np.abs(audio.decode(tmp_path / "a.wav", "left").samples).max() > 1000
    soundfile.write(tmp_path / "b.wav", np.stack([left, -0.5 * left], 1), rate)
    assert np.abs(audio.decode(tmp_path / "b.wav").samples).max() > 1000


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


def test_cut():
    samples = np.arange(16_000)
    np.testing.assert_array_equal(audio.cut(samples, 0.25, 0.5), samples[4000:8000])


@pytest.mark.parametrize(("level", "audible"), [(0.0, False), (0.0009, False), (0.002, True)])
def test_silence(level, audible):
    if audible:
        return audio.check_audible(pcm.as_pcm(tone(1, 16_000, level)))
    with pytest.raises(audio.AudioError, match="silence"):
        audio.check_audible(pcm.as_pcm(tone(1, 16_000, level)))


@pytest.mark.parametrize(("seconds", "reason"), [(0.29, "too-short"), (0.3, None), (10.0, None), (10.01, "too-long")])
def test_length(seconds, reason):
    if reason is None:
        return audio.check_length(noise(seconds), 0.3, 10.0)
    with pytest.raises(audio.AudioError, match=reason):
        audio.check_length(noise(seconds), 0.3, 10.0)


@pytest.mark.parametrize(("level", "clipped"), [(0.9, False), (0.9995, True), (3.0, True)])
def test_clipping(level, clipped):
    assert audio.is_clipped(pcm.as_pcm(tone(1, 16_000, level))) == clipped


def test_one_loud_sample_is_no_clipping():
    samples = pcm.as_pcm(tone(1, 16_000))
    samples[:10] = -pcm.FULL_SCALE
    assert not audio.is_clipped(samples)
