"""Programs start, and mistakes on the command line are reported, before torch is imported, which takes 10 seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
RUN = """
import runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except SystemExit as error:
    print(error.code, file=sys.stderr)
print(sorted({"torch", "transformers"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("stages.fetch_base", "error: params.yaml: base_model 'sample/whisper-mini' is not a folder here"),
        ("stages.train lorra", "invalid choice: 'lorra'"),
        ("stages.transcribe lorra", "invalid choice: 'lorra'"),
        ("tools.doctor --no-remotes", "unrecognized arguments: --no-remotes"),
        ("tools.export wrongname", "invalid choice: 'wrongname'"),
        ("tools.export lora --output models/x/y", "error: models/lora is missing; make it with: dvc repro train_lora"),
        ("tools.export lora --alpha 2", "error: --alpha 2: name a number above 0"),
        ("tools.interpolate lora", "the following arguments are required: --adults"),
        ("tools.interpolate lora --adults a", "error: models/base is missing; make it with: dvc repro fetch_base"),
        ("tools.interpolate lora --adults a --alphas 2", "error: --alphas 2: alpha is from 0"),
        ("tools.score nothing", "error: nothing is neither a folder nor a model of the hub"),
        ("tools.score models/lora", "error: models/lora is missing; make it with: dvc repro train_lora"),
        ("tools.score openai/whisper-base", "error: processed_data/evaluation holds no evaluation set"),
        ("tools.transcribe nothere.wav --checkpoint openai/whisper-base", "error: nothere.wav is not a file"),
        ("tools.transcribe params.yaml --checkpoint nothing", "error: nothing is neither a folder nor a model"),
        ("tools.transcribe params.yaml --checkpoint a/b --output params.yaml", "params.yaml is a file; name a folder"),
        ("tools.transcribe params.yaml --checkpoint a/b --format pdf", "argument --format: invalid choice: 'pdf'"),
        ("tools.align nothere.wav --checkpoint openai/whisper-base", "error: nothere.wav is not a file"),
        ("tools.align params.yaml --checkpoint a/b", "error: params.yaml has no transcript beside it"),
        ("tools.align params.yaml a.txt --checkpoint nothing", "error: nothing is neither a folder nor a model"),
        ("tools.align params.yaml a.txt --checkpoint models/lora", "error: models/lora is missing; make it with: dvc"),
        (
            "tools.align params.yaml a.txt --checkpoint a/b --format chat",
            "only a .cha transcript can be written as CHAT",
        ),
    ],
)
def test_mistake_is_reported_before_torch_is_imported(tmp_path, monkeypatch, command, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    Path("a.txt").write_text("one\n")
    process = subprocess.run([sys.executable, "-c", RUN, *command.split()], capture_output=True, text=True)
    assert message in process.stderr
    assert process.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("stage", ["check_params", "preprocess", "label", "train", "transcribe", "evaluate", "report"])
def test_stage_starts_without_torch_and_transformers(stage):
    """They take seconds to import, and are imported where they are used: scoring uses transformers only for English."""
    program = f"import sys, stages.{stage}; print(sorted({{'torch', 'transformers'}} & sys.modules.keys()))"
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
