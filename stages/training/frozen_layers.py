"""The encoder's frozen lower layers: computed once for a training whose features never change, not in every epoch.

All batches of a training are known before it begins, and so are the lengths that its clips are padded to. Training is
the same up to the rounding of floating-point numbers.
"""

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from stages.common.params import Params
from stages.training import shared_memory
from stages.training.batching import Batches
from stages.training.dataset import Clips
from stages.training.frozen_outputs import EncodedClips, FrozenOutputs, keys_of
from stages.training.trainer import SpeechTrainer
from stages.whisper import features, model

RANDOM_OPTIONS = ("dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop", "apply_spec_augment")
GIGABYTE = 1e9
NO_EFFECT = "runtime.cache_frozen has no effect"


def compute_once(trainer: SpeechTrainer, settings: Params) -> None:
    """Write the output of the frozen layers to files, and let training and evaluation on dev start above them.

    A killed run that resumes reads the files of the run before. Prints why, if there is no such output or if it cannot
    be used again.
    """
    whisper, folder = model.whisper_of(trainer.model), Path(trainer.args.output_dir)
    layers, width, stage = count_frozen(whisper), whisper.config.d_model, folder.parent.name
    if not layers:
        if trainer.is_world_process_zero():
            print(f"{stage}: {NO_EFFECT}: no encoder layer is frozen from the bottom")
        return
    clips, dev = trainer.train_dataset, trainer.eval_dataset
    padded = dev_lengths(trainer)
    # Not float16, which overflows at the largest values. On dev, the encoder of `generate` runs in float32 in any case.
    dtype = torch.bfloat16 if trainer.args.bf16 else torch.float32
    keys = training_keys(trainer.batches, settings.train.epochs)
    of_train = FrozenOutputs(folder / "frozen-train.bin", len(clips), keys, width, dtype)
    keys = np.sort(keys_of(np.arange(len(dev)), padded, len(dev)))
    of_dev = FrozenOutputs(folder / "frozen-dev.bin", len(dev), keys, width, torch.float32)
    if trainer.is_world_process_zero():
        for outputs in (of_train, of_dev):
            outputs.remove_unfinished()
    reason = reason_against(trainer, settings, of_train.missing_bytes + of_dev.missing_bytes)
    if reason:
        if trainer.is_world_process_zero():
            print(f"{stage}: {NO_EFFECT}: {reason}")
        return
    shared_memory.check(settings, mel_bins=width // 2)  # a position has `width` numbers, and is two frames
    print(
        f"{stage}: the output of {layers} frozen encoder layer(s) is kept on disk, "
        f"{(of_train.bytes + of_dev.bytes) / GIGABYTE:.3g} GB; the {len(clips)} clips have "
        f"{len(of_train.keys) / len(clips):.2f} padded lengths each"
    )
    with only_lower(whisper, layers):
        with trainer.accelerator.autocast():
            write(of_train, trainer, clips)
        write(of_dev, trainer, dev)
    start_above(whisper, layers, settings.train.audio_context)
    trainer.train_dataset = EncodedClips(clips.table, clips.augment, clips.seed, clips.extra, outputs=of_train)
    trainer.eval_dataset = EncodedClips(dev.table, dev.augment, dev.seed, outputs=of_dev, padded=padded)


def count_frozen(whisper: WhisperForConditionalGeneration) -> int:
    """The number of encoder layers, from the bottom, in which and under which nothing is trained."""
    encoder = whisper.model.encoder
    for module in (encoder.conv1, encoder.conv2, encoder.embed_positions):
        if is_trained(module):
            return 0
    count = 0
    for layer in encoder.layers:
        if is_trained(layer):
            break
        count += 1
    return count


def is_trained(module: torch.nn.Module) -> bool:
    return any(weight.requires_grad for weight in module.parameters())


def reason_against(trainer: SpeechTrainer, settings: Params, needed: int) -> str | None:
    """Why the output cannot be used again, or None.

    Parameters
    ----------
    needed : bytes of the files that are still to be written
    """
    augment, config = settings.train.augment, model.whisper_of(trainer.model).config
    if augment.time_masks or augment.frequency_masks or augment.speeds != [1.0] or augment.vtlp:
        return "train.augment changes the features in every epoch"
    for option in RANDOM_OPTIONS:
        if getattr(config, option):
            return f"the base model's config.json has {option}, so that also frozen layers change in every step"
    if trainer.args.world_size > 1 or trainer.is_fsdp_enabled:
        return "several processes train together"
    free = shutil.disk_usage(trainer.args.output_dir).free
    if needed > free / 2:  # checkpoints need some, too
        return (
            f"it needs {needed / GIGABYTE:.3g} GB of disk, and half of what is free in {trainer.args.output_dir} is "
            f"{free / 2 / GIGABYTE:.3g} GB"
        )
    return None


def training_keys(batches: Batches, epochs: int) -> np.ndarray:
    """The keys of all pairs of a clip and a length in a training."""
    keys = []
    for epoch in range(epochs):
        for rows, frames in batches.batches(epoch):
            keys.append(keys_of(np.array(rows), frames, len(batches.lengths)))
    return np.unique(np.concatenate(keys))


def dev_lengths(trainer: SpeechTrainer) -> np.ndarray:
    """The mel frames that each dev clip is padded to: the trainer batches them in the order of the table."""
    lengths, size = np.array(trainer.eval_dataset.table["length"][:]), trainer.args.per_device_eval_batch_size
    collator = trainer.data_collator
    padded = np.zeros_like(lengths)
    for first in range(0, len(lengths), size):
        longest = int(lengths[first : first + size].max())
        frames = features.batch_frames(longest, collator.processor.feature_extractor, collator.audio_context)
        padded[first : first + size] = frames
    return padded


@contextlib.contextmanager
def only_lower(whisper: WhisperForConditionalGeneration, count: int) -> Iterator[None]:
    """Context in which the encoder ends after its first `count` layers, without the final layer norm."""
    encoder = whisper.model.encoder
    layers, norm = encoder.layers, encoder.layer_norm
    encoder.layers, encoder.layer_norm = layers[:count], torch.nn.Identity()
    try:
        yield
    finally:
        encoder.layers, encoder.layer_norm = layers, norm


@torch.no_grad()
def write(outputs: FrozenOutputs, trainer: SpeechTrainer, clips: Clips) -> None:
    """Compute the outputs of clips, unless a run that was killed has written them all; call it under `only_lower`."""
    if not outputs.missing_bytes:
        return
    encoder, collator = model.whisper_of(trainer.model).model.encoder, trainer.data_collator
    with open(outputs.partial, "wb") as file:
        for rows, frames in outputs.batches():
            spectrograms = [clips[int(row)]["log_mel"] for row in rows]
            extractor = collator.processor.feature_extractor
            batch = features.batch(spectrograms, extractor, collator.audio_context, frames)
            states = encoder(batch.to(trainer.args.device)).last_hidden_state
            file.write(states.to("cpu", outputs.dtype).contiguous().view(torch.uint8).numpy())
        file.flush()
        os.fsync(file.fileno())
    os.replace(outputs.partial, outputs.path)


def start_above(whisper: WhisperForConditionalGeneration, count: int, audio_context: str) -> None:
    """Let the encoder begin after its first `count` layers.

    Its input is then not a batch of features, but of the outputs of these layers, shape (clips, width, positions).
    """
    encoder = whisper.model.encoder
    if audio_context == "window":
        model.encode_at_own_length(whisper)  # `generate` would pad positions to the number of frames in a window

    @functools.wraps(encoder.forward)
    def forward_above(input_features, *args, **kwargs):
        states = input_features.transpose(1, 2).float()
        for layer in encoder.layers[count:]:
            states = layer(states, None)
        return BaseModelOutput(last_hidden_state=encoder.layer_norm(states))

    encoder.forward = forward_above
