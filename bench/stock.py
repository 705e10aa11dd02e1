"""The stock recipe, for comparison: fine-tuning Whisper as in Hugging Face's blog and most public projects.

It follows https://huggingface.co/blog/fine-tune-whisper and transformers' run_speech_recognition_seq2seq.py: every clip
is padded to the model's window, features are computed before training with `datasets.map`, batches have a fixed number
of clips in random order, and Seq2SeqTrainer trains. The blog's known mistake, a second start token, is not copied.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, WhisperProcessor

from stages.records import paths
from stages.records.shards import read_audio, read_manifest
from stages.records.units import SAMPLE_RATE
from stages.whisper import model


def load(
    language: str, splits: Iterable[str], limit: int | None = None
) -> tuple[torch.nn.Module, WhisperProcessor, dict[str, Dataset]]:
    """Return the base model, its processor, and the first `limit` clips of each split with features."""
    base = model.load_whisper(paths.BASE_FOLDER)
    base.accepts_loss_kwargs = False  # as in the blog, which does not accumulate gradients
    model.set_language(base, language)
    processor, prompt = model.load_processor(paths.BASE_FOLDER), model.prompt_tokens(base, language)
    tables = {}
    for split in splits:
        folder = paths.split_folder(split)
        clips = []
        for row in read_manifest(folder)[:limit]:
            clips.append({"audio": read_audio(folder, row), "text": row.text})
        tables[split] = prepared(clips, processor, prompt, Path(f"{split}.arrow"))
    return base, processor, tables


def prepared(clips: list[dict], processor: WhisperProcessor, prompt: list[int], cache: Path) -> Dataset:
    """Apply the blog's `prepare_dataset` to clips of {"audio": float32 samples, "text": str}."""

    def prepare(row: dict) -> dict:
        features = processor.feature_extractor(row["audio"], sampling_rate=SAMPLE_RATE).input_features[0]
        text = processor.tokenizer(" " + row["text"], add_special_tokens=False).input_ids
        return {"input_features": features, "labels": [*prompt, *text, processor.tokenizer.eos_token_id]}

    table = Dataset.from_list(clips)
    return table.map(prepare, remove_columns=table.column_names, cache_file_name=str(cache.resolve()))


@dataclass
class DataCollatorSpeechSeq2SeqWithPadding:
    """The blog's collator."""

    processor: WhisperProcessor
    decoder_start_token_id: int

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        inputs, targets = [], []
        for row in rows:
            inputs.append({"input_features": row["input_features"]})
            targets.append({"input_ids": row["labels"]})
        batch = self.processor.feature_extractor.pad(inputs, return_tensors="pt")
        labels = self.processor.tokenizer.pad(targets, return_tensors="pt")
        ids = labels["input_ids"].masked_fill(labels.attention_mask.ne(1), -100)
        if (ids[:, 0] == self.decoder_start_token_id).all():
            ids = ids[:, 1:]
        batch["labels"] = ids
        return batch


def trainer(tuned, processor: WhisperProcessor, table: Dataset, folder: Path, **options) -> Seq2SeqTrainer:
    """Return the blog's trainer; `options` are those of Seq2SeqTrainingArguments, and three of Seq2SeqTrainer."""
    extras = {name: options.pop(name) for name in ("eval_dataset", "compute_metrics", "callbacks") if name in options}
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder), remove_unused_columns=False, label_names=["labels"], report_to="none", **options
    )
    collator = DataCollatorSpeechSeq2SeqWithPadding(processor, model.whisper_of(tuned).config.decoder_start_token_id)
    return Seq2SeqTrainer(model=tuned, args=arguments, data_collator=collator, train_dataset=table, **extras)
