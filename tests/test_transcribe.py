"""The transcription stage, interrupted in every way, ends as if it had not been."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import yaml

from stages.common import params
from stages.common.errors import UserError
from stages.decoding import evaluation_sets, transcription
from stages.records.paths import TRANSCRIPTS
from stages.records.transcripts import read_transcripts
from stages.runtime import cost
from stages.whisper import dtypes
from tests.support import warm_python
from tests.support.checkpoints import tiny_checkpoint
from tests.support.failing_decoder import failing_after
from tests.support.training import write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
CLIPS = 40
TRANSCRIPTS = TRANSCRIPTS / "base.jsonl"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("transcribe")
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "evaluation" / "test", CLIPS, seed=1)
    write_split(root / "processed_data" / "evaluation" / "adult", 3, seed=2)
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"] |= {"batch_seconds": 20.0, "tokens_per_second": 1.0}
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    return root


@pytest.fixture
def workspace(prepared, monkeypatch) -> Path:
    """The last test's transcripts are gone, and so is its work."""
    monkeypatch.chdir(prepared)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    TRANSCRIPTS.unlink(missing_ok=True)
    assert list(Path("checkpoints").glob("*/*")) == []
    return prepared


@pytest.fixture(scope="module")
def expected(prepared) -> bytes:
    finish(prepared)
    return (prepared / TRANSCRIPTS).read_bytes()


def start(folder: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DVC_ROOT", None)
    command = [warm_python.folder() / "python", "-m", "stages.transcribe", "base"]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(folder: Path) -> str:
    process = start(folder)
    output, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    return output.decode()


def run() -> None:
    evaluation_sets.transcribe_evaluation_sets("base", params.load())


def interrupted_after(batches: int, error: BaseException) -> None:
    """Run the stage in this process and let decoding fail after so many batches."""
    with failing_after(batches, error):
        run()


def test_transcripts_are_those_of_every_clip_in_order(expected, prepared):
    rows = read_transcripts(prepared / TRANSCRIPTS)
    assert [row.split for row in rows] == ["adult"] * 3 + ["test"] * CLIPS
    assert [row.id for row in rows[3:]] == [f"clip{number}" for number in range(CLIPS)]
    assert all(row.log_probability < 0 for row in rows)


def test_killed_it_goes_on_and_ends_the_same(workspace, expected):
    process = start(workspace)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if any(path.stat().st_size for path in Path("checkpoints").glob("transcribe_base/*/journal.jsonl")):
            break
        time.sleep(0.001)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not TRANSCRIPTS.exists()
    assert "were transcribed before" in finish(workspace)
    assert TRANSCRIPTS.read_bytes() == expected
    assert list(Path("checkpoints/transcribe_base").iterdir()) == []


def test_only_what_is_missing_is_decoded(workspace, expected, monkeypatch):
    with pytest.raises(UserError, match="interrupted"):
        interrupted_after(3, KeyboardInterrupt())
    decoded = []
    decode = transcription.decode_batch
    monkeypatch.setattr(
        transcription, "decode_batch", lambda decoder, inputs: decoded.append(1) or decode(decoder, inputs)
    )
    run()
    # Each clip takes a whole window of 10 s, so two are a batch: 2 + 20 batches, of which 3 were there.
    assert len(decoded) == 19
    assert TRANSCRIPTS.read_bytes() == expected


def test_transcripts_of_another_precision_are_not_resumed(workspace, monkeypatch):
    """Interrupted on one device and resumed on another, whose `auto` is another precision."""
    with monkeypatch.context() as patch:
        patch.setattr(dtypes, "choose_precision", lambda wanted, device, learning: "bf16")
        with pytest.raises(UserError, match="interrupted"):
            interrupted_after(3, KeyboardInterrupt())
    monkeypatch.setattr(dtypes, "choose_precision", lambda wanted, device, learning: "fp32")
    decoded = []
    decode = transcription.decode_batch
    monkeypatch.setattr(
        transcription, "decode_batch", lambda decoder, inputs: decoded.append(1) or decode(decoder, inputs)
    )
    run()
    assert len(decoded) == 22  # all
    (interrupted,) = Path("checkpoints/transcribe_base").iterdir()
    shutil.rmtree(interrupted)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried"), MemoryError()])
def test_out_of_memory_names_what_to_lower(workspace, error):
    with pytest.raises(UserError, match=r"now 20, for example to 10\. 7 transcripts are kept in"):
        interrupted_after(4, error)
    run()
    assert cost.known()["transcribe_base"]["precision"] in ("fp32", "bf16")  # what auto is on this machine


def test_two_at_once_do_not_write_the_same_file(workspace, monkeypatch):
    messages = []

    def another(*arguments):
        with pytest.raises(UserError, match="is already running") as output:
            run()
        messages.append(output)
        return decode(*arguments)

    decode = transcription.decode_batch
    monkeypatch.setattr(transcription, "decode_batch", another)
    run()
    assert messages


def test_changed_parameters_begin_anew(workspace):
    with pytest.raises(UserError, match="interrupted"):
        interrupted_after(3, KeyboardInterrupt())
    text = Path("params.yaml").read_text()
    try:
        Path("params.yaml").write_text(text.replace("tokens_per_second: 1.0", "tokens_per_second: 2.0"))
        run()
    finally:
        Path("params.yaml").write_text(text)
    (left,) = Path("checkpoints/transcribe_base").iterdir()
    run()
    assert not left.exists()
