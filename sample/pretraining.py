"""Make the clips of adults that the model is pretrained on, and plan their batches.

There are four kinds of clip (KINDS):

common    one utterance in a common voice
wide      one utterance, with a wider range of tempo and vocal tract
several   several utterances with gaps between them
cut       several utterances, of which the end of the window cuts the last one

The last two teach the model timestamps.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import WhisperFeatureExtractor

from sample import voices
from sample.sentences import texts

WINDOW = 10.0  # seconds, the longest audio that the model sees
WINDOW_FRAMES = 1000  # of 10 ms
KINDS = {"common": 0.55, "wide": 0.27, "several": 0.12, "cut": 0.06}  # share of the clips
LIST_SHARE = 0.25  # of the utterances that are word lists
CHUNK_CLIPS = 500  # clips in one file
PADDED_SHARE = 0.22  # of the batches that are padded to the full window, as a stock pipeline pads them
BATCH_CLIPS, BATCH_FRAMES = 32, 16_000  # limits of a batch
FLOOR = 2.0  # silence in log-mel features is this far below the clip's maximum; see pad()


@dataclass(frozen=True)
class Segment:
    start: float  # seconds
    end: float | None  # None: the window cuts the segment
    text: str  # "" if the segment is cut


@dataclass(frozen=True)
class Clip:
    features: np.ndarray  # float16 [frames, 80]
    segments: tuple[Segment, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the window cuts none of its segments."""
        return self.segments[-1].end is not None


def feature_extractor() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(feature_size=80, chunk_length=int(WINDOW), return_attention_mask=False)


def draw(kind: str, lines: Iterator[str], rng: np.random.Generator) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """Draw one clip: its audio [n] and its segments.

    Parameters
    ----------
    kind : one of KINDS
    lines : the texts, of which as many as needed are taken
    """
    voice = voices.adult(rng, wide=kind == "wide" or (kind != "common" and rng.random() < 0.5))
    # Seconds after which no further utterance begins; 0: only one utterance.
    enough = {"common": 0.0, "wide": 0.0, "several": rng.uniform(4.0, 9.5), "cut": 10.5}[kind]
    utterances, texts_spoken = [], []
    gaps = [rng.uniform(0.02, 0.5)]
    seconds = gaps[0]
    while True:
        line = next(lines)
        speech = voices.speak(line, voices.vary(voice, rng), rng)
        seconds += len(speech) / voices.SAMPLE_RATE
        if utterances and kind == "several" and seconds > 9.6:
            break
        gaps.append(rng.uniform(0.02, 0.4) if enough == 0 else rng.uniform(0.25, 1.6))
        seconds += gaps[-1]
        utterances.append(speech)
        texts_spoken.append(line)
        if seconds > enough:
            break
    audio, spans = voices.record(utterances, gaps, voice, rng)
    segments = []
    for (start, end), text in zip(spans, texts_spoken, strict=True):
        if end <= WINDOW:
            segments.append(Segment(start, end, text))
        elif start < WINDOW - 0.1:
            segments.append(Segment(start, None, ""))
    return audio[: int(WINDOW * voices.SAMPLE_RATE)], tuple(segments)


def make_chunk(chunk: int, folder: Path, seed: int) -> Path:
    """Write CHUNK_CLIPS clips to one .npz file, if it does not exist; they depend only on the seed and the number."""
    path = folder / f"{chunk:03d}.npz"
    if path.exists():
        return path
    rng = np.random.default_rng([seed, chunk])
    lines = texts("pretraining", rng, LIST_SHARE)
    extract = feature_extractor()
    features, rows = [], []
    for kind in rng.choice(list(KINDS), size=CHUNK_CLIPS, p=list(KINDS.values())):
        audio, segments = draw(kind, lines, rng)
        mel = extract(audio, sampling_rate=voices.SAMPLE_RATE, padding=False, return_tensors="np").input_features[0]
        features.append(mel.T.astype(np.float16))
        rows.append([astuple(segment) for segment in segments])
    unfinished = path.with_suffix(".tmp")
    with open(unfinished, "wb") as file:
        lengths = [len(mel) for mel in features]
        np.savez(file, features=np.concatenate(features), lengths=lengths, rows=json.dumps(rows))
    return unfinished.replace(path)


def load_chunk(path: Path) -> list[Clip]:
    with np.load(path) as chunk:
        parts = np.split(chunk["features"], np.cumsum(chunk["lengths"])[:-1])
        rows = json.loads(str(chunk["rows"]))
    chunk_clips = []
    for features, row in zip(parts, rows, strict=True):
        segments = [Segment(start, end, text) for start, end, text in row]
        chunk_clips.append(Clip(features, tuple(segments)))
    return chunk_clips


def clips(count: int, folder: Path, seed: int, workers: int) -> list[Clip]:
    """Return `count` clips, made by `workers` processes; their number does not change the clips."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK_CLIPS))
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        paths = list(tqdm(pool.map(partial(make_chunk, folder=folder, seed=seed), chunks), "clips", len(chunks)))
    loaded = []
    for path in paths:
        loaded += load_chunk(path)
    return loaded[:count]


def plan(lengths: np.ndarray, steps: int, seed: int) -> list[tuple[np.ndarray, int]]:
    """Plan the whole training: the clip numbers of each step, and the number of frames to pad these clips to.

    Parameters
    ----------
    lengths : of all clips, frames
    """
    rng = np.random.default_rng(seed)
    batches = []
    while len(batches) < steps:
        epoch = []
        order = rng.permutation(len(lengths))
        for pool in np.array_split(order, max(1, len(order) // (20 * BATCH_CLIPS))):
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            while len(pool):
                full = rng.random() < PADDED_SHARE
                if full:  # clips of any length
                    pick = rng.permutation(len(pool))[: BATCH_FRAMES // WINDOW_FRAMES]
                    frames = WINDOW_FRAMES
                else:  # the longest clips of the pool: they are of similar length, so that little is padded
                    longest = int(lengths[pool[-1]])
                    pick = np.arange(len(pool))[-min(BATCH_CLIPS, BATCH_FRAMES // longest) :]
                    frames = min(WINDOW_FRAMES, -(-longest // 32) * 32)  # a multiple of 32
                epoch.append((pool[pick], frames))
                pool = np.delete(pool, pick)
        for number in rng.permutation(len(epoch)):
            batches.append(epoch[number])
    return batches[:steps]


def pad(features: list[np.ndarray], frames: int) -> np.ndarray:
    """Pad log-mel features [frames, 80] of different lengths with silence, to one float32 batch [clips, 80, frames].

    Whisper's feature extractor raises all values to at least 8 below the clip's maximum (log10), and divides by 4. So
    silence is 2 below the maximum (FLOOR). Padding with zeros would be fairly loud sound.
    """
    batch = np.empty((len(features), features[0].shape[1], frames), np.float32)
    for row, mel in zip(batch, features, strict=True):
        row[:, : len(mel)] = mel.T
        row[:, len(mel) :] = mel.max() - FLOOR
    return batch
