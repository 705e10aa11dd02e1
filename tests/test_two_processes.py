"""Two processes under `accelerate launch` learn what one does from the same batches, and write it once.

They are started by runtime.processes, or by a file of `accelerate config`. (FSDP has no CPU form in accelerate.)
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from tests.support import warm_python
from tests.support.checkpoints import tiny_checkpoint
from tests.support.training import settings, write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
STAGES = ("train_lora", "train_selective")
CONFIGURATION = {  # what `accelerate config` writes, shortened
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_GPU",
    "num_machines": 1,
    "num_processes": 2,
    "mixed_precision": "no",
    "use_cpu": True,
}
WAYS = {"one": {"processes": 1}, "two": {"processes": 2}, "configured": {"accelerate_config": "accelerate.yaml"}}
# Of this stage and way, each process has a Python of its own, as a user's; those of the others are forked.
STARTED_ANEW = ("train_lora", "configured")


def train(workspace: Path, way: str) -> str:
    """Run both training stages there; returns what they said."""
    chosen = settings(WAYS[way], epochs=2, replay_share=0.2).model_dump()
    (workspace / "params.yaml").write_text(yaml.safe_dump(chosen))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DVC_ROOT", None)
    output = ""
    for stage in STAGES:
        python = sys.executable if (stage, way) == STARTED_ANEW else str(warm_python.folder() / "python")
        command = [python, "-m", "stages.train", stage.removeprefix("train_")]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        output += done.stdout
    return output


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """For each way of training, the folder that it ran in, and what it said."""
    root = tmp_path_factory.mktemp("processes")
    tiny_checkpoint(root / "one" / "models" / "base")
    write_split(root / "one" / "processed_data" / "train", 16, seed=1)
    write_split(root / "one" / "processed_data" / "dev", 5, seed=2)  # odd: one process gets a clip twice
    write_split(root / "one" / "processed_data" / "replay", 8, seed=3)
    (root / "one" / "accelerate.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    for way in ("two", "configured"):
        shutil.copytree(root / "one", root / way)
    return {way: (root / way, train(root / way, way)) for way in WAYS}


def test_so_many_processes_ran(workspaces):
    for way, count in {"one": 1, "two": 2, "configured": 2}.items():
        assert workspaces[way][1].count(f"on {count} cpu device(s)") == len(STAGES)  # said once, by the first


@pytest.mark.parametrize("way", ["two", "configured"])
@pytest.mark.parametrize("stage", STAGES)
def test_same_curve(workspaces, stage, way):
    one, other = (
        np.loadtxt(workspaces[name][0] / "metrics" / f"{stage}.csv", delimiter=",", skiprows=1) for name in ("one", way)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("way", ["two", "configured"])
@pytest.mark.parametrize("model", ["lora/adapter_model.safetensors", "selective/model.safetensors"])
def test_same_weights(workspaces, model, way):
    one, other = (load_file(workspaces[name][0] / "models" / model) for name in ("one", way))
    assert one.keys() == other.keys()
    for name, weights in one.items():
        np.testing.assert_allclose(weights, other[name], atol=2e-5, err_msg=name)


@pytest.mark.parametrize("way", ["two", "configured"])
def test_outputs_are_written_once_and_checkpoints_removed(workspaces, way):
    assert written_files(workspaces["one"][0]) == written_files(workspaces[way][0])
    assert not list(workspaces[way][0].rglob("checkpoint-*"))


def written_files(root: Path) -> set[Path]:
    """The files in a folder, without cached features."""
    files = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    return {path for path in files if "features" not in path.parts}
