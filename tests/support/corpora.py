"""Tiny corpora for tests: noise bursts for speech, in the layouts that preprocess reads."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from stages.common import params
from stages.common.params import Preprocess
from stages.corpus.rows.utterance import SplitContents, Utterance
from stages.cutting.pcm import as_pcm
from stages.records.shards import Clip, ShardWriter, duration_of, encode

PARAMS = Path(__file__).parent.parent.parent / "params.yaml"

RATE = 16_000


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """White noise at -20 dBFS, shape (samples,)."""
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def write_audio(path: Path, seconds: float = 1.0, seed: int = 0, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(seconds, seed, rate), rate)
    return path


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_table(folder: Path, rows: list[dict]) -> Path:
    return write(folder / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def write_corpus(data: Path, speakers: dict[str, list[str]], utterances: int = 2, seconds: float = 1.0) -> None:
    """A corpus in tables: {split: speakers}, so many utterances each."""
    seed = 0
    for split, names in speakers.items():
        rows = []
        for speaker in names:
            for number in range(utterances):
                seed += 1
                name = f"{speaker}/{number}.wav"
                write_audio(data / split / name, seconds, seed)
                rows.append({"file_name": name, "text": f"words {number} of {speaker}", "speaker": speaker, "age": 7})
        write_table(data / split, rows)


def textgrid(tiers: dict[str, list[tuple[float, float, str]]], duration: float = 10.0) -> str:
    """A TextGrid in Praat's long form."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {duration}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", f"        xmax = {duration}", f"        intervals: size = {len(intervals)}"]
        for place, (start, end, label) in enumerate(intervals, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {end}"]
            lines += [f'            text = "{label}"']
    return "\n".join(lines) + "\n"


@cache
def _default_options() -> Preprocess:
    """Read once: some tests read hundreds of small corpora."""
    return params.load(PARAMS).preprocess


def options(**changes) -> Preprocess:
    """The default preprocess parameters with some changed."""
    return _default_options().model_copy(update=changes, deep=True)


def reading(split: str = "train", **changes) -> SplitContents:
    """What a reader adds to, empty."""
    return SplitContents(split, options(**changes))


CLIP = {"text_raw": "x", "speaker": "anna", "age": "6", "age_months": 72, "gender": None, "format": "table"}
CLIP |= {"source": "train/a.wav", "source_rate": RATE, "start": None, "end": None, "flags": []}


def write_clip(writer: ShardWriter, samples: np.ndarray, **row) -> Clip:
    """Append a clip to a shard; what `row` does not say is as in CLIP."""
    return writer.write(encode(as_pcm(samples)), **{**CLIP, **row}, duration=duration_of(samples))


def utterance(speaker: str = "anna", **changes) -> Utterance:
    """An utterance of which only this is known."""
    row = {"id": "1", "audio": Path("a.wav"), "source": "train/a.wav", "text_raw": "x", "text": "x", "speaker": speaker}
    row |= {"speaker_known": True, "start": None, "end": None, "age": None, "age_months": None, "gender": None}
    return Utterance(**{**row, "file": "train/f", "line": 1, "format": "table", **changes})
