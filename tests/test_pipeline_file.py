"""dvc.yaml: each stage's deps are exactly the modules it imports, and no stage depends on `runtime`."""

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SCRIPTS = {name: stage["cmd"].split()[2].removeprefix("stages.") for name, stage in STAGES.items()}


def module_file(dotted: str) -> Path | None:
    path = ROOT / Path(*dotted.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported(path: Path) -> set[Path]:
    """The project's files that one file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "stages":
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "stages"]
        else:
            continue
        found |= {file for name in names if (file := module_file(name))}
    return found - {ROOT / "stages" / "__init__.py"}


def all_imported(script: Path) -> set[Path]:
    found, waiting = set(), {script}
    while waiting:
        found |= waiting
        waiting = {file for path in waiting for file in imported(path)} - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_imports(stage):
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith("stages/") and dep.endswith(".py")}
    assert listed == {
        path.relative_to(ROOT).as_posix() for path in all_imported(ROOT / "stages" / f"{SCRIPTS[stage]}.py")
    }


def test_runtime_reruns_nothing():
    assert not any("runtime" in param for stage in STAGES.values() for param in stage.get("params", []))


def test_report_shows_no_parameter_that_would_not_make_it_anew():
    shown = yaml.safe_load((ROOT / "params.yaml").read_text()).keys()
    assert set(STAGES["report"]["params"]) == shown - {"runtime"}
    assert "stages/report.html.j2" in STAGES["report"]["deps"]


def test_other_training_speakers_are_scored_anew():
    """Which texts are seen follows from the speakers that are trained on."""
    assert {"seed", "train.data_share"} <= set(STAGES["evaluate"]["params"])


def test_names_and_outputs():
    names = "check_params fetch_base preprocess train_lora train_selective transcribe evaluate report"
    assert set(names.split()) == STAGES.keys()
    assert "metrics/wer.json" in STAGES["evaluate"]["metrics"][0]


def test_what_needs_an_accelerator_is_kept_by_dvc_whole():
    """Else dvc push --run-cache would leave a part out, and another machine do the work again."""
    for name in ("train_lora", "train_selective", "transcribe"):
        stage = STAGES[name]
        for out in [*stage["outs"], *stage.get("plots", []), *stage.get("metrics", [])]:
            assert isinstance(out, str) or all(options.get("cache", True) for options in out.values()), out
