"""dvc.yaml and the folders of stages/: each stage depends on the folders that its script imports."""

import ast
from pathlib import Path

import pytest
import yaml

from stages.common.params import Transcribe
from stages.decoding import evaluation_sets
from stages.labelling import teacher
from stages.records import paths
from stages.records.strategies import STRATEGIES
from stages.training import loop
from tests.support.folders import ORDER

ROOT = Path(__file__).parent.parent
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"]
TRAINING_STAGES = tuple(strategy.stage for strategy in STRATEGIES.values())
SCRIPTS = {name: stage["cmd"].split()[2].removeprefix("stages.") for name, stage in STAGES.items()}
DECIDE_NOTHING = {"common", "runtime"}  # about a result, so no stage depends on them
LONGEST_MODULE = 250  # lines
LONGEST_FUNCTION = 50


def folder_of(path: Path) -> str:
    """The folder of stages/ that a module is in, as ORDER names it."""
    parts = path.relative_to(ROOT / "stages").parts[:-1]
    return ".".join(parts) or "scripts"


def module_file(dotted: str) -> Path | None:
    """The file of a module of the project; None: it is none, or a package's."""
    path = (ROOT / Path(*dotted.split("."))).with_suffix(".py")
    return path if path.is_file() else None


def imported(path: Path) -> set[Path]:
    """The modules of stages/ and tools/ that one file imports, also inside functions."""
    files = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        ours = [name for name in names if name.split(".")[0] in ("stages", "tools")]
        files |= {file for file in map(module_file, ours) if file}
    return files


def all_imported(script: Path) -> set[Path]:
    """The modules that a script imports, directly or through others, itself included."""
    known, waiting = set(), {script}
    while waiting:
        known |= waiting
        waiting = set().union(*map(imported, waiting)) - known
    return known


MODULES = sorted((ROOT / "stages").rglob("*.py"))


def test_folders_import_only_from_those_before_them():
    upward = []
    for path in MODULES:
        for other in imported(path):
            is_stages = other.is_relative_to(ROOT / "stages")
            if not is_stages or ORDER.index(folder_of(other)) > ORDER.index(folder_of(path)):
                upward.append(f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}")
    assert upward == []


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_folders_of_the_imports(stage):
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith("stages/")}
    script = ROOT / "stages" / f"{SCRIPTS[stage]}.py"
    folders = {folder_of(path).split(".")[0] for path in all_imported(script)} - {"scripts"}
    expected = {f"stages/{folder}" for folder in folders - DECIDE_NOTHING}
    assert listed == expected | {f"stages/{SCRIPTS[stage]}.py"}


@pytest.mark.parametrize(
    ("stages", "folders"),
    [(TRAINING_STAGES, loop.CODE_FOLDERS), (("transcribe",), evaluation_sets.CODE_FOLDERS)],
)
def test_killed_work_resumes_unless_what_it_depends_on_changed(stages, folders):
    for stage in stages:
        listed = {dep for dep in STAGES[stage]["deps"] if (ROOT / dep).is_dir() and dep.startswith("stages/")}
        assert listed == {f"stages/{folder}" for folder in folders}


def test_all_strategies_are_transcribed_scored_and_shown():
    assert STAGES["transcribe"]["matrix"]["model"] == list(paths.MODELS)
    transcripts = {f"metrics/transcripts/{name}.jsonl" for name in paths.MODELS}
    curves = {path.as_posix() for path in paths.CURVES.values()}
    assert transcripts <= set(STAGES["evaluate"]["deps"])
    assert transcripts | curves <= set(STAGES["report"]["deps"])
    for plot in PIPELINE["plots"]:
        (options,) = plot.values()
        assert options["y"].keys() == curves


@pytest.mark.parametrize("name", STRATEGIES)
def test_training_stage_of_a_strategy(name):
    stage = STAGES[STRATEGIES[name].stage]
    assert stage["cmd"] == f"python -m stages.train {name}"
    assert stage["outs"] == [f"models/{name}"]
    assert [list(plot) for plot in stage["plots"]] == [[f"metrics/train_{name}.csv"]]
    assert "labelled_data/labelled" in stage["deps"]
    assert {"seed", "language", "pseudo_labels.share", "train", f"train_{name}"} <= set(stage["params"])
    assert {f"processed_data/{split}" for split in paths.TRAINING_SPLITS} <= set(stage["deps"])


def test_runtime_reruns_nothing():
    for stage in STAGES.values():
        assert not any("runtime" in param for param in stage.get("params", []))


def test_report_shows_no_parameter_that_would_not_make_it_anew():
    shown = yaml.safe_load((ROOT / "params.yaml").read_text()).keys()
    assert set(STAGES["report"]["params"]) == shown - {"runtime"}


def test_other_training_speakers_are_scored_anew():
    """Which texts are seen follows from the speakers that are trained on, and from what is replayed or labelled."""
    assert {"labelled_data/labelled", "processed_data/replay"} <= set(STAGES["evaluate"]["deps"])
    assert {"seed", "train.data_share", "train.replay_share", "pseudo_labels.share"} <= set(
        STAGES["evaluate"]["params"]
    )


SCRIPTS_WITH_MODELS = [
    path
    for path in [*(ROOT / "stages").glob("*.py"), *(ROOT / "tools").rglob("*.py")]
    if "\ndef main(" in path.read_text() and ROOT / "stages/whisper/model.py" in all_imported(path)
]


@pytest.mark.parametrize("path", SCRIPTS_WITH_MODELS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_scripts_that_load_models_quiet_transformers(path):
    """Importing a module does not: it may be imported by somebody who wants the warnings."""
    main = path.read_text().partition("\ndef main(")[2].partition("\ndef ")[0]
    assert "\n    quiet_transformers()\n" in main


def imports_torch_at_once(path: Path) -> bool:
    """Whether importing a module imports torch: not inside a function, nor for type checkers only."""
    statements = ast.parse(path.read_text()).body
    names = []
    for node in statements:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return any(name.split(".")[0] == "torch" for name in names)


@pytest.mark.parametrize("name", ["check_params", "preprocess", "evaluate", "report"])
def test_scripts_without_a_model_start_without_torch(name):
    """It takes a second or more to import."""
    assert [path for path in all_imported(ROOT / f"stages/{name}.py") if imports_torch_at_once(path)] == []


def test_names_and_outputs():
    names = "check_params fetch_base preprocess label transcribe evaluate report"
    assert {*names.split(), *TRAINING_STAGES} == STAGES.keys()
    assert "metrics/wer.json" in STAGES["evaluate"]["metrics"][0]


def test_labels_depend_on_the_options_of_decoding_that_a_teacher_uses():
    used = Transcribe.model_fields.keys() - teacher.FIXED
    params = [name for name in STAGES["label"]["params"] if name.startswith("transcribe")]
    assert params == sorted(f"transcribe.{name}" for name in used)


def test_what_needs_an_accelerator_is_kept_by_dvc_whole():
    """Else dvc push --run-cache would leave a part out, and another machine do the work again."""
    for name in (*TRAINING_STAGES, "label", "transcribe"):
        stage = STAGES[name]
        for out in [*stage["outs"], *stage.get("plots", []), *stage.get("metrics", [])]:
            assert isinstance(out, str) or all(options.get("cache", True) for options in out.values()), out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
