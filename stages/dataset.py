"""Clips as the trainer takes them: a memory-mapped table of features and tokens, and batches made of its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, NamedSplit
from transformers import WhisperFeatureExtractor, WhisperProcessor

from stages import features
from stages.errors import UserError
from stages.shards import read_audio, read_manifest
from stages.units import SAMPLE_RATE

IGNORED = -100  # label that adds nothing to the loss (PyTorch's cross entropy)


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


def speech_dataset(folder: Path, labels: Labels, spare_seconds: float, cache: Path) -> Dataset:
    """The clips of processed_data/<split> as an Arrow table on disk, features computed once.

    Columns: log_mel (float32 bytes, shape (mel_bins, frames)), length (frames), tokens (prompt, text, end).

    Parameters
    ----------
    labels : clips with more tokens than the decoder has positions are left out, and named on stdout
    cache : folder for the table's files

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
    source = {"folder": folder, "kept": kept, "extractor": extractor, "spare_seconds": spare_seconds}
    # A fingerprint of our own: datasets would pickle all of `source` to hash it.
    place = {"cache_dir": str(cache), "split": NamedSplit(folder.name), "fingerprint": folder.name}
    return Dataset.from_generator(_rows, gen_kwargs=source, **place)


def _rows(folder: Path, kept: list, extractor: WhisperFeatureExtractor, spare_seconds: float) -> Iterator[dict]:
    for clip, ids in kept:
        log_mel = features.log_mel(extractor, read_audio(folder, clip), spare_seconds)
        # Raw bytes: a ragged Arrow array would be unpacked into Python lists at every step.
        yield {"log_mel": log_mel.tobytes(), "length": log_mel.shape[1], "tokens": ids}


@dataclass(frozen=True)
class Collator:
    """Makes rows of `speech_dataset` into the tensors Whisper trains on."""

    processor: WhisperProcessor
    audio_context: str  # "utterance" or "window"
    prompt_length: int  # tokens the decoder is always given

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        """Batch rows.

        Returns
        -------
        input_features : float32, shape (rows, mel_bins, frames)
        decoder_input_ids : int64, shape (rows, tokens): <|startoftranscript|> once, then prompt and text
        labels : int64, same shape: the token after each of those; prompt and padding are ignored, the end token is not
        """
        extractor = self.processor.feature_extractor
        bins = extractor.feature_size
        spectrograms = [np.frombuffer(row["log_mel"], dtype=np.float32).reshape(bins, -1) for row in rows]
        longest = max(len(row["tokens"]) for row in rows) - 1
        # The padding token is also the end token: padding is told from the end by position, never by id.
        inputs = torch.full((len(rows), longest), self.processor.tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for index, row in enumerate(rows):
            ids = torch.tensor(row["tokens"])
            inputs[index, : len(ids) - 1] = ids[:-1]
            labels[index, : len(ids) - 1] = ids[1:]
            labels[index, : self.prompt_length - 1] = IGNORED
        return {
            "input_features": features.batch(spectrograms, extractor, self.audio_context),
            "decoder_input_ids": inputs,
            "labels": labels,
        }
