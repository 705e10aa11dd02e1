"""Measure how exact word times are, where two utterances meet whose borders are known:

python -m bench.word_times SPLIT MODEL [--pairs 60]

SPLIT is a split of processed_data. The speech of two of its clips is joined, with a pause between them. The model is
given both references, and its times of the last word of the first and the first word of the second are compared with
the truth. Both clips are of the same speaker if the split allows. The same seed gives the same pairs.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from bench.sessions import speech_borders
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.decoding import transcription, voice
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Decoder, Hypothesis
from stages.records import shards
from stages.records.shards import Clip
from stages.records.units import SAMPLE_RATE, Seconds
from tools import sources
from tools.transcribe import words

HEADER = ("pause s", "pairs", "border", "median error s", "95th percentile s", "mean shift s")
PAUSES: tuple[Seconds, ...] = (0.05, 0.15, 0.3)
EDGE: Seconds = 0.3  # silence before and after the utterances
NOISE = 3e-4  # root mean square of the noise in pauses: of a quiet room


def pairs_of(clips: list[Clip], number: int) -> list[tuple[Clip, Clip]]:
    """Pairs of clips of one speaker that follow each other."""
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.text.split():
            by_speaker[clip.speaker].append(clip)
    pairs = []
    for of_speaker in by_speaker.values():
        pairs += zip(of_speaker[::2], of_speaker[1::2], strict=False)
    chosen = np.random.default_rng(0).permutation(len(pairs))[:number]
    return [pairs[index] for index in chosen]


def errors(decoder: Decoder, folder: Path, pair: tuple[Clip, Clip], pause: Seconds) -> tuple[Seconds, Seconds]:
    """How much too late the last word of the first clip ends, and the first word of the second begins."""
    spoken = []
    for clip in pair:
        samples = shards.read_audio(folder, clip)
        first, last = speech_borders(samples)
        spoken.append(samples[first:last])
    end = EDGE + len(spoken[0]) / SAMPLE_RATE
    edge, gap = np.zeros(round(EDGE * SAMPLE_RATE)), np.zeros(round(pause * SAMPLE_RATE))
    joined = np.concatenate([edge, spoken[0], gap, spoken[1], edge])
    joined = (joined + NOISE * np.random.default_rng(0).standard_normal(len(joined))).astype(np.float32)
    seconds = len(joined) / SAMPLE_RATE
    text = " ".join(" ".join(clip.text.split()) for clip in pair)
    stretches = tuple(voice.speech(joined, decoder.window / 2))
    segment = SpokenSegment(0.0, seconds, Hypothesis(text, -0.1), False, stretches)
    (timed,) = words.words_of(decoder, joined, [segment])
    number = len(pair[0].text.split())
    return timed[number - 1].end - end, timed[number].start - (end + pause)


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("model", help="a checkpoint or an adapter")
    parser.add_argument("--pairs", type=int, default=60, help="default: 60")
    arguments = parser.parse_args()
    settings = params.load()
    decoder = transcription.prepare(sources.load_checkpoint(arguments.model), settings)
    pairs = pairs_of(shards.read_manifest(arguments.split), arguments.pairs)
    rows = []
    for pause in PAUSES:
        measured = np.array([errors(decoder, arguments.split, pair, pause) for pair in pairs])
        for name, column in zip(("end of a word", "start of a word"), measured.T, strict=True):
            sizes = np.abs(column)
            figures = (np.median(sizes), np.percentile(sizes, 95), column.mean())
            rows.append((f"{pause:g}", str(len(pairs)), name, *(f"{figure:.3f}" for figure in figures)))
    print(aligned([HEADER, *rows], names=0))


if __name__ == "__main__":
    main()
