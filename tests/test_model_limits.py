"""Parameters that the base model or the installed packages do not allow are refused before anything is trained."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from stages import check_params, train
from stages.common import params
from stages.common.errors import UserError
from stages.runtime import model_limits
from tests.support.checkpoints import SAMPLE
from tests.support.corpora import PARAMS
from tools.doctor import __main__ as doctor


def changed(section: str = "", **changes) -> params.Params:
    values = params.load(PARAMS).model_dump() | {"base_model": str(SAMPLE)}
    target = values[section] if section else values
    target |= changes
    return params.Params.model_validate(values)


def test_params_of_the_sample_are_possible():
    model_limits.check(changed())
    model_limits.check(changed("train_selective", encoder_layers="all", decoder_layers="all"))


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("train_selective", {"encoder_layers": 99}, r"train_selective.encoder_layers is 99, but the base model has \d"),
        ("train_selective", {"decoder_layers": 99}, r"train_selective.decoder_layers is 99, but the base model has \d"),
        ("train_lora", {"rank": 10000}, r"train_lora.rank is 10000, but the base model's matrices are \d+ wide"),
        ("", {"language": "xx"}, r"language 'xx' is unknown to the base model, which knows: .*en"),
        ("train", {"optimizer": "adamw_8bit"}, "needs bitsandbytes: pip install bitsandbytes"),
    ],
)
def test_what_cannot_be_is_refused(monkeypatch, section, change, message):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=message):
        model_limits.check(changed(section, **change))


def test_every_mistake_is_named_at_once():
    with pytest.raises(UserError, match=r"encoder_layers is 99.*; train_selective.decoder_layers is 98"):
        model_limits.check(changed("train_selective", encoder_layers=99, decoder_layers=98))


@pytest.mark.slow
def test_check_params_training_and_doctor_refuse_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PARAMS.read_text().replace("encoder_layers: 2", "encoder_layers: 99")
    Path("params.yaml").write_text(
        text.replace("base_model: sample/whisper-mini", "base_model: kids/whisper@" + 40 * "a")
    )
    check_params.main()  # the model is not here yet
    shutil.copytree(SAMPLE, "models/base")
    Path("models/base/base_model.json").write_text(json.dumps({"name": "kids/other", "revision": 40 * "a"}))
    check_params.main()  # models/base is another one, and is made anew
    Path("models/base/base_model.json").write_text(json.dumps({"name": "kids/whisper", "revision": 40 * "a"}))
    with pytest.raises(SystemExit, match=r"train_selective.encoder_layers is 99"):
        check_params.main()
    monkeypatch.setattr(sys, "argv", ["train", "lora"])
    with pytest.raises(SystemExit, match=r"train_selective.encoder_layers is 99"):
        train.main()
    findings = [finding for finding in doctor.findings(no_remote=True, read_remote=False) if "is 99" in finding.text]
    assert [finding.level for finding in findings] == ["problem"]
