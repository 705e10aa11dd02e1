"""Count the words that models write for recordings in which nobody speaks:

python -m bench.noise MODEL... [--clips FOLDER] [--sounds FOLDER] [--minutes 60] [--everything-minutes 12]

Each kind of noise is made with a seed, and half of it is soft, half loud. --clips is a split of processed_data; its
clips are played backwards and overlaid, which sounds like a room full of children and holds no word. --sounds is a
folder of real recordings without speech; each is a kind of its own and as long as it is. The ways:

    speech only   as python -m tools.transcribe: what Silero VAD takes for speech is decoded
    everything    as python -m tools.transcribe --everything
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.cutting import audio
from stages.decoding import spoken_segments, transcription
from stages.decoding.transcription import Decoder
from stages.records import paths, shards
from stages.records.units import SAMPLE_RATE, Seconds
from stages.wer import normalisers
from tools import recording_files, sources

HEADER = ("model", "way", "noise", "minutes", "words", "of these doubtful", "words an hour")
SEED = 1
SOFT, LOUD = 0.01, 0.1  # root mean square of the samples; speech in speechocean762 has about 0.05
VOICES = 12  # clips that are overlaid at any time
BEAT: Seconds = 0.5
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)  # semitones of a major scale

Noise = Callable[[int, Generator], np.ndarray]  # (number of samples, generator) -> samples of any level


def coloured(exponent: float) -> Noise:
    """Noise whose power falls with this power of the frequency: 0 white, 1 pink, 2 brown."""

    def make(length: int, random: Generator) -> np.ndarray:
        spectrum = np.fft.rfft(random.standard_normal(length))
        spectrum[1:] /= np.arange(1, len(spectrum)) ** (exponent / 2)
        # Below 20 Hz nothing is heard, and in brown noise it would be most of the power.
        spectrum[np.fft.rfftfreq(length, 1 / SAMPLE_RATE) < 20] = 0
        return np.fft.irfft(spectrum, length)

    return make


def hum(length: int, random: Generator) -> np.ndarray:
    """Mains hum of 50 Hz with its harmonics, over soft noise."""
    times = np.arange(length) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * 50 * number * times) / number for number in (1, 2, 3, 5, 7))
    return tones + 0.1 * random.standard_normal(length)


def silence(length: int, random: Generator) -> np.ndarray:
    """Digital silence: zeros."""
    return np.zeros(length)


def clicks(length: int, random: Generator) -> np.ndarray:
    """A quiet room in which something clicks or knocks, about once a second."""
    is_click = random.random(length) < 1 / SAMPLE_RATE
    strength = np.where(is_click, random.uniform(0.2, 1, length), 0)
    decay = np.exp(-np.arange(2000) / 300) * random.standard_normal(2000)
    spread = np.fft.irfft(np.fft.rfft(strength, 2 * length) * np.fft.rfft(decay, 2 * length), 2 * length)
    return spread[:length] + 0.005 * coloured_to_one(1, length, random)


def music(length: int, random: Generator) -> np.ndarray:
    """Chords of three notes and a melody over them, each note with harmonics and a decay."""
    beat = round(BEAT * SAMPLE_RATE)
    samples = np.zeros(length + 5 * beat)
    for number, start in enumerate(range(0, length, beat)):
        _add_note(samples, start, beat, SCALE[random.integers(len(SCALE))] + 12, 1.0)
        if number % 4 == 0:
            root = random.integers(5)
            for step in (0, 2, 4):
                _add_note(samples, start, 4 * beat, SCALE[(root + step) % 7], 0.5)
    return samples[:length]


def _add_note(samples: np.ndarray, start: int, length: int, semitones: int, strength: float) -> None:
    times = np.arange(length) / SAMPLE_RATE
    frequency = 220 * 2 ** (semitones / 12)
    for harmonic in (1, 2, 3, 4):
        tone = np.sin(2 * np.pi * frequency * harmonic * times) / harmonic
        samples[start : start + length] += strength * tone * np.exp(-3 * times)


def traffic(length: int, random: Generator) -> np.ndarray:
    """A low rumble that swells when something passes, about every ten seconds."""
    rumble, hiss = coloured_to_one(2, length, random), coloured_to_one(1, length, random)
    times = np.arange(length) / SAMPLE_RATE
    swell = np.full(length, 0.1)
    for middle in random.uniform(0, length / SAMPLE_RATE, max(1, length // (10 * SAMPLE_RATE))):
        swell += np.exp(-(((times - middle) / random.uniform(0.7, 2.5)) ** 2))
    return swell * (rumble + 0.2 * hiss)


def coloured_to_one(exponent: float, length: int, random: Generator) -> np.ndarray:
    """Coloured noise with a root mean square of 1."""
    return scaled(coloured(exponent)(length, random), 1.0)


def scaled(samples: np.ndarray, level: float) -> np.ndarray:
    """The samples with this root mean square; digital silence stays what it is."""
    power = np.sqrt(np.mean(samples**2))
    return samples * (level / power) if power else samples


def babble(clips: list[np.ndarray]) -> Noise:
    """Clips, played backwards and overlaid without a pause."""

    def make(length: int, random: Generator) -> np.ndarray:
        samples = np.zeros(length)
        for _ in range(VOICES):
            position = 0
            while position < length:
                clip = clips[random.integers(len(clips))][: length - position]
                samples[position : position + len(clip)] += scaled(clip[::-1], 1.0)
                position += len(clip)
        return samples

    return make


def kinds(clips: list[np.ndarray]) -> dict[str, Noise]:
    """All kinds of noise that can be made; babble needs clips."""
    made: dict[str, Noise] = {
        "white noise": coloured(0),
        "pink noise": coloured(1),
        "brown noise": coloured(2),
        "hum": hum,
        "digital silence": silence,
        "clicks in silence": clicks,
        "music": music,
        "traffic": traffic,
    }
    if clips:
        made["babble, backwards"] = babble(clips)
    return made


def recordings(made: dict[str, Noise], minutes: float) -> Iterator[tuple[str, np.ndarray]]:
    """Each kind's recording, float32 of shape (samples,); together they last `minutes`."""
    half = round(minutes * 60 * SAMPLE_RATE / len(made) / 2)
    for number, (name, make) in enumerate(made.items()):
        parts = []
        for level in (SOFT, LOUD):
            part = scaled(make(half, np.random.default_rng([SEED, number])), level)
            parts.append(np.clip(part, -1, 1).astype(np.float32))
        yield name, np.concatenate(parts)


def real_recordings(folder: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    for path in recording_files.recordings_in(folder) if folder else []:
        try:
            yield path.stem, recording_files.read(path, "mix")
        except audio.AudioError as error:
            print(f"{path}: {error.detail}, left out")


def count(decoder: Decoder, samples: np.ndarray, everything: bool, normalise: Callable[[str], str]) -> tuple[int, int]:
    """How many words are written, and how many of them are marked as doubtful."""
    words = doubtful = 0
    for segment in spoken_segments.transcribe(decoder, samples, everything):
        number = len(normalise(segment.hypothesis.text).split())
        words += number
        doubtful += number * segment.doubtful
    return words, doubtful


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a checkpoint or an adapter")
    parser.add_argument("--clips", type=Path, help="a split of processed_data; default: no babble")
    parser.add_argument("--sounds", type=Path, help="a folder of recordings without speech; default: none")
    parser.add_argument("--minutes", type=float, default=60.0, help="of made noise, for speech only; default: 60")
    parser.add_argument("--everything-minutes", type=float, default=12.0, help="the same for everything; default: 12")
    arguments = parser.parse_args()
    settings = params.load()
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    clips: list[np.ndarray] = []
    if arguments.clips:
        clips = [shards.read_audio(arguments.clips, clip) for clip in shards.read_manifest(arguments.clips)[:500]]
    made = kinds(clips)
    rows = []
    for model in arguments.models:
        decoder = transcription.prepare(sources.load_checkpoint(model), settings)
        for way, minutes in (("speech only", arguments.minutes), ("everything", arguments.everything_minutes)):
            noises = [*recordings(made, minutes), *real_recordings(arguments.sounds)] if minutes else []
            for name, samples in noises:
                words, doubtful = count(decoder, samples, way == "everything", normalise)
                length = len(samples) / SAMPLE_RATE / 60
                hourly = f"{words / length * 60:.0f}"
                rows.append((model, way, name, f"{length:.1f}", str(words), str(doubtful), hourly))
                print(" ".join(rows[-1]), flush=True)  # at once, so that these figures are seen if the run is stopped
    print(aligned([HEADER, *rows], names=3))


if __name__ == "__main__":
    main()
