"""Checkpoints for tests: random weights in the shapes wanted, with the sample's tokenizer and feature extractor."""

import shutil
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    AddedToken,
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

SAMPLE = Path(__file__).parent.parent / "sample" / "whisper-mini"

# openai/whisper-base: config.json at e37978b90ca9030d5170a5c07aadb050351a65bb
WHISPER_BASE = WhisperConfig(
    vocab_size=51865,
    d_model=512,
    encoder_layers=6,
    decoder_layers=6,
    encoder_attention_heads=8,
    decoder_attention_heads=8,
    encoder_ffn_dim=2048,
    decoder_ffn_dim=2048,
    num_mel_bins=80,
    max_source_positions=1500,
    max_target_positions=448,
    pad_token_id=50257,
    bos_token_id=50257,
    eos_token_id=50257,
    decoder_start_token_id=50258,
)


def tiny_model(seed: int = 0) -> WhisperForConditionalGeneration:
    """A Whisper of 2 + 2 layers and width 32 that goes with the sample's tokenizer and feature extractor."""
    torch.manual_seed(seed)
    shape = {"d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "encoder_layers": 2, "decoder_layers": 2}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = WhisperConfig.from_pretrained(SAMPLE, **shape, **heads)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig.from_pretrained(SAMPLE)
    return model.eval()


def tiny_checkpoint(folder: Path, seed: int = 0) -> Path:
    """Write `tiny_model` with everything a hub checkpoint has."""
    shutil.copytree(SAMPLE, folder)
    (folder / "model.safetensors").unlink()
    tiny_model(seed).save_pretrained(folder)
    return folder


def base_on_meta() -> WhisperForConditionalGeneration:
    """Whisper-base's real shape without memory for its weights: for counting parameters."""
    with torch.device("meta"):
        return WhisperForConditionalGeneration(WHISPER_BASE)


def base_checkpoint(folder: Path) -> Path:
    """A checkpoint in whisper-base's shape, vocabulary layout and files, with random weights and made-up words."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(WHISPER_BASE)
    languages = {f"<|{code}|>": 50259 + place for place, code in enumerate(list(LANGUAGES)[:99])}
    model.generation_config = GenerationConfig(
        is_multilingual=True,
        lang_to_id=languages,
        task_to_id={"translate": 50358, "transcribe": 50359},
        no_timestamps_token_id=50363,
        prev_sot_token_id=50361,
        decoder_start_token_id=50258,
        pad_token_id=50257,
        bos_token_id=50257,
        eos_token_id=50257,
        begin_suppress_tokens=[220, 50257],
        forced_decoder_ids=[[1, None], [2, 50359]],
        max_length=448,
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    _base_tokenizer(list(languages)).save_pretrained(folder)
    shutil.copyfile(SAMPLE / "normalizer.json", folder / "normalizer.json")
    return folder


def _base_tokenizer(languages: list[str]) -> WhisperTokenizer:
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"word{number}" for number in range(50257 - len(letters)))]
    tail = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = ["<|startoftranscript|>", *languages, *(f"<|{name}|>" for name in tail)]
    tokenizer = WhisperTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        pad_token="<|endoftext|>",
        extra_special_tokens=special,
    )
    tokenizer.add_tokens([AddedToken(f"<|{tick * 0.02:.2f}|>", normalized=False) for tick in range(1501)])
    return tokenizer
