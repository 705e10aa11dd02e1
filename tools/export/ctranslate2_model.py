"""Checkpoints in CTranslate2's format, which faster-whisper and other engines load."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.common.errors import UserError
from stages.decoding import batching, transcription
from stages.decoding.transcription import Decoder
from stages.records.shards import Clip, read_audio
from stages.whisper import features
from stages.whisper.model import prompt_tokens

EXACT = "float32"
QUANTIZATIONS = (EXACT, "float16", "bfloat16", "int16", "int8", "int8_float32", "int8_float16", "int8_bfloat16")
COPIED = ("tokenizer.json", "preprocessor_config.json")  # faster-whisper reads them beside the weights


def check_installed() -> None:
    """Raise UserError where CTranslate2 is not installed; the pipeline does not need it."""
    if importlib.util.find_spec("ctranslate2") is None:
        raise UserError("CTranslate2 is not installed: pip install -r requirements-extra.txt, or drop --ctranslate2")


def convert(source: Path, target: Path, quantization: str = EXACT) -> None:
    """Write a Transformers checkpoint as CTranslate2 reads it.

    Parameters
    ----------
    source : with preprocessor_config.json, which older tools read; it holds the mel filters that large-v3 needs
    target : is made
    quantization : of the weights, one of QUANTIZATIONS
    """
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(source), copy_files=list(COPIED)).convert(str(target), quantization=quantization)


def transcribe(folder: Path, decoder: Decoder, language: str, split: Path, clips: Sequence[Clip]) -> list[str]:
    """Transcribe clips with a converted checkpoint at its full window, greedily, on the CPU.

    With this project's features: faster-whisper pads every clip to 30 s, whatever the model's window is, and does so
    with zeros in the spectrogram, which are loud. On the sample, zeros cost 3 to 5 points of WER.

    Parameters
    ----------
    decoder : of the checkpoint it was converted from: features, prompt and limits are taken from there
    split : processed_data/<split>, where the clips' audio lies
    clips : none longer than the window
    """
    import ctranslate2

    # The weights as they are stored; what a CPU does not compute (float16) is widened, with the same values.
    engine = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="default")
    processor, durations = decoder.checkpoint.processor, [clip.duration for clip in clips]
    prompt, texts = prompt_tokens(decoder.checkpoint.model, language), [""] * len(clips)
    for batch in batching.batches(durations, decoder.settings.batch_seconds, decoder.window):
        spectrograms = [features.log_mel(processor.feature_extractor, read_audio(split, clips[i]), 0.0) for i in batch]
        inputs = features.batch(spectrograms, processor.feature_extractor, "window").numpy()
        limits = [transcription.token_limit(durations[index], decoder) for index in batch]
        found = engine.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(inputs)),
            [prompt] * len(batch),
            beam_size=1,
            max_length=2 * max(limits),  # it generates half as many, as openai/whisper stops at half its positions
        )
        tokens = [row.sequences_ids[0][:limit] for row, limit in zip(found, limits, strict=True)]
        for index, text in zip(batch, processor.batch_decode(tokens, skip_special_tokens=True), strict=True):
            texts[index] = text.strip()
    return texts
