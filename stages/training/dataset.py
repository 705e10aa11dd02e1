"""The training and dev data for the trainer: rows of the feature table, augmented, and collated to batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from transformers import WhisperProcessor

from stages.common.params import Augment
from stages.records import speaker_counts, speaker_share
from stages.training import augmentation
from stages.training.batching import Draw
from stages.training.extra_clips import ExtraClips
from stages.training.loss import IGNORED
from stages.whisper import features

TOKEN_MULTIPLE = 8  # label sequences are padded to a multiple of this: few distinct shapes


def of_speakers(table: Dataset, share: float, seed: int) -> Dataset:
    """The clips of a share of the speakers, at least one; the speakers of a smaller share are among those of a larger.

    Speakers and not clips, because a small corpus lacks voices rather than clips of the same voices.
    """
    speakers = table["speaker"][:]
    chosen = speaker_share.choose(speakers, share, seed)
    if chosen.issuperset(speakers):
        return table
    indices = [index for index, name in enumerate(speakers) if name in chosen]
    return table.select(indices)


def speakers_text(table: Dataset) -> str:
    """How many speakers are trained on, or recordings, where the corpus does not name their speakers.

    Parameters
    ----------
    table : of the clips, made by stages.training.feature_cache
    """
    unknown = len(table) - sum(table["speaker_known"][:])
    return speaker_counts.text(len(set(table["speaker"][:])), unknown, len(table))


@dataclass(frozen=True)
class Clips(torch.utils.data.Dataset):
    """Rows of the table for the collator: unchanged if indexed by a number (dev), augmented if by a Draw (training)."""

    table: Sequence[dict]  # of stages.training.feature_cache
    augment: Augment
    seed: int
    extra: tuple[ExtraClips, ...] = ()  # of other sources than the split; they are at the end of the table

    def __len__(self) -> int:
        return len(self.table)

    def without_extra(self) -> Dataset:
        """The table without the extra clips."""
        if not self.extra:
            return self.table
        return self.table.select(range(len(self.table) - sum(extra.count for extra in self.extra)))

    @property
    def turns(self) -> list[np.ndarray]:
        """The groups of extra clips that take turns, see stages.training.batching."""
        groups = []
        for extra in self.extra:
            groups += extra.turns
        return groups

    def __getitem__(self, key: int | Draw) -> dict:
        """One clip.

        Returns
        -------
        log_mel : float32, shape (mel_bins, frames)
        tokens : prompt, text and end
        frames : that the batch is padded to at least
        is_real : False: a filler, without labels
        """
        index = key.clip if isinstance(key, Draw) else key
        row = self.table[index]
        log_mel = np.frombuffer(row["log_mel"], dtype=np.float16).reshape(-1, row["length"]).astype(np.float32)
        if not isinstance(key, Draw):
            return {"log_mel": log_mel, "tokens": row["tokens"], "frames": 0, "is_real": True}
        generator = augmentation.generator(self.seed, key.epoch, key.clip)
        log_mel = augmentation.augment(log_mel, row["speech"], key.speed, self.augment, generator)
        return {"log_mel": log_mel, "tokens": row["tokens"], "frames": key.frames, "is_real": key.is_real}


@dataclass(frozen=True)
class Collator:
    """Turns clips into the tensors that Whisper is trained with."""

    processor: WhisperProcessor
    audio_context: str  # "utterance" or "window"
    prompt_length: int  # tokens before the text, which are given and not learnt

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        """Batch clips.

        Returns
        -------
        input_features : float32, shape (clips, mel_bins, frames); of EncodedClips (frozen_outputs.py), what the
            encoder's frozen layers made of them, shape (clips, width, positions)
        decoder_input_ids : int64, shape (clips, tokens): <|startoftranscript|> once, then prompt and text
        labels : int64, same shape: the token after each of those; IGNORED for prompt and padding, but not for the end
        """
        longest = max(len(row["tokens"]) for row in rows) - 1
        longest = math.ceil(longest / TOKEN_MULTIPLE) * TOKEN_MULTIPLE
        # The padding token is also the end token, so padding must be recognised by position, never by id.
        inputs = torch.full((len(rows), longest), self.processor.tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for index, row in enumerate(rows):
            ids = torch.tensor(row["tokens"])
            inputs[index, : len(ids) - 1] = ids[:-1]
            if row["is_real"]:
                labels[index, : len(ids) - 1] = ids[1:]
                labels[index, : self.prompt_length - 1] = IGNORED
        return {"input_features": self._input_features(rows), "decoder_input_ids": inputs, "labels": labels}

    def _input_features(self, rows: list[dict]) -> torch.Tensor:
        if "frozen_output" in rows[0]:  # all rows of a batch are padded to the same length already
            return torch.stack([row["frozen_output"] for row in rows])
        spectrograms = [row["log_mel"] for row in rows]
        frames = max(row["frames"] for row in rows)
        return features.batch(spectrograms, self.processor.feature_extractor, self.audio_context, frames)
