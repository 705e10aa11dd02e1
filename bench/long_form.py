"""Compare ways to transcribe long recordings, by their wrong, missing and invented words, and their speed.

python -m bench.long_form FOLDER MODEL... [--noise 10]

FOLDER is made by bench.sessions; the utterances of adults count as references, too. A MODEL is a checkpoint or an
export. --noise is for how many minutes of bench.noise without speech, in which every word is invented. The ways:

    ours             as python -m tools.transcribe
    everything       as python -m tools.transcribe --everything
    faster-whisper   with its defaults
    faster-vad       with vad_filter=True

Needs pip install -r requirements-extra.txt.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from bench import noise
from bench.decoders import faster_model
from stages.common import params
from stages.common.text_table import aligned
from stages.decoding import spoken_segments, transcription
from stages.decoding.transcription import Decoder
from stages.records import paths
from stages.records.units import SAMPLE_RATE, Seconds
from stages.wer import normalisers
from stages.wer.error_counts import count_errors
from tools import sources

HEADER = ("model", "way", "WER %", "del %", "ins %", "invented words", "in noise", "times real time")
WAYS = ("ours", "everything", "faster-whisper", "faster-vad")

Cue = tuple[Seconds, Seconds, str]
Way = Callable[[np.ndarray], list[Cue]]


@dataclass
class Counts:
    """The results of one way on all sessions."""

    references: list[str] = field(default_factory=list)
    hypotheses: list[str] = field(default_factory=list)
    invented: int = 0  # words of cues at times when nobody speaks
    in_noise: int = 0  # words in recordings without speech
    audio: Seconds = 0.0  # length of all sessions
    computing: Seconds = 0.0  # how long it took to transcribe them


def our_way(decoder: Decoder, everything: bool) -> Way:
    def transcribe(samples: np.ndarray) -> list[Cue]:
        segments = spoken_segments.transcribe(decoder, samples, everything)
        return [(segment.start, segment.end, segment.hypothesis.text) for segment in segments]

    return transcribe


def faster_way(recogniser, language: str, vad: bool) -> Way:
    def transcribe(samples: np.ndarray) -> list[Cue]:
        segments, _ = recogniser.transcribe(samples, language=language, vad_filter=vad)
        return [(segment.start, segment.end, segment.text.strip()) for segment in segments]

    return transcribe


def count_session(cues: list[Cue], truth: list[dict], normalise: Callable[[str], str], counts: Counts) -> None:
    """Add what was recognised in a session to the counts; `truth` has the places of its utterances."""
    counts.references.append(normalise(" ".join(place["text"] for place in truth)))
    counts.hypotheses.append(normalise(" ".join(text for _, _, text in cues)))
    for start, end, text in cues:
        if not any(place["start"] < end and start < place["end"] for place in truth):
            counts.invented += len(normalise(text).split())


def measure(way: Way, folder: Path, quiet: dict[str, np.ndarray], normalise: Callable[[str], str]) -> Counts:
    """Transcribe all sessions, and the recordings without speech, in one way."""
    counts = Counts()
    for path in sorted(folder.glob("*.json")):
        samples, _ = soundfile.read(path.with_suffix(".wav"), dtype="float32")
        began = time.perf_counter()
        cues = way(samples)
        counts.computing += time.perf_counter() - began
        counts.audio += len(samples) / SAMPLE_RATE
        count_session(cues, json.loads(path.read_text(encoding="utf-8")), normalise, counts)
    for samples in quiet.values():
        for _, _, text in way(samples):
            counts.in_noise += len(normalise(text).split())
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of bench.sessions")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a checkpoint or an export")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--noise", type=float, default=5.0, help="minutes; default: 5")
    arguments = parser.parse_args()
    settings = params.load()
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    quiet = dict(noise.recordings(noise.kinds([]), arguments.noise))
    rows = []
    for model in arguments.models:
        decoder = transcription.prepare(sources.load_checkpoint(str(model)), settings)
        for name in arguments.ways:
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                if name.startswith("faster"):
                    way = faster_way(faster_model(model, Path(scratch)), settings.language, name == "faster-vad")
                else:
                    way = our_way(decoder, name == "everything")
                rows.append((str(model), name, *cells(measure(way, arguments.folder, quiet, normalise))))
            print(" ".join(rows[-1]), flush=True)  # at once, so that these figures are seen if the run is stopped
    print(aligned([HEADER, *rows], names=2))


def cells(counts: Counts) -> tuple[str, ...]:
    """The figures of a row, in the order of HEADER, formatted."""
    errors = count_errors(counts.references, counts.hypotheses, str)
    words = errors.words
    total = errors.substitutions + errors.deletions + errors.insertions
    shares = (total, errors.deletions, errors.insertions)
    return (
        *(f"{100 * number / words:.2f}" for number in shares),
        str(counts.invented),
        str(counts.in_noise),
        f"{counts.audio / counts.computing:.1f}",
    )


if __name__ == "__main__":
    main()
