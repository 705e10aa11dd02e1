"""A table on disk with the features and tokens of a split's clips, memory-mapped, computed once for all trainings."""

import hashlib
import importlib.metadata
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, NamedSplit, disable_progress_bars
from datasets.exceptions import DatasetGenerationError
from filelock import FileLock
from transformers import WhisperFeatureExtractor, WhisperProcessor

from stages.common.errors import UserError
from stages.records.shards import Clip, read_audio, read_manifest
from stages.records.units import FRAMES_PER_SECOND, SAMPLE_RATE, Seconds
from stages.whisper import features


@dataclass(frozen=True)
class Labels:
    """Turns a transcript into the tokens that the decoder is trained on: prompt, text, end."""

    processor: WhisperProcessor
    prompt: list[int]  # stages.whisper.model.prompt_tokens
    max_tokens: int  # the decoder's positions

    def __call__(self, text: str) -> list[int]:
        # Whisper was trained on text that begins with a space; without it, the first word becomes other tokens.
        ids = self.processor.tokenizer(" " + text, add_special_tokens=False).input_ids
        return [*self.prompt, *ids, self.processor.tokenizer.eos_token_id]


def speech_table(
    folder: Path, digest: str, labels: Labels, spare_seconds: float, cache: Path, workers: int = 0
) -> Dataset:
    """The clips of processed_data/<split> as an Arrow table on disk, longest clip first.

    Columns: log_mel (float16 bytes, shape (mel_bins, frames)), length (frames), speech (frames before the spare
    silence), tokens (prompt, text, end), speaker, speaker_known. float16 rounds a log-mel by at most 0.0005 and halves
    its size. Takes 3 ms a clip and core, and 16 kB a second of audio; the next run with the same clips and model
    reuses it.

    Parameters
    ----------
    digest : of the folder's contents
    labels : clips with more tokens than the decoder has positions are left out, and named on stdout
    spare_seconds : silence after each clip
    cache : folder for the tables; other tables of this split are removed
    workers : processes that compute features; 0 or 1: this process does

    Raises
    ------
    UserError
        A clip is longer than the model's window (the end of its text would have no audio), or no clip is left.
    """
    clips = read_manifest(folder)
    extractor = labels.processor.feature_extractor
    _check_durations(folder, clips, extractor.n_samples / SAMPLE_RATE)
    usable = _with_tokens(folder, clips, labels)
    fingerprint = _fingerprint([digest, extractor.to_dict(), [tokens for _, tokens in usable], spare_seconds])
    table = cache / folder.name / fingerprint
    processes = min(workers, len(usable))
    source = {"folder": folder, "usable": usable, "extractor": extractor, "spare_seconds": spare_seconds}
    source["is_forked"] = processes > 1
    if not sys.stderr.isatty():
        disable_progress_bars()  # a log file would get every state of a bar
    # The lock is the split's, not this table's, because another run would remove this table while it is written.
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{folder.name}.lock"):
        table.mkdir(parents=True, exist_ok=True)
        _remove_others(table)
        try:
            return Dataset.from_generator(
                _rows,
                gen_kwargs=source,
                num_proc=processes or None,
                cache_dir=str(table),
                split=NamedSplit(folder.name),
                fingerprint=fingerprint,  # otherwise datasets would pickle all of gen_kwargs to compute one
            )
        except DatasetGenerationError as error:
            raise _cause_of(error, folder, usable) from None


def _cause_of(error: DatasetGenerationError, folder: Path, usable: list[tuple[Clip, list[int]]]) -> BaseException:
    """What went wrong in the generator: its own error. From another process, only the error's text arrives."""
    if isinstance(error.__cause__, UserError | OSError):
        return error.__cause__
    for clip, _ in usable:
        read_audio(folder, clip)  # raises UserError where a shard is damaged
    return error


def _fingerprint(inputs: list) -> str:
    """Digest of everything that decides the table: its inputs, and the code that computes it."""
    content = json.dumps([importlib.metadata.version("transformers"), *inputs], sort_keys=True)
    for path in (__file__, features.__file__):
        content += Path(path).read_text(encoding="utf-8")
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _with_tokens(folder: Path, clips: list[Clip], labels: Labels) -> list[tuple[Clip, list[int]]]:
    """The clips with their tokens, longest clip first, without those of too many tokens; UserError if none is left."""
    usable, too_long = [], []
    for clip in clips:
        tokens = labels(clip.text)
        if len(tokens) <= labels.max_tokens:
            usable.append((clip, tokens))
        else:
            too_long.append(clip.id)
    if too_long:
        print(f"{folder}: left out {len(too_long)} clip(s) of over {labels.max_tokens} tokens: {', '.join(too_long)}")
    if not usable:
        raise UserError(f"{folder} has no clip to train on")
    usable.sort(key=lambda item: -item[0].duration)  # so that memory runs out early or never
    return usable


def _check_durations(folder: Path, clips: list[Clip], window: Seconds) -> None:
    """Raise UserError where a clip is longer than the model's window."""
    for clip in clips:
        if clip.duration > window:
            raise UserError(
                f"{folder}: clip {clip.id} lasts {clip.duration:.1f} s, but the model takes {window:g} s at most; "
                "lower preprocess.max_seconds in params.yaml"
            )


def _remove_others(table: Path) -> None:
    """Remove the split's other tables; a run that reads one keeps its mapping. Call it under the split's lock."""
    for other in table.parent.iterdir():
        if other.is_dir() and other != table:
            shutil.rmtree(other)


def _rows(
    folder: Path, usable: list, extractor: WhisperFeatureExtractor, spare_seconds: float, is_forked: bool
) -> Iterator[dict]:
    if is_forked:
        # A fork has none of OpenMP's threads, and would wait for them forever. PyTorch's DataLoader does the same.
        torch.set_num_threads(1)
    for clip, tokens in usable:
        log_mel = features.log_mel(extractor, read_audio(folder, clip), spare_seconds)
        speech = min(log_mel.shape[1], round(clip.duration * FRAMES_PER_SECOND))
        yield {
            # Raw bytes, because a ragged Arrow array would be unpacked into Python lists at every step.
            "log_mel": log_mel.astype(np.float16).tobytes(),
            "length": log_mel.shape[1],
            "speech": speech,
            "tokens": tokens,
            "speaker": clip.speaker,
            "speaker_known": clip.speaker_known,
        }
