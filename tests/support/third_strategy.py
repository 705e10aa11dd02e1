"""What the project knows of a third strategy; run by tests/test_third_strategy.py in a copy that has one, `full`."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from stages import evaluate, report
from stages.labelling import outputs
from stages.records import paths
from stages.records.shards import read_manifest
from stages.records.transcripts import write_transcripts
from tests.support.checkpoints import tiny_checkpoint
from tests.support.scores import answer
from tests.support.training import run, settings, write_split
from tools.export import __main__ as export

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A base, and clips to train and score on."""
    root = tmp_path_factory.mktemp("workspace")
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 6, seed=1)
    write_split(root / "processed_data" / "dev", 2, seed=2)
    write_split(root / "processed_data" / "evaluation" / "test", 4, seed=3)
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    return root


@pytest.fixture(autouse=True)
def run_there(workspace, monkeypatch) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(sys, "argv", ["stage"])


def test_it_trains_what_it_chooses(capsys):
    run("train_full", settings(epochs=1))
    assert "parameters learn (100.00%)" in capsys.readouterr().out
    before, after = load_file("models/base/model.safetensors"), load_file("models/full/model.safetensors")
    assert all((before[name] != after[name]).any() for name in before if name.endswith("fc1.weight"))


def test_it_is_scored(capsys):
    clips = read_manifest(paths.split_folder("test"))
    for name in paths.MODELS:
        rows = [answer("test", clip.id, clip.text, clip.text if name == "full" else "no") for clip in clips]
        write_transcripts(paths.TRANSCRIPTS / f"{name}.jsonl", rows)
    evaluate.main()
    printed = capsys.readouterr().out
    rows = [line.split()[:3] for line in printed.splitlines() if line.startswith("test ")]
    assert ["test", "full", "0.00"] in rows
    assert "full - selective" in printed


def test_the_report_shows_it():
    for name in ("lora", "selective"):
        shutil.copyfile(paths.CURVES["full"], paths.CURVES[name])
    card = {"clips": 4, "hours": 0.1, "speakers": 2, "refused": 0, "left_out": 0}
    splits = ", ".join(f'"{name}": {card}'.replace("'", '"') for name in ("train", "dev", "test"))
    paths.CORPUS_FILE.write_text(f"{{{splits}}}")
    paths.LABELS_FILE.write_text(json.dumps(outputs.Account().figures()))
    report.main()
    page = paths.REPORT_FILE.read_text()
    assert "WER is lowest with full fine-tuning" in page
    assert "Full fine-tuning trains" in page  # what it cost
    assert page.count("--full: #009e73;") == 2  # on the screen and on paper
    assert page.count("--full: #3fcf9f;") == 1  # in dark mode
    assert ".line > .full { color: var(--full); }" in page
    drawings = [part.split("</svg>")[0] for part in page.split("<svg")[1:]]
    assert len(drawings) >= 5
    for drawing in drawings:  # a bar, marker or curve, and its label
        assert "var(--full)" in drawing
        assert re.search(">full[<,]", drawing)
    assert "train_full:" in page
    assert "With full fine-tuning, WER is 100.00 points lower than with the base" in paths.SUMMARY_FILE.read_text()


def test_it_is_exported(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["export", "full"])
    export.main()
    card = Path("exports/full/README.md").read_text()
    assert "fine-tuned on children's speech with full fine-tuning." in card
    assert "**Trained weights:** all of them." in card
    assert "| `train_full.learning_rate` | 1e-05 |" in card
    assert Path("exports/full/transformers/model.safetensors").is_file()
