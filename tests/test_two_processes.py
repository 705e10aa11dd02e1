"""Two processes under `accelerate launch` learn what one does from the same batches, and write it once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from tests.checkpoints import tiny_checkpoint
from tests.test_training import settings, write_split

ROOT = Path(__file__).parent.parent
STAGES = ("train_lora", "train_selective")


def train(workspace: Path, **runtime) -> str:
    """Run both training stages there; returns what they said."""
    chosen = settings(runtime, epochs=2).model_dump()
    (workspace / "params.yaml").write_text(yaml.safe_dump(chosen))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DVC_ROOT", None)
    told = ""
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        told += done.stdout
    return told


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory) -> dict[int, tuple[Path, str]]:
    root = tmp_path_factory.mktemp("processes")
    tiny_checkpoint(root / "1" / "models" / "base")
    write_split(root / "1" / "processed_data" / "train", 16, seed=1)
    write_split(root / "1" / "processed_data" / "dev", 5, seed=2)  # odd: one process gets a clip twice
    shutil.copytree(root / "1", root / "2")
    return {count: (root / str(count), train(root / str(count), processes=count)) for count in (1, 2)}


def test_two_processes_ran(workspaces):
    for count, (_, told) in workspaces.items():
        assert told.count(f"on {count} cpu device(s)") == len(STAGES)  # said once, by the first


@pytest.mark.parametrize("stage", STAGES)
def test_same_curve(workspaces, stage):
    one, two = (
        np.loadtxt(folder / "metrics" / f"{stage}.csv", delimiter=",", skiprows=1) for folder, _ in workspaces.values()
    )
    np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("model", ["lora/adapter_model.safetensors", "selective/model.safetensors"])
def test_same_weights(workspaces, model):
    one, two = (load_file(folder / "models" / model) for folder, _ in workspaces.values())
    assert one.keys() == two.keys()
    for name, weights in one.items():
        np.testing.assert_allclose(weights, two[name], atol=2e-5, err_msg=name)


def test_outputs_are_written_once_and_checkpoints_removed(workspaces):
    (one, _), (two, _) = workspaces.values()
    files = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, two)]
    same = [{path for path in found if "features" not in path.parts} for found in files]
    assert same[0] == same[1]
    assert not any(path.name.startswith("checkpoint-") for path in two.rglob("*"))
