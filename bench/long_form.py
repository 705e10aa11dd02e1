"""Compare ways to transcribe long recordings, by their wrong, missing and invented words, times of segments, and speed.

python -m bench.long_form FOLDER MODEL... [--noise 10]

FOLDER is made by bench.sessions; the utterances of adults count as references, too. A MODEL is a checkpoint or an
export. --noise is for how many minutes of bench.noise without speech, in which every word is invented. The ways:

    ours             as python -m tools.transcribe
    everything       as python -m tools.transcribe --everything
    faster-whisper   with its defaults
    faster-vad       with vad_filter=True
    pipeline         the pipeline of transformers with return_timestamps=True, greedy

A segment's times are valid if both are given, the end is after the start, and both are within the recording. The error
of a border is its distance from the nearest time at which an utterance begins or, for an end, ends. "on time" is the
share of utterances whose start and end each have such a border within 0.5 s.

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
from bench.decoders import faster_model, stock_folder
from bench.train import device_type
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.decoding import spoken_segments, transcription
from stages.decoding.transcription import Decoder
from stages.records import paths
from stages.records.units import SAMPLE_RATE, Seconds
from stages.wer import normalisers
from stages.wer.error_counts import count_errors
from tools import sources

HEADER = (
    *("model", "way", "WER %", "del %", "ins %", "invented words", "in noise"),
    *("segments", "valid %", "border error s", "on time %", "times real time"),
)
WAYS = ("ours", "everything", "faster-whisper", "faster-vad", "pipeline")
ON_TIME: Seconds = 0.5

Cue = tuple[Seconds | None, Seconds | None, str]  # start, end, text; None: the decoder gave no time
Way = Callable[[np.ndarray], list[Cue]]


@dataclass
class Counts:
    """The results of one way on all sessions."""

    references: list[str] = field(default_factory=list)
    hypotheses: list[str] = field(default_factory=list)
    invented: int = 0  # words of cues at times when nobody speaks
    in_noise: int = 0  # words in recordings without speech
    segments: int = 0
    valid: int = 0  # segments with valid times
    border_errors: list[Seconds] = field(default_factory=list)  # of the starts and ends of valid segments
    utterances: int = 0
    on_time: int = 0  # utterances
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


def pipeline_way(folder: Path, language: str) -> Way:
    from transformers import pipeline

    recogniser = pipeline("automatic-speech-recognition", model=str(folder), device=device_type())
    options = {"language": language, "task": "transcribe", "num_beams": 1}

    def transcribe(samples: np.ndarray) -> list[Cue]:
        sound = {"raw": samples, "sampling_rate": SAMPLE_RATE}
        chunks = recogniser(sound, return_timestamps=True, generate_kwargs=options)["chunks"]
        return [(*chunk["timestamp"], chunk["text"].strip()) for chunk in chunks]

    return transcribe


def count_session(
    cues: list[Cue], truth: list[dict], length: Seconds, normalise: Callable[[str], str], counts: Counts
) -> None:
    """Add what was recognised in a session to the counts.

    Parameters
    ----------
    truth : places of the session's utterances
    length : of the recording
    """
    counts.references.append(normalise(" ".join(place["text"] for place in truth)))
    counts.hypotheses.append(normalise(" ".join(text for _, _, text in cues)))
    valid = []
    for start, end, text in cues:
        if start is not None and end is not None and 0 <= start < end <= length + ON_TIME:
            valid.append((start, end))
        first, last = start or 0.0, length if end is None else end
        if not any(place["start"] < last and first < place["end"] for place in truth):
            counts.invented += len(normalise(text).split())
    counts.segments += len(cues)
    counts.valid += len(valid)
    count_borders(valid, truth, counts)


def count_borders(segments: list[tuple[Seconds, Seconds]], truth: list[dict], counts: Counts) -> None:
    """Add the errors of the segments' borders, and the utterances that have a border at their start and their end."""
    counts.utterances += len(truth)
    if not segments:
        return
    near = np.ones(len(truth), dtype=bool)
    for side, name in enumerate(("start", "end")):
        spoken = np.array([place[name] for place in truth])
        written = np.array([segment[side] for segment in segments])
        distances = np.abs(spoken[:, None] - written)
        counts.border_errors += distances.min(axis=0).tolist()
        near &= distances.min(axis=1) <= ON_TIME
    counts.on_time += int(near.sum())


def measure(way: Way, folder: Path, quiet: dict[str, np.ndarray], normalise: Callable[[str], str]) -> Counts:
    """Transcribe all sessions, and the recordings without speech, in one way."""
    counts = Counts()
    for path in sorted(folder.glob("*.json")):
        samples, _ = soundfile.read(path.with_suffix(".wav"), dtype="float32")
        began = time.perf_counter()
        cues = way(samples)
        counts.computing += time.perf_counter() - began
        counts.audio += len(samples) / SAMPLE_RATE
        truth = json.loads(path.read_text(encoding="utf-8"))
        count_session(cues, truth, len(samples) / SAMPLE_RATE, normalise, counts)
    for samples in quiet.values():
        for _, _, text in way(samples):
            counts.in_noise += len(normalise(text).split())
    return counts


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of bench.sessions")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a checkpoint or an export")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: all")
    parser.add_argument("--noise", type=float, default=5.0, help="minutes; default: 5")
    arguments = parser.parse_args()
    settings = params.load()
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    quiet = dict(noise.recordings(noise.kinds([]), arguments.noise)) if arguments.noise else {}
    rows = []
    for folder in arguments.models:
        model = stock_folder(folder)
        decoder = transcription.prepare(sources.load_checkpoint(str(model)), settings)
        for name in arguments.ways:
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                if name == "pipeline":
                    way = pipeline_way(model, settings.language)
                elif name.startswith("faster"):
                    way = faster_way(faster_model(model, Path(scratch)), settings.language, name == "faster-vad")
                else:
                    way = our_way(decoder, name == "everything")
                rows.append((str(folder), name, *cells(measure(way, arguments.folder, quiet, normalise))))
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
        str(counts.segments),
        f"{100 * counts.valid / max(1, counts.segments):.1f}",
        f"{np.median(counts.border_errors):.2f}" if counts.border_errors else "-",
        f"{100 * counts.on_time / counts.utterances:.1f}",
        f"{counts.audio / counts.computing:.1f}",
    )


if __name__ == "__main__":
    main()
