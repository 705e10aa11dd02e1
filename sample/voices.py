"""Voices: espeak-ng speaks, numpy and soxr make it a person in a room.

espeak-ng is a formant synthesiser. Resampling its output by a factor raises pitch and all formants together, which is
what a shorter vocal tract does; the tempo that this costs is taken back by asking espeak for slower speech. So a child
is an adult voice with `shift` 1.3 to 1.45.
"""

import subprocess
from dataclasses import dataclass, replace

import numpy as np
import soxr

Seconds = float
Decibels = float

SAMPLE_RATE = 16_000  # Hz, Whisper's
ESPEAK_RATE = 22_050  # Hz, espeak-ng's own
ESPEAK_SLOWEST = 80  # words a minute; below this espeak-ng clamps silently
WAV_HEADER = 44  # bytes before the samples that espeak-ng writes to a pipe
SPEECH_LEVEL: Decibels = -24.0  # RMS re full scale of a speaker with level 0

ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan")
HEARD = (
    *("m1", "m2", "m3", "m4", "m5", "m7", "max", "Alex", "Denis", "victor"),
    *("f1", "f2", "f3", "f4", "f5", "Annie", "linda", "steph"),
)
UNHEARD = ("m6", "Michael", "aunty", "belinda")  # never in pretraining, with any accent


@dataclass(frozen=True)
class Voice:
    espeak: str  # accent+variant, as espeak-ng -v takes it
    pitch: int  # 0..99, espeak-ng -p
    words_per_minute: float  # before pauses
    shift: float = 1.0  # factor on pitch and formants
    hesitation: float = 0.0  # chance of a break after a word
    unevenness: float = 0.0  # relative spread of the tempo between breaks
    snr: Decibels = 40.0
    level: Decibels = 0.0
    spread: float = 0.01  # relative change of pitch and formants from one utterance to the next


def adult(rng: np.random.Generator, wide: bool = False) -> Voice:
    """A random adult heard in pretraining; `wide` adds tempo, hesitation and tract lengths beyond the common ones."""
    return Voice(
        espeak=f"{rng.choice(ACCENTS)}+{rng.choice(HEARD)}",
        pitch=int(rng.integers(20, 66)),
        words_per_minute=rng.uniform(105, 190) if wide else rng.uniform(140, 200),
        shift=rng.uniform(0.90, 1.15) if wide else rng.uniform(0.94, 1.06),
        hesitation=rng.uniform(0, 0.25) if wide else 0.0,
        unevenness=0.15 if wide else 0.0,
        snr=rng.uniform(18, 45) if wide else rng.uniform(22, 45),
        level=rng.uniform(-8, 4),
    )


def child(espeak: str, age: float, rng: np.random.Generator) -> Voice:
    """A child of 5 to 11 years: the younger, the shorter the tract, the slower, the more hesitant."""
    growth = (age - 5) / 6
    return Voice(
        espeak=espeak,
        pitch=int(rng.integers(55, 76)) - round(8 * growth),
        words_per_minute=114 + 28 * growth + rng.uniform(-2, 6),
        shift=1.45 - 0.14 * growth + rng.uniform(-0.02, 0.02),
        hesitation=0.18 - 0.10 * growth,
        unevenness=0.18 - 0.08 * growth,
        snr=rng.uniform(17, 28),
        level=rng.uniform(-6, 2),
        spread=0.025,
    )


def vary(voice: Voice, rng: np.random.Generator) -> Voice:
    """The same speaker in another utterance: a little higher or lower, faster or slower, nearer or farther."""
    return replace(
        voice,
        pitch=int(np.clip(voice.pitch + rng.normal(0, 4), 0, 99)),
        words_per_minute=voice.words_per_minute * rng.uniform(0.94, 1.08),
        shift=voice.shift * rng.uniform(1 - voice.spread, 1 + voice.spread),
        snr=voice.snr + rng.uniform(-3, 3),
        level=voice.level + rng.uniform(-3, 3),
    )


def markup(text: str, voice: Voice, rng: np.random.Generator) -> str:
    """The text as SSML: a pause and a new tempo wherever the speaker hesitates."""
    if not voice.hesitation:
        return text
    phrases, phrase = [], []
    for word in text.split():
        phrase.append(word)
        if rng.random() < voice.hesitation:
            phrases.append(phrase)
            phrase = []
    phrases += [phrase] if phrase else []
    parts = []
    for words in phrases:
        percent = round(100 * np.clip(1 + rng.normal(0, voice.unevenness), 0.7, 1.3))
        pause = round(rng.gamma(2.0, 110))  # milliseconds, mostly 0.1 to 0.4 s
        parts.append(f'<prosody rate="{percent}%">{" ".join(words)}</prosody><break time="{pause}ms"/>')
    return " ".join(parts)


def trim(speech: np.ndarray, margin: Seconds = 0.02) -> np.ndarray:
    """Speech without the silence that espeak-ng puts around it; [n] -> [m]."""
    loud = np.flatnonzero(np.abs(speech) > 0.01 * np.abs(speech).max())
    pad = int(margin * SAMPLE_RATE)
    return speech[max(loud[0] - pad, 0) : loud[-1] + pad]


def speak(text: str, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """One utterance without room or noise: float32 [n] at 16 kHz, RMS at the speaker's level."""
    rate = max(voice.words_per_minute / voice.shift, ESPEAK_SLOWEST)
    options = ["-v", voice.espeak, "-p", str(voice.pitch), "-s", str(round(rate)), "-m", "--stdout"]
    wav = subprocess.run(["espeak-ng", *options, markup(text, voice, rng)], capture_output=True, check=True).stdout
    samples = np.frombuffer(wav[WAV_HEADER:], np.int16).astype(np.float32) / 2**15
    speech = trim(soxr.resample(samples, ESPEAK_RATE * voice.shift, SAMPLE_RATE))
    return speech * 10 ** ((SPEECH_LEVEL + voice.level) / 20) / np.sqrt(np.mean(speech**2))


def noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Steady room noise of unit RMS whose spectrum falls by 2 to 8 dB an octave; float32 [samples]."""
    size = 1 << (samples - 1).bit_length()  # numpy's FFT of a prime length takes ten times as long
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 50.0)
    spectrum = np.fft.rfft(rng.standard_normal(size)) * hertz ** -rng.uniform(0.3, 1.3)
    coloured = np.fft.irfft(spectrum, size)[:samples]
    return (coloured / np.sqrt(np.mean(coloured**2))).astype(np.float32)


def record(
    utterances: list[np.ndarray], gaps: list[Seconds], voice: Voice, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[Seconds, Seconds]]]:
    """Utterances in one take: gaps[0], utterance, gaps[1], utterance, ... gaps[-1], over unbroken noise.

    Returns the audio, float32 [n] at 16 kHz, and where each utterance starts and ends.
    """
    silences = [np.zeros(round(gap * SAMPLE_RATE), np.float32) for gap in gaps]
    pieces, spans, position = [silences[0]], [], len(silences[0])
    for speech, silence in zip(utterances, silences[1:], strict=True):
        spans.append((position / SAMPLE_RATE, (position + len(speech)) / SAMPLE_RATE))
        pieces += [speech, silence]
        position += len(speech) + len(silence)
    audio = np.concatenate(pieces)
    hiss = 10 ** ((SPEECH_LEVEL + voice.level - voice.snr) / 20)
    return np.clip(audio + hiss * noise(len(audio), rng), -0.99, 0.99).astype(np.float32), spans
