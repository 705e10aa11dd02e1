"""params.yaml: types, ranges, unknown and missing keys, YAML 1.2 numbers; profiles are complete."""

from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml

from stages.common import params
from stages.common.errors import UserError

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "params.yaml").read_text()


def load(tmp_path: Path, text: str) -> params.Params:
    (tmp_path / "params.yaml").write_text(text)
    return params.load(tmp_path / "params.yaml")


def keys(values: dict, prefix: str = "") -> set[str]:
    found = set()
    for key, value in values.items():
        found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def test_profile_has_the_same_keys():
    profile = yaml.safe_load((ROOT / "profiles" / "whisper-base.yaml").read_text())
    assert keys(profile) == keys(yaml.safe_load(TEXT))
    assert params.load(ROOT / "profiles" / "whisper-base.yaml").base_model == (
        "openai/whisper-base@e37978b90ca9030d5170a5c07aadb050351a65bb"
    )


@pytest.mark.parametrize("written", ["1e-05", "1e-5", "1E-5", "0.00001", "1.0e-05"])
def test_numbers_as_dvc_writes_them(tmp_path, written):
    text = TEXT.replace("learning_rate: 0.003", f"learning_rate: {written}")
    assert load(tmp_path, text).train_lora.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rank: 16", "rank: 1.5", r"train_lora.rank: expected a valid integer, got 1.5"),
        ("rank: 16", "rank: '16'", r"train_lora.rank: expected a valid integer, got '16'"),
        ("rank: 16", "rank: 0", r"train_lora.rank: expected greater than or equal to 1, got 0"),
        ("rank: 16", "rank: true", r"train_lora.rank: expected a valid integer, got True"),
        ("rank: 16", "rank:", r"train_lora.rank: expected a valid integer, got None"),
        ("rank: 16", "rnak: 16", r"train_lora.rank: missing"),
        ("rank: 16", "rnak: 16", r"train_lora.rnak: unknown key"),
        ("learning_rate: 0.003", "learning_rate: -1", r"train_lora.learning_rate: expected greater than 0"),
        ("learning_rate: 0.003", "learning_rate: .nan", r"train_lora.learning_rate: expected a finite number"),
        ("  - q_proj", "  - qproj", r"train_lora.target_modules.0: expected 'q_proj', 'k_proj'"),
        (
            "variant: lora",
            "variant: adalora",
            r"train_lora.variant: expected 'lora', 'dora' or 'rslora', got 'adalora'",
        ),
        ("schedule: linear", "schedule: polynomial", r"train.schedule: expected 'linear', 'cosine' or 'constant'"),
        ("data_share: 1.0", "data_share: 0", r"train.data_share: expected greater than 0, got 0"),
        ("encoder_layers: 2", "encoder_layers: al", r"encoder_layers: expected a number of layers or 'all', got 'al'"),
        ("encoder_layers: 2", "encoder_layers: -1", r"encoder_layers: expected a number of layers or 'all', got -1"),
        (
            "encoder_layers: 2",
            "encoder_layers: true",
            r"encoder_layers: expected a number of layers or 'all', got True",
        ),
        ("audio_context: utterance", "audio_context: own", r"expected 'utterance' or 'window', got 'own'"),
        ("tiers:", "tiers: '('", r"preprocess.tiers: expected a regular expression \(missing \)"),
        ("max_refused: 0.2", "max_refused: 20", r"preprocess.max_refused: expected less than or equal to 1"),
        ("report_to: none", "report_to: comet", r"runtime.report_to: expected none, tensorboard, wandb, mlflow, or a"),
        ("report_to: none", "report_to: null", r"runtime.report_to: expected none, .* got None"),
        (
            "report_to: none",
            "report_to: [wandb, none]",
            r"runtime.report_to: expected none, .* got \['wandb', 'none'\]",
        ),
        ("seed: 1", "seed: 1\nsed: 2", r"sed: unknown key"),
        ("seed: 1", "seed: 1\nseed: 2", r"duplicate key 'seed'; keep one"),
        ("seed: 1", "seed: [1", r"not valid YAML"),
        ("preprocess:\n", "preprocess: 3\nother:\n", r"preprocess: expected a mapping"),
    ],
)
def test_mistake_names_its_key(tmp_path, old, new, message):
    assert old in TEXT
    with pytest.raises(UserError, match=message):
        load(tmp_path, TEXT.replace(old, new, 1))


def test_all_layers(tmp_path):
    assert (
        load(tmp_path, TEXT.replace("encoder_layers: 2", "encoder_layers: all")).train_selective.encoder_layers == "all"
    )


@pytest.mark.parametrize(
    ("written", "names"),
    [("none", []), ("wandb", ["wandb"]), ("[tensorboard, mlflow]", ["tensorboard", "mlflow"]), ("[]", [])],
)
def test_one_tracker_several_or_none(tmp_path, written, names):
    loaded = load(tmp_path, TEXT.replace("report_to: none", f"report_to: {written}"))
    assert loaded.runtime.report_to == names
    assert params.check(loaded.model_dump()) == loaded


def test_leftover_of_an_override_is_pointed_out(tmp_path, monkeypatch):
    mistaken = TEXT.replace("rank: 16", "rank: x")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    for variables, is_advised in (({}, False), ({"DVC_EXP_NAME": "odd-name"}, True)):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UserError) as caught:
            load(tmp_path, mistaken)
        assert ("git checkout" in str(caught.value)) == is_advised


def test_all_mistakes_at_once(tmp_path):
    with pytest.raises(UserError, match=r"2 mistake") as caught:
        load(tmp_path, TEXT.replace("rank: 16", "rank: x").replace("epochs: 8", "epochs: -8"))
    assert "train.epochs" in str(caught.value)
    assert "train_lora.rank" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- 1", "7"])
def test_not_a_mapping(tmp_path, text):
    with pytest.raises(UserError, match="expected a mapping"):
        load(tmp_path, text)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="is missing; run from the repository root"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("name", ["params.yaml", "profiles/whisper-base.yaml"])
def test_override_changes_one_line(tmp_path, name):
    """The files have the form in which DVC writes them, so that `dvc exp run -S` changes no other line."""
    before = (ROOT / name).read_text()
    path = tmp_path / "params.yaml"
    path.write_text(before)
    with modify_yaml(str(path)) as values:
        values["train_lora"]["rank"] = 8
    changed = [old for old, new in zip(before.splitlines(), path.read_text().splitlines(), strict=True) if old != new]
    assert len(changed) == 1
    assert changed[0].startswith("  rank: 16")


def test_no_is_norwegian(tmp_path):
    assert load(tmp_path, TEXT.replace("language: en", "language: no")).language == "no"


def test_no_is_norwegian_on_the_command_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    apply_overrides(path, ["language=no"])  # as dvc exp run -S does
    assert params.load(path).language == "no"
    assert yaml.safe_load(yaml.safe_dump(params.load(path).model_dump()))["language"] == "no"  # as the report shows it


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("english", r"such as en .*; that of english is en, got 'english'"),
        ("Chinese", r"; that of Chinese is zh, got 'Chinese'"),
        ("mandarin", r"; that of mandarin is zh"),
        ("zh-CN", r"; that of zh-CN is zh"),
        ("pt_BR", r"; that of pt_BR is pt"),
        ("EN", r"; that of EN is en"),
        ("false", r"Norwegian is 'no', in quotes, got False"),
        ("auto", r"Whisper's code of the spoken language, such as en \(it is not detected\), got 'auto'"),
        ("", r"Whisper's code of the spoken language, such as en \(it is not detected\), got None"),
        ("''", r"such as en \(it is not detected\), got ''"),
        ("klingon", r"such as en \(it is not detected\), got 'klingon'"),
    ],
)
def test_language_that_is_not_a_code_is_refused_with_the_code(tmp_path, written, message):
    with pytest.raises(UserError, match=f"language: expected .*{message}"):
        load(tmp_path, TEXT.replace("language: en", f"language: {written}"))
