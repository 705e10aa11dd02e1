"""Speak texts with espeak-ng, in the voices of adults and children in noisy rooms.

espeak-ng is a formant synthesiser. Resampling its output by a factor raises the pitch and all formants together, as a
shorter vocal tract does. It also makes the speech faster, so espeak-ng is asked for slower speech. A child is an
adult's voice with a factor (`shift`) of 1.3 to 1.45.
"""

import subprocess
from dataclasses import dataclass, replace

import numpy as np
import soxr

Seconds = float
Decibels = float

SAMPLE_RATE = 16_000  # Hz, Whisper's
ESPEAK_RATE = 22_050  # Hz, espeak-ng's own
ESPEAK_SLOWEST = 80  # words a minute; espeak-ng speaks at this rate if a lower one is asked for
WAV_HEADER = 44  # bytes before the samples that espeak-ng writes to a pipe
SPEECH_LEVEL: Decibels = -24.0  # RMS of a speaker with level 0, relative to full scale

ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan")
# espeak-ng's voice variants that the model was pretrained on: male, then female
PRETRAINING_VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m7", "max", "Alex", "Denis", "victor"),
    *("f1", "f2", "f3", "f4", "f5", "Annie", "linda", "steph"),
)
OTHER_VARIANTS = ("m6", "Michael", "aunty", "belinda")  # not used in pretraining, with any accent


@dataclass(frozen=True)
class Voice:
    espeak: str  # accent+variant: the option -v of espeak-ng
    pitch: int  # 0..99: the option -p of espeak-ng
    words_per_minute: float  # without the pauses
    shift: float = 1.0  # factor by which pitch and formants are raised
    hesitation: float = 0.0  # probability of a pause after a word
    unevenness: float = 0.0  # relative standard deviation of the tempo between pauses
    snr: Decibels = 40.0  # level of the speech above that of the noise
    level: Decibels = 0.0  # relative to SPEECH_LEVEL
    spread: float = 0.01  # largest relative change of `shift` from one utterance to the next


def adult(rng: np.random.Generator, wide: bool = False) -> Voice:
    """Draw an adult voice for pretraining; with `wide`, tempo, hesitation and vocal tract vary more."""
    return Voice(
        espeak=f"{rng.choice(ACCENTS)}+{rng.choice(PRETRAINING_VARIANTS)}",
        pitch=int(rng.integers(20, 66)),
        words_per_minute=rng.uniform(105, 190) if wide else rng.uniform(140, 200),
        shift=rng.uniform(0.90, 1.15) if wide else rng.uniform(0.94, 1.06),
        hesitation=rng.uniform(0, 0.25) if wide else 0.0,
        unevenness=0.15 if wide else 0.0,
        snr=rng.uniform(18, 45) if wide else rng.uniform(22, 45),
        level=rng.uniform(-8, 4),
    )


def child(espeak: str, age: float, rng: np.random.Generator) -> Voice:
    """Draw the voice of a child of 5 to 11 years.

    Younger children have a shorter vocal tract, speak more slowly and hesitate more often.
    """
    growth = (age - 5) / 6  # 0 at 5 years, 1 at 11
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
    """Return the voice of the same speaker in another utterance: pitch, tempo, level and noise differ a little."""
    return replace(
        voice,
        pitch=int(np.clip(voice.pitch + rng.normal(0, 4), 0, 99)),
        words_per_minute=voice.words_per_minute * rng.uniform(0.94, 1.08),
        shift=voice.shift * rng.uniform(1 - voice.spread, 1 + voice.spread),
        snr=voice.snr + rng.uniform(-3, 3),
        level=voice.level + rng.uniform(-3, 3),
    )


def markup(text: str, voice: Voice, rng: np.random.Generator) -> str:
    """Return the text as SSML, with a pause and a new tempo at each place where the speaker hesitates."""
    if not voice.hesitation:
        return text
    phrases, phrase = [], []
    for word in text.split():
        phrase.append(word)
        if rng.random() < voice.hesitation:
            phrases.append(phrase)
            phrase = []
    if phrase:
        phrases.append(phrase)
    parts = []
    for words in phrases:
        percent = round(100 * np.clip(1 + rng.normal(0, voice.unevenness), 0.7, 1.3))
        pause = round(rng.gamma(2.0, 110))  # milliseconds, mostly 0.1 to 0.4 s
        parts.append(f'<prosody rate="{percent}%">{" ".join(words)}</prosody><break time="{pause}ms"/>')
    return " ".join(parts)


def trim(speech: np.ndarray, margin: Seconds = 0.02) -> np.ndarray:
    """Remove the silence that espeak-ng puts around speech; [n] -> [m]."""
    loud = np.flatnonzero(np.abs(speech) > 0.01 * np.abs(speech).max())
    pad = int(margin * SAMPLE_RATE)
    return speech[max(loud[0] - pad, 0) : loud[-1] + pad]


def speak(text: str, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Speak one utterance without noise: float32 [n] at 16 kHz, with an RMS of the speaker's level."""
    rate = max(voice.words_per_minute / voice.shift, ESPEAK_SLOWEST)
    options = ["-v", voice.espeak, "-p", str(voice.pitch), "-s", str(round(rate)), "-m", "--stdout"]
    wav = subprocess.run(["espeak-ng", *options, markup(text, voice, rng)], capture_output=True, check=True).stdout
    samples = np.frombuffer(wav[WAV_HEADER:], np.int16).astype(np.float32) / 2**15
    speech = trim(soxr.resample(samples, ESPEAK_RATE * voice.shift, SAMPLE_RATE))
    return speech * 10 ** ((SPEECH_LEVEL + voice.level) / 20) / np.sqrt(np.mean(speech**2))


def noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return steady room noise with an RMS of 1, whose spectrum falls by 2 to 8 dB an octave; float32 [samples]."""
    size = 1 << (samples - 1).bit_length()  # numpy's FFT of a prime length takes ten times as long
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 50.0)
    spectrum = np.fft.rfft(rng.standard_normal(size)) * hertz ** -rng.uniform(0.3, 1.3)
    coloured = np.fft.irfft(spectrum, size)[:samples]
    return (coloured / np.sqrt(np.mean(coloured**2))).astype(np.float32)


def record(
    utterances: list[np.ndarray], gaps: list[Seconds], voice: Voice, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[Seconds, Seconds]]]:
    """Join utterances into one recording: gaps[0], utterance, gaps[1], utterance, ... gaps[-1]; noise over all of it.

    Returns the audio, float32 [n] at 16 kHz, and where each utterance starts and ends.
    """
    silences = [np.zeros(round(gap * SAMPLE_RATE), np.float32) for gap in gaps]
    pieces = [silences[0]]
    spans = []
    position = len(silences[0])  # samples
    for speech, silence in zip(utterances, silences[1:], strict=True):
        spans.append((position / SAMPLE_RATE, (position + len(speech)) / SAMPLE_RATE))
        pieces += [speech, silence]
        position += len(speech) + len(silence)
    audio = np.concatenate(pieces)
    noise_level = 10 ** ((SPEECH_LEVEL + voice.level - voice.snr) / 20)
    audio = audio + noise_level * noise(len(audio), rng)
    return np.clip(audio, -0.99, 0.99).astype(np.float32), spans
