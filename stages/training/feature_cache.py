"""The clips of a split as a memory-mapped table of features and tokens, computed once for all trainings."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, NamedSplit, disable_progress_bars
from filelock import FileLock
from transformers import WhisperFeatureExtractor, WhisperProcessor

from stages.common.errors import UserError
from stages.records.shards import Clip, read_audio, read_manifest
from stages.records.units import FRAMES_PER_SECOND, SAMPLE_RATE, Seconds
from stages.whisper import features


@dataclass(frozen=True)
class Labels:
    """Makes a transcript into the tokens the decoder learns: prompt, text, end."""

    processor: WhisperProcessor
    prompt: list[int]  # stages.whisper.model.prompt_tokens
    most: int  # the decoder's positions

    def __call__(self, text: str) -> list[int]:
        # Whisper was trained on text that begins with a space; without it the first word is spelled in other tokens.
        ids = self.processor.tokenizer(" " + text, add_special_tokens=False).input_ids
        return [*self.prompt, *ids, self.processor.tokenizer.eos_token_id]


def speech_table(
    folder: Path, digest: str, labels: Labels, spare_seconds: float, cache: Path, workers: int = 0
) -> Dataset:
    """The clips of processed_data/<split> as an Arrow table on disk, features computed once, longest clip first.

    Columns: log_mel (float16 bytes, shape (mel_bins, frames)), length (frames), speech (frames before the spare
    silence), tokens (prompt, text, end), speaker. 16 bits hold a log-mel to 0.0005, and halve what is stored and read.
    Costs 3 ms a clip and core, and 16 kB a second of audio; the next run with the same clips and model reuses it.

    Parameters
    ----------
    digest : of the folder's contents
    labels : clips with more tokens than the decoder has positions are left out, and named on stdout
    cache : folder for the tables; those of this split that are no longer of use are removed
    workers : processes that compute features; 0: this one does

    Raises
    ------
    UserError
        A clip is longer than the model's window (its text would be more than is heard), or no clip is left.
    """
    clips = read_manifest(folder)
    extractor = labels.processor.feature_extractor
    _check_durations(folder, clips, extractor.n_samples / SAMPLE_RATE)
    tokens = {clip.id: labels(clip.text) for clip in clips}
    too_long = [clip.id for clip in clips if len(tokens[clip.id]) > labels.most]
    if too_long:
        print(f"{folder}: left out {len(too_long)} clip(s) of over {labels.most} tokens: {', '.join(too_long)}")
    kept = [(clip, tokens[clip.id]) for clip in clips if len(tokens[clip.id]) <= labels.most]
    if not kept:
        raise UserError(f"{folder} has no clip to train on")
    kept.sort(key=lambda item: -item[0].duration)  # what runs out of memory does so at once
    described = json.dumps([digest, extractor.to_dict(), [ids for _, ids in kept], spare_seconds], sort_keys=True)
    code = "".join(Path(path).read_text(encoding="utf-8") for path in (__file__, features.__file__))
    fingerprint = hashlib.sha256((described + code).encode()).hexdigest()[:16]
    place = cache / folder.name / fingerprint
    place.parent.mkdir(parents=True, exist_ok=True)
    # A fingerprint of our own: datasets would pickle all of gen_kwargs to hash it.
    options = {"cache_dir": str(place), "split": NamedSplit(folder.name), "fingerprint": fingerprint}
    source = {"folder": folder, "kept": kept, "extractor": extractor, "spare_seconds": spare_seconds}
    apart = min(workers, len(kept))
    source["is_forked"] = apart > 1  # one is this process
    if not sys.stderr.isatty():
        disable_progress_bars()  # in a file, every state of a bar would stay
    # Of the split, not of this table: a run that wants another table must not remove this one while it is written.
    with FileLock(cache / f"{folder.name}.lock"):
        _remove_others(place)
        place.mkdir(parents=True, exist_ok=True)
        return Dataset.from_generator(_rows, gen_kwargs=source, num_proc=apart or None, **options)


def _check_durations(folder: Path, clips: list[Clip], window: Seconds) -> None:
    """Raise UserError where a clip is longer than the model's window."""
    for clip in clips:
        if clip.duration > window:
            raise UserError(
                f"{folder}: clip {clip.id} lasts {clip.duration:.1f} s and the model hears {window:g} s at most; "
                "lower preprocess.max_seconds in params.yaml"
            )


def _remove_others(place: Path) -> None:
    """Remove the split's older tables; a run that still reads one keeps its mapping. Only under the split's lock."""
    for other in place.parent.iterdir():
        if other.is_dir() and other != place:
            shutil.rmtree(other)


def _rows(
    folder: Path, kept: list, extractor: WhisperFeatureExtractor, spare_seconds: float, is_forked: bool
) -> Iterator[dict]:
    if is_forked:
        # OpenMP's threads are not forked along, and would be waited for forever. PyTorch's DataLoader does the same.
        torch.set_num_threads(1)
    for clip, ids in kept:
        log_mel = features.log_mel(extractor, read_audio(folder, clip), spare_seconds)
        speech = min(log_mel.shape[1], round(clip.duration * FRAMES_PER_SECOND))
        # Raw bytes: a ragged Arrow array would be unpacked into Python lists at every step.
        content = log_mel.astype(np.float16).tobytes()
        yield {"log_mel": content, "length": log_mel.shape[1], "speech": speech, "tokens": ids, "speaker": clip.speaker}
