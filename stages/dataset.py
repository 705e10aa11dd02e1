"""Clips as the trainer takes them: a memory-mapped table of features and tokens, and batches made of its rows."""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, NamedSplit
from filelock import FileLock
from transformers import WhisperFeatureExtractor, WhisperProcessor

from stages import augmentation, features
from stages.batching import Draw
from stages.errors import UserError
from stages.objective import IGNORED
from stages.params import Augment
from stages.shards import read_audio, read_manifest
from stages.units import FRAMES_PER_SECOND, SAMPLE_RATE

TOKEN_MULTIPLE = 8  # label sequences are padded to a multiple of this: few distinct shapes


@dataclass(frozen=True)
class Labels:
    """Makes a transcript into the tokens the decoder learns: prompt, text, end."""

    processor: WhisperProcessor
    prompt: list[int]  # stages.model.prompt_tokens
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
    silence), tokens (prompt, text, end). 16 bits hold a log-mel to 0.0005, and halve what is stored and read.
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
    window = extractor.n_samples / SAMPLE_RATE
    for clip in clips:
        if clip.duration > window:
            raise UserError(
                f"{folder}: clip {clip.id} lasts {clip.duration:.1f} s and the model hears {window:g} s at most; "
                "lower preprocess.max_seconds in params.yaml"
            )
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
    place.mkdir(parents=True, exist_ok=True)
    # A fingerprint of our own: datasets would pickle all of gen_kwargs to hash it.
    options = {"cache_dir": str(place), "split": NamedSplit(folder.name), "fingerprint": fingerprint}
    source = {"folder": folder, "kept": kept, "extractor": extractor, "spare_seconds": spare_seconds}
    with FileLock(place.with_suffix(".lock")):  # both strategies may start at once
        _remove_others(place)
        return Dataset.from_generator(_rows, gen_kwargs=source, num_proc=min(workers, len(kept)) or None, **options)


def _remove_others(place: Path) -> None:
    """Remove the split's older tables; a run that still reads one keeps its mapping."""
    for other in place.parent.iterdir():
        if other.is_dir() and other != place:
            shutil.rmtree(other)


def _rows(folder: Path, kept: list, extractor: WhisperFeatureExtractor, spare_seconds: float) -> Iterator[dict]:
    for clip, ids in kept:
        log_mel = features.log_mel(extractor, read_audio(folder, clip), spare_seconds)
        speech = min(log_mel.shape[1], round(clip.duration * FRAMES_PER_SECOND))
        # Raw bytes: a ragged Arrow array would be unpacked into Python lists at every step.
        content = log_mel.astype(np.float16).tobytes()
        yield {"log_mel": content, "length": log_mel.shape[1], "speech": speech, "tokens": ids}


@dataclass(frozen=True)
class Clips(torch.utils.data.Dataset):
    """Rows of the table ready for the collator: as they are, by index, or augmented, by Draw."""

    table: Dataset
    augment: Augment
    seed: int

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, key: int | Draw) -> dict:
        """One clip: log_mel (float32, shape (mel_bins, frames)), tokens, and of a Draw what it says of its batch."""
        index = key.clip if isinstance(key, Draw) else key
        row = self.table[index]
        log_mel = np.frombuffer(row["log_mel"], dtype=np.float16).reshape(-1, row["length"]).astype(np.float32)
        if not isinstance(key, Draw):
            return {"log_mel": log_mel, "tokens": row["tokens"], "frames": 0, "counts": True}
        generator = augmentation.generator(self.seed, key.epoch, key.clip)
        log_mel = augmentation.augment(log_mel, row["speech"], key.speed, self.augment, generator)
        return {"log_mel": log_mel, "tokens": row["tokens"], "frames": key.frames, "counts": key.counts}


@dataclass(frozen=True)
class Collator:
    """Makes clips into the tensors Whisper trains on."""

    processor: WhisperProcessor
    audio_context: str  # "utterance" or "window"
    prompt_length: int  # tokens the decoder is always given

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        """Batch clips.

        Returns
        -------
        input_features : float32, shape (clips, mel_bins, frames)
        decoder_input_ids : int64, shape (clips, tokens): <|startoftranscript|> once, then prompt and text
        labels : int64, same shape: the token after each of those; prompt and padding are ignored, the end token is not
        """
        longest = max(len(row["tokens"]) for row in rows) - 1
        longest = math.ceil(longest / TOKEN_MULTIPLE) * TOKEN_MULTIPLE
        # The padding token is also the end token: padding is told from the end by position, never by id.
        inputs = torch.full((len(rows), longest), self.processor.tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for index, row in enumerate(rows):
            ids = torch.tensor(row["tokens"])
            inputs[index, : len(ids) - 1] = ids[:-1]
            if row["counts"]:
                labels[index, : len(ids) - 1] = ids[1:]
                labels[index, : self.prompt_length - 1] = IGNORED
        spectrograms = [row["log_mel"] for row in rows]
        frames = max(row["frames"] for row in rows)
        extractor = self.processor.feature_extractor
        return {
            "input_features": features.batch(spectrograms, extractor, self.audio_context, frames),
            "decoder_input_ids": inputs,
            "labels": labels,
        }
