"""Processes that load clips beside the trainer: they change nothing, and do not wait for one another forever."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
import torch
import yaml
from transformers import WhisperProcessor

from stages.common.errors import UserError
from stages.training import feature_cache
from tests.support.checkpoints import SAMPLE, tiny_checkpoint
from tests.support.training import settings, write_split

ROOT = Path(__file__).parent.parent
# The threads that a model as large as a real one has started by then: processes forked now cannot use them.
TRAIN = "import torch; torch.ones(10_000_000).sum(); from stages.train import main; main()"
SECONDS = 4.0  # of a clip: what torch, too, spreads over threads


def train(workspace: Path, workers: int) -> tuple[dict[str, bytes], str]:
    """What the stage writes, and what it says."""
    chosen = settings({"data_workers": workers}, epochs=2).model_dump()
    (workspace / "params.yaml").write_text(yaml.safe_dump(chosen))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(workspace / f"{workers}-workers")}
    environment["OMP_NUM_THREADS"] = "2"
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, "lora"],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = [*(workspace / "models" / "lora").iterdir(), workspace / "metrics" / "train_lora.csv"]
    return {path.name: path.read_bytes() for path in files}, done.stdout + done.stderr


def test_one_worker_is_this_process_which_keeps_its_threads(tmp_path):
    write_split(tmp_path / "train", 2, seed=1)
    labels = feature_cache.Labels(WhisperProcessor.from_pretrained(SAMPLE), [1, 2], 448)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert len(feature_cache.speech_table(tmp_path / "train", "digest", labels, 0.5, tmp_path, workers=1)) == 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_shard_is_named_from_every_process(tmp_path, workers):
    """datasets reports that an error occurred; the message that names the clip is the error's cause."""
    write_split(tmp_path / "train", 4, seed=1)
    shard = tmp_path / "train/shard-00000.tar"
    shard.write_bytes(bytes(shard.stat().st_size))
    labels = feature_cache.Labels(WhisperProcessor.from_pretrained(SAMPLE), [1, 2], 448)
    with pytest.raises(UserError, match=r"train/shard-00000.tar is damaged at clip"):
        feature_cache.speech_table(tmp_path / "train", "digest", labels, 0.5, tmp_path / "cache", workers=workers)


@pytest.mark.slow
@pytest.mark.skipif(joblib.cpu_count() < 2, reason="needs two cores")
def test_data_workers_change_nothing(tmp_path):
    tiny_checkpoint(tmp_path / "models" / "base")
    write_split(tmp_path / "processed_data" / "train", 8, seed=1, seconds=SECONDS)
    write_split(tmp_path / "processed_data" / "dev", 3, seed=2, seconds=SECONDS)
    expected, _ = train(tmp_path, workers=0)
    results, output = train(tmp_path, workers=1000)  # as many as there are cores
    assert results == expected
    assert output.count("runtime.data_workers is 1000; lowered to") == 1
    assert "Warning" not in output
