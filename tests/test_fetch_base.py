"""fetch_base from a folder and from the hub, through the real client against a server on this machine."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from stages import fetch_base
from stages.common.errors import UserError
from stages.runtime import hub
from stages.whisper import base_model
from tests.support.checkpoints import tiny_checkpoint
from tests.support.hub_server import COMMIT, serving

NAME = "kids/whisper-tiny"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("hub") / "model")


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    (tmp_path / "dvc.yaml").write_text("stages:\n  fetch_base:\n    cmd: x\n    deps:\n      - local\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_hub_model_arrives_without_code_or_pickles(checkpoint, workspace, tmp_path):
    served = shutil.copytree(checkpoint, tmp_path / "served")
    for name in ("pytorch_model.bin", "modeling_evil.py", "flax_model.msgpack", "model.fp32.safetensors"):
        (served / name).write_bytes(b"never fetched")
    with serving(served, NAME) as requested:
        fetch_base.fetch(f"{NAME}@{COMMIT}", Path("models/base"))
    arrived = {path.name for path in Path("models/base").iterdir()}
    assert arrived == {path.name for path in checkpoint.iterdir()} | {base_model.FILE}
    assert base_model.read(Path("models/base")) == (NAME, COMMIT)
    assert not any(name.endswith((".bin", ".py", ".msgpack")) for name in requested)
    assert not Path("models/base.incoming").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"kids/no-such-model@{COMMIT}", "the hub has no model 'kids/no-such-model'"),
        (f"{NAME}@{'f' * 40}", f"no commit '{'f' * 40}'"),
        (f"{NAME}@main", "full commit hash"),
        (f"not a name@{COMMIT}", "the hub has no model 'not a name'"),
    ],
)
def test_wrong_id_or_revision(checkpoint, workspace, source, message):
    with serving(checkpoint, NAME), pytest.raises(UserError, match=message):
        fetch_base.fetch(source, Path("models/base"))
    assert not Path("models/base").exists()


def test_no_hub(workspace):
    with pytest.raises(UserError, match=r"cannot fetch 'kids/whisper-tiny' .*dvc pull models/base"):
        fetch_base.fetch(f"{NAME}@{COMMIT}", Path("models/base"))


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, OSError, "No space left on device"),  # exit_on_user_error says that the disk is full
        (errno.EACCES, UserError, r"'kids/whisper-tiny' cannot be stored: x/y: Permission denied; make the folder"),
    ],
)
def test_trouble_of_this_machine_is_not_put_down_to_the_network(
    checkpoint, workspace, monkeypatch, number, kind, message
):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), "x/y")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    for load in (lambda: hub.cached(NAME, COMMIT), lambda: hub.download(NAME, COMMIT, Path("models/base"))):
        with serving(checkpoint, NAME), pytest.raises(kind, match=message) as raised:
            load()
        assert "network" not in str(raised.value)


def test_bit_flipped_on_the_way(checkpoint, workspace):
    with serving(checkpoint, NAME, damage="model.safetensors"), pytest.raises(UserError, match="arrived damaged"):
        fetch_base.fetch(f"{NAME}@{COMMIT}", Path("models/base"))
    assert not Path("models/base").exists()


def test_newest_commit_is_reported(checkpoint, tmp_path):
    with serving(checkpoint, NAME):
        assert hub.download(NAME, None, tmp_path / "model") == COMMIT


def test_local_folder_is_copied(checkpoint, workspace):
    shutil.copytree(checkpoint, "local/mine")
    Path("local/mine/optimizer.pt").write_bytes(b"not wanted")
    fetch_base.fetch("local/mine", Path("models/base"))
    arrived = {path.name for path in Path("models/base").iterdir()}
    assert arrived == {path.name for path in checkpoint.iterdir()} | {base_model.FILE}
    assert base_model.read(Path("models/base")) == ("mine", None)


def test_local_folder_that_dvc_does_not_watch(checkpoint, workspace):
    shutil.copytree(checkpoint, "elsewhere")
    with pytest.raises(UserError, match=r"add the line '- elsewhere' to the deps of fetch_base"):
        fetch_base.fetch("elsewhere", Path("models/base"))


def test_no_such_folder(workspace):
    with pytest.raises(UserError, match="not a folder here"):
        fetch_base.fetch("nowhere", Path("models/base"))


def _truncate(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def _other_model_type(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "wav2vec2"}))


def _other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"d_model": 48, "encoder_attention_heads": 3}))


def _more_layers(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"encoder_layers": 3}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_truncate, "model.safetensors is damaged or incomplete"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is not valid JSON"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no .safetensors file"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer cannot be loaded"),
        (_other_model_type, "only Whisper checkpoints"),
        (_other_shape, "cannot be loaded as a Whisper checkpoint"),
        (_more_layers, "weights and config.json do not match"),
    ],
)
def test_damaged_checkpoint_is_named(checkpoint, workspace, harm, message):
    harm(shutil.copytree(checkpoint, workspace / "local"))
    with pytest.raises(UserError, match=message):
        fetch_base.fetch("local", Path("models/base"))
    assert not Path("models/base").exists()
