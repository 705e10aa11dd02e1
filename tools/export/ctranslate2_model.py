"""Write checkpoints in CTranslate2's format, which faster-whisper and other engines load, and decode with them."""

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
from tools.export.options import EXACT

COPIED_FILES = ("tokenizer.json", "preprocessor_config.json")  # faster-whisper reads them


def check_installed() -> None:
    """Raise UserError if CTranslate2 is not installed; the pipeline does not need it."""
    if importlib.util.find_spec("ctranslate2") is None:
        raise UserError("CTranslate2 is not installed: pip install -r requirements-extra.txt, or drop --ctranslate2")


def convert(source: Path, target: Path, quantization: str = EXACT) -> None:
    """Convert a Transformers checkpoint to CTranslate2's format.

    Parameters
    ----------
    source : folder with preprocessor_config.json, which holds the number of mel bins that large-v3 needs
    target : folder that is made
    quantization : of the weights, one of QUANTIZATIONS
    """
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(source), copy_files=list(COPIED_FILES)).convert(str(target), quantization=quantization)


def transcribe(folder: Path, decoder: Decoder, language: str, split: Path, clips: Sequence[Clip]) -> list[str]:
    """Transcribe clips with a converted checkpoint at its full window, greedily, on the CPU.

    It uses this project's features. faster-whisper pads every clip to 30 s, whatever the model's window is, with zeros
    in the spectrogram, which are not silence but loud. On the sample, that costs 3 to 5 points of WER.

    Parameters
    ----------
    folder : of the converted checkpoint
    decoder : of the checkpoint that it was converted from; gives features, prompt and limits
    split : folder of the clips' audio, such as processed_data/evaluation/test
    clips : none longer than the window
    """
    import ctranslate2

    # Weights as they are stored; types that a CPU does not compute (float16) are widened, which changes no value.
    engine = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="default")
    processor = decoder.checkpoint.processor
    prompt = prompt_tokens(decoder.checkpoint.model, language)
    durations = [clip.duration for clip in clips]
    texts = [""] * len(clips)
    for batch in batching.batches(durations, decoder.settings.batch_seconds, decoder.window):
        spectrograms = []
        limits = []
        for index in batch:
            samples = read_audio(split, clips[index])
            spectrograms.append(features.log_mel(processor.feature_extractor, samples, 0.0))
            limits.append(transcription.token_limit(durations[index], decoder))
        inputs = features.batch(spectrograms, processor.feature_extractor, "window").numpy()
        results = engine.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(inputs)),
            [prompt] * len(batch),
            beam_size=1,
            max_length=2 * max(limits),  # it generates half as many: openai/whisper stops at half of its positions
        )
        tokens = [row.sequences_ids[0][:limit] for row, limit in zip(results, limits, strict=True)]
        for index, text in zip(batch, processor.batch_decode(tokens, skip_special_tokens=True), strict=True):
            texts[index] = text.strip()
    return texts
