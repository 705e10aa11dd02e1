"""Splits of noise clips, short training parameters, and a training run in this process."""

import shutil
from pathlib import Path

import numpy as np
from transformers import Seq2SeqTrainer

from stages.common import params
from stages.records import shards
from stages.training import loop
from tests.support.checkpoints import tiny_checkpoint
from tests.support.corpora import write_clip

ROOT = Path(__file__).parent.parent.parent
WORDS = "the little dog has a big red ball and runs home".split()


def write_split(folder: Path, count: int, seed: int, seconds: float | None = None, words: int = 3) -> None:
    """Write a split of so many clips of noise, of `seconds` each or of 0.5 to 2 s, by two speakers."""
    generator = np.random.default_rng(seed)
    clips = []
    with shards.ShardWriter(folder, megabytes=64) as writer:
        for index in range(count):
            length = seconds or generator.uniform(0.5, 2.0)
            samples = generator.normal(0, 0.1, round(16_000 * length)).astype(np.float32)
            text = " ".join(generator.choice(WORDS, words))
            row = {"id": f"clip{index}", "text": text, "text_raw": text, "speaker": f"s{index % 2}"}
            clips.append(write_clip(writer, samples, **row))
    shards.write_manifest(folder, clips)


def write_training_inputs(root: Path) -> Path:
    """Write a tiny base model and splits of noise, all that training reads, into a folder; return the folder."""
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 16, seed=1)
    write_split(root / "processed_data" / "dev", 4, seed=2)
    return root


def enter_copy(prepared: Path, tmp_path: Path, monkeypatch) -> Path:
    """Copy a prepared workspace and make the copy the current folder, outside any DVC run; return it."""
    root = shutil.copytree(prepared, tmp_path / "workspace")
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return root


def settings(runtime: dict | None = None, **train) -> params.Params:
    """params.yaml, cut to a training of seconds, with parameters of `train` and of `runtime` changed."""
    values = params.load(ROOT / "params.yaml").model_dump()
    values["train"] |= {"epochs": 2, "batch_seconds": 9.0, "precision": "fp32"} | train
    values["train"]["augment"] |= {"time_masks": 1, "frequency_masks": 1, "speeds": [0.9, 1.0, 1.1], "vtlp": 0.1}
    values["train_lora"] |= {"rank": 2, "alpha": 4}
    values["train_selective"] |= {"encoder_layers": 1, "decoder_layers": 2}
    values["runtime"] |= {"device": "cpu", "data_workers": 0} | (runtime or {})
    return params.Params.model_validate(values)


def run(stage: str, chosen: params.Params) -> dict[str, bytes]:
    """Train a strategy and return every file it left."""
    name = stage.removeprefix("train_")
    loop.run(name, chosen)
    files = [*sorted(Path("models", name).iterdir()), Path("metrics") / f"{stage}.csv"]
    return {path.as_posix(): path.read_bytes() for path in files}


def failing(monkeypatch, step: int, error: Exception) -> None:
    """Raise an error in one step."""
    learn = Seq2SeqTrainer.training_step

    def training_step(trainer, *args, **kwargs):
        if trainer.state.global_step == step:
            raise error
        return learn(trainer, *args, **kwargs)

    monkeypatch.setattr(Seq2SeqTrainer, "training_step", training_step)


def checkpoint_names() -> list[str]:
    return sorted(path.name for path in Path("checkpoints/train_lora").glob("*/checkpoint-*"))
