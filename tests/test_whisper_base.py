"""The real model's shape: openai/whisper-base's configuration with random weights, through the stages' own code."""

from pathlib import Path

import numpy as np
import pytest

from stages import decoding, fetch_base, finetune, model, params, strategies
from tests.checkpoints import base_checkpoint
from tests.test_training import write_split

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return base_checkpoint(tmp_path_factory.mktemp("base") / "whisper-base")


def settings() -> params.Params:
    """The real profile, cut to one step."""
    values = params.load(ROOT / "profiles" / "whisper-base.yaml").model_dump()
    values["train"] |= {"epochs": 1, "batch_seconds": 5.0, "evaluations_per_epoch": 1}
    values["runtime"] |= {"device": "cpu", "data_workers": 0}
    return params.Params.model_validate(values)


def test_one_step_and_one_transcription(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("dvc.yaml").write_text(f"stages: {{fetch_base: {{deps: ['{checkpoint.parent}']}}}}")
    fetch_base.fetch(str(checkpoint), Path("models/base"))
    write_split(Path("processed_data/train"), 2, seed=1)
    write_split(Path("processed_data/dev"), 1, seed=2)
    chosen = settings()
    finetune.run("train_lora", chosen, chosen.train_lora, lambda base: strategies.add_lora(base, chosen.train_lora))
    assert len(Path("metrics/train_lora.csv").read_text().splitlines()) == 2

    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    for name, context in (("base", "window"), ("lora", "utterance")):
        loaded = model.load_checkpoint(Path("models") / name)
        assert loaded.audio_context == context
        decoder = decoding.prepare(loaded, chosen)
        assert decoder.most_tokens == 444
        assert decoding.token_limit(1.0, decoder) == 31
        assert isinstance(decoding.transcribe(decoder, [noise])[0], str)
