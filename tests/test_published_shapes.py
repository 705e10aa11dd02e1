"""The published checkpoints' shapes, through the stages' own code: ids, layers, heads and mel bins as they are.

openai/whisper-base's has its real width too; the others are narrow, so that they train in seconds. Weights are random.
What is left out has the ids of one of these, and its layers but for their number (medium) as well.
"""

from pathlib import Path

import numpy as np
import pytest
from peft import PeftModel
from transformers import WhisperConfig, WhisperForConditionalGeneration

from stages import fetch_base
from stages.common import params
from stages.decoding import transcription
from stages.records import paths
from stages.training import loop
from stages.whisper import model
from tests.support.checkpoints import ENGLISH, LARGE_V3, MULTILINGUAL, WHISPER_BASE, base_checkpoint, whisper_config
from tests.support.training import write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NARROW = 4  # width of a head
SHAPES = {
    "base": (WHISPER_BASE, MULTILINGUAL),
    "tiny.en": (whisper_config((4, 4), 6, ENGLISH, head_width=NARROW), ENGLISH),
    "small": (whisper_config((12, 12), 12, MULTILINGUAL, head_width=NARROW), MULTILINGUAL),
    "large-v3": (whisper_config((32, 32), 20, LARGE_V3, mel_bins=128, head_width=NARROW), LARGE_V3),
    "large-v3-turbo": (whisper_config((32, 4), 20, LARGE_V3, mel_bins=128, head_width=NARROW), LARGE_V3),
}


def settings(config: WhisperConfig) -> params.Params:
    """The real profile, cut to one step; without its data workers, which cost seconds and have tests of their own."""
    values = params.load(ROOT / "profiles" / "whisper-base.yaml").model_dump()
    values["train"] |= {"epochs": 1, "batch_seconds": 5.0, "evaluations_per_epoch": 1}
    values["train_selective"]["decoder_layers"] = config.decoder_layers
    values["runtime"] |= {
        "device": "cpu",
        "gradient_checkpointing": config.decoder_layers > 12,
        "data_workers": 0,
    }
    return params.Params.model_validate(values)


@pytest.fixture(params=SHAPES)
def shape(request, tmp_path, monkeypatch):
    """A folder with such a base, and two clips; its config and vocabulary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    config, vocabulary = SHAPES[request.param]
    checkpoint = base_checkpoint(tmp_path / "hub" / request.param, config, vocabulary)
    Path("dvc.yaml").write_text(f"stages: {{fetch_base: {{deps: ['{checkpoint.parent}']}}}}")
    fetch_base.fetch(str(checkpoint), Path("models/base"))
    write_split(Path("processed_data/train"), 2, seed=1, words=1)
    write_split(Path("processed_data/dev"), 1, seed=2, words=1)
    return config, vocabulary


def test_prompt(shape):
    _, vocabulary = shape
    prompt = model.prompt_tokens(model.load_whisper(paths.BASE_FOLDER), "en")
    start, english = vocabulary.start, vocabulary.start + 1
    transcribe, untimed = vocabulary.translate + 1, vocabulary.translate + 5
    assert prompt == ([start, english, transcribe, untimed] if vocabulary.multilingual else [start, untimed])
    tokens = model.load_processor(paths.BASE_FOLDER).tokenizer.convert_ids_to_tokens(prompt)
    assert tokens[0] == "<|startoftranscript|>"
    assert tokens[-1] == "<|notimestamps|>"


def test_one_step_of_both_strategies_and_one_transcription(shape):
    config, vocabulary = shape
    chosen = settings(config)
    for name in ("lora", "selective"):
        loop.run(name, chosen)
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    for name in paths.MODELS if config is WHISPER_BASE else ("lora", "selective"):  # attention over 30 s takes a minute
        loaded = model.load_checkpoint(paths.MODELS[name])
        assert loaded.audio_context == ("window" if name == "base" else "utterance")
        decoder = transcription.prepare(loaded, chosen)
        assert decoder.max_tokens == (444 if vocabulary.multilingual else 446)
        assert transcription.token_limit(1.0, decoder) == 31
        assert transcription.transcribe(decoder, [noise])[0].log_probability < 0
    for name in ("lora", "selective"):
        assert len(Path(f"metrics/train_{name}.csv").read_text().splitlines()) == 2
    # With no code of this project:
    PeftModel.from_pretrained(WhisperForConditionalGeneration.from_pretrained("models/base"), "models/lora")
    assert WhisperForConditionalGeneration.from_pretrained("models/selective").config.vocab_size == vocabulary.size
