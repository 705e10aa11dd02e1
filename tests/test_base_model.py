"""Which model models/base is, as it is recorded there and in adapters."""

import json
from pathlib import Path

import pytest

from stages.whisper import base_model
from stages.whisper.base_model import BaseModel


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("openai/whisper-base@e37978b", BaseModel("openai/whisper-base", "e37978b")),
        ("sample/whisper-mini", BaseModel("whisper-mini", None)),
        ("/home/anna/private/my-base/", BaseModel("my-base", None)),
    ],
)
def test_what_params_name(tmp_path, source, expected):
    assert base_model.parse(source) == expected
    base_model.write(tmp_path, expected)
    assert base_model.read(tmp_path) == expected


def test_folder_of_which_nothing_is_recorded(tmp_path):
    assert base_model.read(tmp_path) is None


@pytest.mark.parametrize("base", [BaseModel("kids/base", "0" * 40), None])
def test_adapter_names_its_base_and_keeps_the_rest(tmp_path, base):
    written = {"base_model_name_or_path": "models/base", "r": 16, "revision": None}
    (tmp_path / "adapter_config.json").write_text(json.dumps(written))
    (tmp_path / "README.md").write_text("# Model Card for Model ID")
    base_model.record_in_adapter(tmp_path, base)
    named = {"base_model_name_or_path": "kids/base", "revision": "0" * 40} if base else {}
    assert json.loads((tmp_path / "adapter_config.json").read_text()) == written | named
    assert not (tmp_path / "README.md").exists()


def test_whole_checkpoint_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    base_model.record_in_adapter(tmp_path, BaseModel("kids/base", None))
    assert [path.name for path in Path(tmp_path).iterdir()] == ["README.md"]
