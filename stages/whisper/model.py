"""Whisper checkpoints: load, check and save them, prompt the decoder, run the encoder at an utterance's length."""

import contextlib
import functools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizerFast,
)

from stages.common import files
from stages.common.errors import UserError, first_lines
from stages.records.paths import BASE_FOLDER
from stages.whisper import adapters, consistency, generation_defaults

ADAPTER_FILE = "adapter_config.json"
DECODING_FILE = "decoding.json"  # how a tuned model was trained, and so must be decoded; stock loaders ignore it
EXTRACTOR_FILES = ("processor_config.json", "preprocessor_config.json")  # of transformers 5, and of earlier ones
NORMALIZER_FILE = "normalizer.json"  # spelling variants for the English normaliser; the tokenizer does not save it


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to decode, with the processor and the audio context it was trained for."""

    model: WhisperForConditionalGeneration | PeftModel
    processor: WhisperProcessor
    audio_context: str  # "utterance" or "window"
    spare_seconds: float


def check_files(folder: Path) -> None:
    """Check that a folder has a Whisper config and undamaged weights.

    Raises
    ------
    UserError
        Names the missing, damaged or truncated file. Pickled weights (.bin) are never read.
    """
    if not (folder / ADAPTER_FILE).is_file() and read_json(folder, "config.json").get("model_type") != "whisper":
        raise UserError(f"{folder}/config.json: model_type is not 'whisper'; only Whisper checkpoints can be used")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(f"{folder} holds no .safetensors file; pickled weights are not read, convert them first")
    for path in weights:
        try:
            with safe_open(path, framework="pt") as file:
                list(file.keys())
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} is damaged or incomplete ({error}); fetch or pull it again") from None


def read_json(folder: Path, name: str, required: bool = True) -> dict:
    """A file of a checkpoint; UserError where it is damaged or, if required, missing."""
    if (folder / name).is_file():
        return files.read_json(folder / name, if_damaged="fetch or pull it again")
    if required:
        raise UserError(f"{folder} is not a checkpoint: {name} is missing")
    return {}


def load_whisper(folder: Path) -> WhisperForConditionalGeneration:
    """Load a full checkpoint in float32, with every weight present and of the right shape.

    Raises
    ------
    UserError
        A file is missing, damaged, or does not match its config. (Transformers itself only warns, and fills missing
        weights with random numbers.)
    """
    check_files(folder)
    try:
        model, report = WhisperForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        raise UserError(f"{folder} cannot be loaded as a Whisper checkpoint: {first_lines(error, lines=3)}") from None
    wrong = sorted([*report["missing_keys"], *report["unexpected_keys"]])
    if wrong:
        raise UserError(f"{folder}: weights and config.json do not match: {', '.join(wrong[:5])} ({len(wrong)} in all)")
    _set_one_end(model)
    return model


def _set_one_end(model: WhisperForConditionalGeneration) -> None:
    """Make generation's end token one number: the Trainer of transformers 5 writes a list; in place."""
    config = model.generation_config
    if isinstance(config.eos_token_id, list):
        own = model.config.eos_token_id
        config.eos_token_id = own if own in config.eos_token_id else config.eos_token_id[0]


def load_processor(folder: Path) -> WhisperProcessor:
    """Load feature extractor and tokenizer; UserError when their files are missing or damaged."""
    try:
        return WhisperProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: feature extractor or tokenizer cannot be loaded: {first_lines(error, lines=3)}"
        ) from None


def load_checkpoint(folder: Path, base_folder: Path = BASE_FOLDER) -> Checkpoint:
    """Load a full checkpoint, or a PEFT adapter over a base, for decoding."""
    decoding = read_json(folder, DECODING_FILE, required=False)
    if (folder / ADAPTER_FILE).is_file():
        check_files(folder)
        base = load_whisper(base_folder)
        processor = _processor_of_adapter(folder, base_folder)
        consistency.check(base, processor, folder)
        model = adapters.load(folder, base, base_folder)
    else:
        model, processor = load_whisper(folder), load_processor(folder)
        consistency.check(model, processor, folder)
    generation_defaults.complete(whisper_of(model), processor.tokenizer)
    audio_context = decoding.get("audio_context", "window")
    if audio_context == "utterance":
        encode_at_own_length(whisper_of(model))
    return Checkpoint(model.eval(), processor, audio_context, decoding.get("spare_seconds", 0.0))


def _processor_of_adapter(folder: Path, base_folder: Path) -> WhisperProcessor:
    """The tokenizer and the feature extractor, each from the adapter's folder if it is there, else from the base's."""
    has_tokenizer = (folder / "tokenizer_config.json").is_file()
    has_extractor = any((folder / name).is_file() for name in EXTRACTOR_FILES)
    if has_tokenizer == has_extractor:
        return load_processor(folder if has_tokenizer else base_folder)
    base = load_processor(base_folder)
    try:
        if has_tokenizer:
            return WhisperProcessor(base.feature_extractor, WhisperTokenizerFast.from_pretrained(folder))
        return WhisperProcessor(WhisperFeatureExtractor.from_pretrained(folder), base.tokenizer)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: {first_lines(error, lines=3)}") from None


def whisper_of(model: WhisperForConditionalGeneration | PeftModel) -> WhisperForConditionalGeneration:
    """The Whisper model itself, out of its adapter if it has one."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def set_language(model: WhisperForConditionalGeneration, language: str) -> None:
    """Fix language and task, so that generate neither guesses the language nor translates; in place.

    English-only checkpoints have no such tokens and are left alone.
    """
    config = model.generation_config
    config.forced_decoder_ids = None
    if is_multilingual(model):
        config.language, config.task = language, "transcribe"


def is_multilingual(model: WhisperForConditionalGeneration) -> bool:
    """Whether the checkpoint knows language and task tokens; the .en ones do not."""
    return getattr(model.generation_config, "is_multilingual", True)


def prompt_tokens(model: WhisperForConditionalGeneration, language: str) -> list[int]:
    """What generate gives the decoder before the text: start of transcript, (language, task,) no timestamps.

    Not taken from the tokenizer, which by default leaves out language and task.

    Raises
    ------
    UserError
        The checkpoint does not know the language, or its generation_config.json is too old to name it.
    """
    config = model.generation_config
    start, untimed = model.config.decoder_start_token_id, getattr(config, "no_timestamps_token_id", None)
    known, tasks = getattr(config, "lang_to_id", None), getattr(config, "task_to_id", None)
    if untimed is None or (is_multilingual(model) and not (known and tasks)):
        raise UserError(
            "the checkpoint's generation_config.json does not name its language and task tokens; take that of the "
            "OpenAI model it comes from"
        )
    if not is_multilingual(model):
        return [start, untimed]
    if f"<|{language}|>" not in known:
        names = ", ".join(sorted(name.strip("<|>") for name in known))
        raise UserError(f"params.yaml: language {language!r} is unknown to the base model, which knows: {names}")
    return [start, known[f"<|{language}|>"], tasks["transcribe"], untimed]


@contextlib.contextmanager
def _audio_context(model: WhisperForConditionalGeneration, frames: int) -> Iterator[None]:
    """Make encoder and generate expect `frames` mel frames; the position embeddings are used up to there."""
    config, positions = model.config, model.model.encoder.embed_positions
    full = config.max_source_positions
    # Never more than the window: generate splits longer input into windows.
    config.max_source_positions = positions.num_embeddings = min(frames // 2, full)
    try:
        yield
    finally:
        config.max_source_positions = positions.num_embeddings = full


def encode_at_own_length(model: WhisperForConditionalGeneration) -> None:
    """Let a model take mel input shorter than its window, in training and in generate; its weights stay stock.

    The encoder uses as many of its position embeddings as it needs, as icefall's Whisper recipe does
    (https://github.com/k2-fsa/icefall/pull/1466). Only for a model that was trained so: others write nonsense.
    """
    encoder_forward, generate = model.model.encoder.forward, model.generate

    @functools.wraps(encoder_forward)  # generate inspects the signature
    def forward_at_own_length(input_features, *args, **kwargs):
        with _audio_context(model, input_features.shape[-1]):
            return encoder_forward(input_features, *args, **kwargs)

    @functools.wraps(generate)
    def generate_at_own_length(input_features, *args, **kwargs):
        with _audio_context(model, input_features.shape[-1]):
            return generate(input_features, *args, **kwargs)

    model.model.encoder.forward = forward_at_own_length
    model.generate = generate_at_own_length


def save_tuned(
    model,
    folder: Path,
    audio_context: str,
    spare_seconds: float,
    base_folder: Path = BASE_FOLDER,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write a stock PEFT adapter or Transformers checkpoint with everything needed to decode with it.

    Parameters
    ----------
    weights : of the whole model, if `model` has only a part of them (FSDP)
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, state_dict=weights)
    whisper_of(model).generation_config.save_pretrained(folder)
    load_processor(base_folder).save_pretrained(folder)
    if (base_folder / NORMALIZER_FILE).is_file():
        shutil.copyfile(base_folder / NORMALIZER_FILE, folder / NORMALIZER_FILE)
    decoding = {"audio_context": audio_context, "spare_seconds": spare_seconds}
    (folder / DECODING_FILE).write_text(json.dumps(decoding, sort_keys=True) + "\n", encoding="utf-8")
