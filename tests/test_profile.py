"""The real profile, unchanged but for its base model and its epochs, through every stage on a handful of clips."""

import csv
import json
from pathlib import Path

import pytest

from stages.common import params
from stages.records import paths
from tests.support.checkpoints import MULTILINGUAL, base_checkpoint, whisper_config
from tests.support.repository import ROOT, call, make_repository

pytestmark = pytest.mark.slow

BASE = "whisper-base"  # all layers of the real one, and its window and vocabulary; an eighth as wide
EPOCHS = 1


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    folder = make_repository(tmp_path_factory.mktemp("profile") / "repository")
    base_checkpoint(folder / BASE, whisper_config((6, 6), 8, MULTILINGUAL, head_width=8))
    profile = ROOT / "profiles" / "whisper-base.yaml"
    settings = params.load(profile)
    text = profile.read_text()
    for old, new in ((settings.base_model, BASE), (f"epochs: {settings.train.epochs}", f"epochs: {EPOCHS}")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text)
    pipeline = (folder / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text(pipeline.replace("- sample/whisper-mini", f"- {BASE}", 1))
    return folder


def test_every_stage_runs_to_its_end(repository):
    # Each program with a Python of its own once, as a user's (elsewhere they are forked); the same one again is forked.
    output = call(repository, "dvc", "repro", "transcribe@lora", is_python_warm=False)
    output += call(repository, "dvc", "repro", "transcribe")
    output += call(repository, "dvc", "repro", is_python_warm=False)
    for stage in ("fetch_base", "preprocess", "train_lora", "train_selective", "transcribe@selective", "report"):
        assert f"Running stage '{stage}'" in output
    scores = json.loads((repository / "metrics" / "scores.json").read_text())
    assert scores.keys() == {*paths.MODELS, "paired"}
    for name in paths.TUNED:
        with open(repository / "metrics" / f"train_{name}.csv", newline="") as file:
            curve = list(csv.DictReader(file))
        assert float(curve[-1]["epoch"]) == EPOCHS
        assert all(all(row.values()) for row in curve)
    assert (repository / "metrics" / "report.html").stat().st_size > 0
    assert "up to date" in call(repository, "dvc", "repro")
