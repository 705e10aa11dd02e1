"""Adult clips to pretrain on, and the batches they are fed in.

Four kinds of clip: one utterance in a common voice; one in a wider range of tempo and tract length; several utterances
with gaps, whole; and a stretch of talk that the window cuts. The last two are there so that timestamps mean something.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import WhisperFeatureExtractor

from sample import voices
from sample.sentences import texts

WINDOW = 10.0  # seconds, what the model sees at most
WINDOW_FRAMES = 1000  # of 10 ms
KINDS = {"common": 0.55, "wide": 0.27, "several": 0.12, "cut": 0.06}
LIST_SHARE = 0.25
CHUNK_CLIPS = 500
PADDED_SHARE = 0.22  # of batches at the full window, as a stock pipeline feeds them
BATCH_CLIPS, BATCH_FRAMES = 32, 16_000  # at most, in one batch
FLOOR = 2.0  # a log-mel frame of silence lies this far below the clip's maximum: 8 log10 units clamped, divided by 4


@dataclass(frozen=True)
class Segment:
    start: float  # seconds
    end: float | None  # None: the window cuts it, so its text is not known
    text: str


@dataclass(frozen=True)
class Clip:
    features: np.ndarray  # float16 [frames, 80]
    segments: tuple[Segment, ...]

    @property
    def whole(self) -> bool:
        return self.segments[-1].end is not None


def feature_extractor() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(feature_size=80, chunk_length=int(WINDOW), return_attention_mask=False)


def draw(kind: str, talk, rng: np.random.Generator) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """Audio [n] of one clip and its segments."""
    voice = voices.adult(rng, wide=kind == "wide" or (kind != "common" and rng.random() < 0.5))
    room = {"common": 0.0, "wide": 0.0, "several": rng.uniform(4.0, 9.5), "cut": 10.5}[kind]
    utterances, gaps, lines = [], [rng.uniform(0.02, 0.5)], []
    filled = gaps[0]
    while True:
        line = next(talk)
        speech = voices.speak(line, voices.vary(voice, rng), rng)
        filled += len(speech) / voices.SAMPLE_RATE
        if utterances and kind == "several" and filled > 9.6:
            break
        gaps.append(rng.uniform(0.02, 0.4) if room == 0 else rng.uniform(0.25, 1.6))
        filled += gaps[-1]
        utterances.append(speech)
        lines.append(line)
        if filled > room:
            break
    audio, spans = voices.record(utterances, gaps, voice, rng)
    segments = [Segment(start, end, text) for (start, end), text in zip(spans, lines, strict=True)]
    segments = [s if s.end <= WINDOW else Segment(s.start, None, "") for s in segments if s.start < WINDOW - 0.1]
    return audio[: int(WINDOW * voices.SAMPLE_RATE)], tuple(segments)


def make_chunk(chunk: int, folder: Path, seed: int) -> Path:
    """CHUNK_CLIPS clips in one .npz, a function of seed and chunk number alone; kept if already there."""
    path = folder / f"{chunk:03d}.npz"
    if path.exists():
        return path
    rng = np.random.default_rng([seed, chunk])
    talk = texts("pretraining", rng, LIST_SHARE)
    extract = feature_extractor()
    features, rows = [], []
    for kind in rng.choice(list(KINDS), size=CHUNK_CLIPS, p=list(KINDS.values())):
        audio, segments = draw(kind, talk, rng)
        mel = extract(audio, sampling_rate=voices.SAMPLE_RATE, padding=False, return_tensors="np").input_features[0]
        features.append(mel.T.astype(np.float16))
        rows.append([[s.start, s.end, s.text] for s in segments])
    unfinished = path.with_suffix(".tmp")
    with open(unfinished, "wb") as file:
        lengths = [len(mel) for mel in features]
        np.savez(file, features=np.concatenate(features), lengths=lengths, rows=json.dumps(rows))
    return unfinished.replace(path)


def load_chunk(path: Path) -> list[Clip]:
    with np.load(path) as chunk:
        parts = np.split(chunk["features"], np.cumsum(chunk["lengths"])[:-1])
        rows = json.loads(str(chunk["rows"]))
    return [Clip(part, tuple(Segment(*s) for s in row)) for part, row in zip(parts, rows, strict=True)]


def clips(count: int, folder: Path, seed: int, workers: int) -> list[Clip]:
    """`count` clips, made by `workers` processes; the result does not depend on how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK_CLIPS))
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        paths = list(tqdm(pool.map(partial(make_chunk, folder=folder, seed=seed), chunks), "clips", len(chunks)))
    return [clip for path in paths for clip in load_chunk(path)][:count]


def plan(lengths: np.ndarray, steps: int, seed: int) -> list[tuple[np.ndarray, int]]:
    """The whole training order: `steps` batches, each its clip numbers and the frames to pad them to."""
    rng = np.random.default_rng(seed)
    batches = []
    while len(batches) < steps:
        epoch = []
        order = rng.permutation(len(lengths))
        for pool in np.array_split(order, max(1, len(order) // (20 * BATCH_CLIPS))):
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            while len(pool):
                full = rng.random() < PADDED_SHARE
                # A padded batch takes clips of every length; the others take neighbours, to pad little.
                pick = rng.permutation(len(pool))[: BATCH_FRAMES // WINDOW_FRAMES] if full else np.arange(len(pool))
                if not full:
                    pick = pick[-min(BATCH_CLIPS, BATCH_FRAMES // int(lengths[pool[-1]])) :]
                frames = WINDOW_FRAMES if full else -(-int(lengths[pool[pick]].max()) // 32) * 32
                epoch.append((pool[pick], min(frames, WINDOW_FRAMES)))
                pool = np.delete(pool, pick)
        batches += [epoch[i] for i in rng.permutation(len(epoch))]
    return batches[:steps]


def pad(features: list[np.ndarray], frames: int) -> np.ndarray:
    """Log-mels of different length as one float32 batch [clips, 80, frames], padded with each clip's own floor.

    Whisper's extractor clamps to 8 below the maximum (in log10) and divides by 4, and silence sits on that clamp. Zero
    is not silence but a fairly loud frame.
    """
    batch = np.empty((len(features), features[0].shape[1], frames), np.float32)
    for row, mel in zip(batch, features, strict=True):
        row[:, : len(mel)] = mel.T
        row[:, len(mel) :] = mel.max() - FLOOR
    return batch
