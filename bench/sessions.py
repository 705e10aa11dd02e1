"""Make long recordings from the clips of an evaluation set; when each utterance is spoken in them is known:

python -m bench.sessions FOLDER [--clips processed_data/evaluation/test] [--adults processed_data/evaluation/adult]

A session has one or two children, gaps of 0.5 to 20 s between their utterances, and room noise throughout. In some of
the gaps adults speak, whose utterances are not in the transcript. FOLDER/session-00.wav is the recording,
session-00.txt the transcript without times (`speaker: text`, one utterance a line), and session-00.json has the times
of all utterances, also those of adults. The same seed gives the same bytes.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from stages.common.errors import exit_on_user_error
from stages.decoding import voice
from stages.records import shards
from stages.records.shards import Clip
from stages.records.units import SAMPLE_RATE, Seconds

ADULT_SHARE = 0.25  # share of the gaps in which an adult speaks
SPEECH_RANGE = 30.0  # dB; frames that are quieter than the loudest by more than this are no speech
SPEECH_OVER_NOISE = 6.0  # dB; nor are frames that are not this much over the clip's own background
HOLE = 10  # frames; loud frames with a longer gap between them are in different stretches
CLICK = 8  # frames; a stretch that is shorter is a click


@dataclass(frozen=True)
class Place:
    """Who says what in a session, and when."""

    start: Seconds
    end: Seconds
    speaker: str
    text: str
    transcribed: bool  # whether it is in the transcript


def speech_borders(samples: np.ndarray) -> tuple[int, int]:
    """Where speech begins and ends in a clip, in samples, by its level; clicks before and after it do not count.

    Parameters
    ----------
    samples : float32, shape (samples,)
    """
    levels = voice.levels(samples)
    threshold = max(levels.max() - SPEECH_RANGE, np.percentile(levels, 10) + SPEECH_OVER_NOISE)
    loud = np.flatnonzero(levels >= min(threshold, levels.max()))
    stretches = np.split(loud, np.flatnonzero(np.diff(loud) > HOLE) + 1)
    longest = max(len(stretch) for stretch in stretches)
    spoken = [stretch for stretch in stretches if len(stretch) >= min(CLICK, longest)]
    return int(spoken[0][0]) * voice.LEVEL_FRAME, (int(spoken[-1][-1]) + 1) * voice.LEVEL_FRAME


def pink_noise(length: int, random: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with the frequency, as room noise does; mean power 1, shape (length,)."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return noise / np.sqrt(np.mean(noise**2))


class Session:
    """A recording to which clips and gaps are appended."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.length = 0  # samples
        self.places: list[Place] = []

    def wait(self, seconds: Seconds) -> None:
        """Append silence."""
        self._append(np.zeros(round(seconds * SAMPLE_RATE), np.float32))

    def speak(self, clip: Clip, samples: np.ndarray, transcribed: bool) -> None:
        """Append a clip, and note its place."""
        first, last = speech_borders(samples)
        start, end = (self.length + first) / SAMPLE_RATE, (self.length + last) / SAMPLE_RATE
        self.places.append(Place(round(start, 3), round(end, 3), clip.speaker, clip.text, transcribed))
        self._append(samples)

    def _append(self, samples: np.ndarray) -> None:
        self.parts.append(samples)
        self.length += len(samples)

    def recording(self, noise_decibels: float, random: np.random.Generator) -> np.ndarray:
        """The whole session with room noise, int16, shape (samples,).

        Parameters
        ----------
        noise_decibels : level of the noise relative to the speech
        """
        samples = np.concatenate(self.parts)
        speech = samples[samples != 0]
        level = np.sqrt(np.mean(speech**2)) * 10 ** (noise_decibels / 20)
        mixed = samples + level * pink_noise(len(samples), random)
        return (np.clip(mixed, -1, 1 - 2**-15) * 2**15).astype(np.int16)


def gap(limits: tuple[Seconds, Seconds], random: np.random.Generator) -> Seconds:
    """A pause between two limits; short ones are more frequent than long ones."""
    return float(np.exp(random.uniform(*np.log(limits))))


def make_session(
    children: list[tuple[Clip, np.ndarray]],
    adults: list[tuple[Clip, np.ndarray]],
    gaps: tuple[Seconds, Seconds],
    random: np.random.Generator,
) -> Session:
    """Put the children's clips one after the other, in the given order, with gaps and some adults' clips between them.

    Parameters
    ----------
    children, adults : clips with their samples
    gaps : the shortest and the longest gap
    """
    session = Session()
    session.wait(gap(gaps, random))
    for clip, samples in children:
        session.speak(clip, samples, transcribed=True)
        session.wait(gap(gaps, random))
        if adults and random.random() < ADULT_SHARE:
            session.speak(*adults[random.integers(len(adults))], transcribed=False)
            session.wait(gap(gaps, random))
    return session


def clips_by_speaker(folder: Path) -> dict[str, list[Clip]]:
    speakers: dict[str, list[Clip]] = {}
    for clip in shards.read_manifest(folder):
        speakers.setdefault(clip.speaker, []).append(clip)
    return speakers


def write_session(path: Path, session: Session, noise_decibels: float, random: np.random.Generator) -> None:
    """Write `path`.wav, .txt and .json."""
    soundfile.write(path.with_suffix(".wav"), session.recording(noise_decibels, random), SAMPLE_RATE, subtype="PCM_16")
    lines = [f"{place.speaker}: {place.text}\n" for place in session.places if place.transcribed]
    path.with_suffix(".txt").write_text("".join(lines), encoding="utf-8")
    truth = [asdict(place) for place in session.places]
    path.with_suffix(".json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="is made; holds the sessions")
    parser.add_argument("--clips", type=Path, default=Path("processed_data/evaluation/test"), help="children")
    parser.add_argument("--adults", type=Path, help="their clips go into some of the gaps; default: none")
    parser.add_argument("--sessions", type=int, help="default: all children, each in one session")
    parser.add_argument("--gaps", type=float, nargs=2, default=(0.5, 20.0), help="seconds; default: 0.5 20")
    parser.add_argument("--noise", type=float, default=-25.0, help="room noise, dB relative to speech; default: -25")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    waiting = list(clips_by_speaker(arguments.clips).values())
    adults = []
    if arguments.adults:
        adult_clips = shards.read_manifest(arguments.adults)
        chosen = random.choice(len(adult_clips), min(100, len(adult_clips)), replace=False)
        for index in sorted(chosen):
            adults.append((adult_clips[index], shards.read_audio(arguments.adults, adult_clips[index])))
    arguments.folder.mkdir(parents=True)
    number = 0
    while waiting and number != arguments.sessions:
        clips: list[Clip] = []
        count = int(random.integers(1, 3))
        for clips_of_speaker in waiting[:count]:
            clips += clips_of_speaker
        del waiting[:count]
        random.shuffle(clips)
        children = [(clip, shards.read_audio(arguments.clips, clip)) for clip in clips]
        session = make_session(children, adults, arguments.gaps, random)
        path = arguments.folder / f"session-{number:02d}"
        write_session(path, session, arguments.noise, random)
        print(f"{path}.wav: {session.length / SAMPLE_RATE / 60:.1f} minutes, {len(clips)} utterances of children")
        number += 1


if __name__ == "__main__":
    main()
