"""Checkpoints for tests: random weights in the shapes wanted, with the sample's tokenizer and feature extractor."""

import shutil
from dataclasses import dataclass
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

from stages.common.params import TrainLora

SAMPLE = Path(__file__).parent.parent.parent / "sample" / "whisper-mini"

LORA = TrainLora(
    learning_rate=0.001,
    rank=16,
    alpha=32,
    dropout=0.0,
    variant="lora",
    target_modules=["q_proj", "v_proj"],
    encoder_layers="all",
    decoder_layers="all",
)


@dataclass(frozen=True)
class Vocabulary:
    """How a family of OpenAI's checkpoints numbers its tokens: words, end, start, languages, tasks, timestamps."""

    words: int
    languages: int
    multilingual: bool

    @property
    def end(self) -> int:
        return self.words

    @property
    def start(self) -> int:
        return self.words + 1

    @property
    def translate(self) -> int:  # transcribe, startoflm, startofprev, nospeech and notimestamps follow
        return self.start + 1 + self.languages

    @property
    def size(self) -> int:
        return self.translate + 6 + 1501


MULTILINGUAL = Vocabulary(words=50257, languages=99, multilingual=True)  # tiny to large-v2
LARGE_V3 = Vocabulary(words=50257, languages=100, multilingual=True)  # and turbo
ENGLISH = Vocabulary(words=50256, languages=99, multilingual=False)  # .en


def whisper_config(
    layers: tuple[int, int], heads: int, vocabulary: Vocabulary, mel_bins: int = 80, head_width: int = 64
) -> WhisperConfig:
    """The config.json of a published checkpoint; another `head_width` makes it narrower and nothing else."""
    width = heads * head_width
    return WhisperConfig(
        vocab_size=vocabulary.size,
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        num_mel_bins=mel_bins,
        max_source_positions=1500,
        max_target_positions=448,
        pad_token_id=vocabulary.end,
        bos_token_id=vocabulary.end,
        eos_token_id=vocabulary.end,
        decoder_start_token_id=vocabulary.start,
    )


WHISPER_BASE = whisper_config((6, 6), 8, MULTILINGUAL)


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


def base_checkpoint(folder: Path, config: WhisperConfig = WHISPER_BASE, vocabulary: Vocabulary = MULTILINGUAL) -> Path:
    """A checkpoint in a published one's shape, vocabulary layout and files, with random weights and made-up words."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    languages = [f"<|{code}|>" for code in list(LANGUAGES)[: vocabulary.languages]]
    known = {
        "lang_to_id": {name: vocabulary.start + 1 + place for place, name in enumerate(languages)},
        "task_to_id": {"translate": vocabulary.translate, "transcribe": vocabulary.translate + 1},
        "forced_decoder_ids": [[1, None], [2, vocabulary.translate + 1]],
    }
    model.generation_config = GenerationConfig(
        is_multilingual=vocabulary.multilingual,
        no_timestamps_token_id=vocabulary.translate + 5,
        prev_sot_token_id=vocabulary.translate + 3,
        decoder_start_token_id=vocabulary.start,
        pad_token_id=vocabulary.end,
        bos_token_id=vocabulary.end,
        eos_token_id=vocabulary.end,
        begin_suppress_tokens=[220, vocabulary.end],
        max_length=448,
        **(known if vocabulary.multilingual else {}),
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)
    _base_tokenizer(languages, vocabulary.words).save_pretrained(folder)
    shutil.copyfile(SAMPLE / "normalizer.json", folder / "normalizer.json")
    return folder


def _base_tokenizer(languages: list[str], size: int) -> WhisperTokenizer:
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"word{number}" for number in range(size - len(letters)))]
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
