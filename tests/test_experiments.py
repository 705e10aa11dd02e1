"""Recipes: overrides are checked before anything is queued, nothing done is done again, plots are reproducible."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from experiments import plot, run, shown
from experiments.shown import DONE, FAILED, QUEUED, RUNNING, Experiment
from stages.common import params
from stages.common.errors import UserError
from stages.results import figures
from tests.support.repository import call

ROOT = Path(__file__).parent.parent
GONE = 2**22 + 1  # beyond the largest process id of Linux


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(name: str, state: str, overrides: tuple[str, ...] = (), process: int | None = None) -> Experiment:
    return Experiment(name, state, process, run.checked(name, overrides).model_dump(), {})


def test_lines_are_read():
    lines = ["# ranks", "", "a x.y=1  z=2\n", "b 'm={\"<thump>\": noise}'"]
    assert run.read(lines) == {"a": ["x.y=1", "z=2"], "b": ['m={"<thump>": noise}']}
    with pytest.raises(UserError, match="two experiments are called a"):
        run.read(["a x=1", "a x=2"])
    with pytest.raises(UserError, match="no experiment"):
        run.read([])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train_lora.rnak=8", "Could not override 'train_lora.rnak'"),
        ("+train_lora.rnak=8", "train_lora.rnak: unknown key"),
        ("+sed=8", "sed: unknown key"),
        ("train_lora.rank=eight", "train_lora.rank: expected a valid integer, got 'eight'"),
        ("train_lora.learning_rate=-1", "train_lora.learning_rate: expected greater than 0, got -1"),
        ("runtime.device=tpu", "runtime.device: expected"),
        ("train_lora.rank", "train_lora.rank"),  # no value
    ],
)
def test_mistaken_override_is_refused_with_its_experiment(workspace, override, message):
    before = Path("params.yaml").read_bytes()
    with pytest.raises(UserError) as caught:
        run.checked("odd", ["seed=2", override])
    output = str(caught.value)
    assert output.startswith("experiment odd: ")
    assert message in output
    assert "\n" not in output
    assert Path("params.yaml").read_bytes() == before


def test_only_what_is_missing_is_queued(workspace, monkeypatch):
    names = ("done", "queued", "running", "failed", "dead", "new")
    commands = []
    monkeypatch.setattr(run, "run_dvc", lambda *words: commands.append(" ".join(words)))
    found = [known(name, state) for name, state in zip(names, (DONE, QUEUED, RUNNING, FAILED), strict=False)]
    found.append(known("dead", RUNNING, process=GONE))
    settings = {name: run.checked(name, []) for name in names}
    assert run.not_yet(settings, found) == ["failed", "dead", "new"]
    assert commands == ["queue remove failed", "queue kill --force dead", "queue remove dead"]


def test_another_experiment_of_that_name_is_refused(workspace):
    settings = {"a": run.checked("a", ["train_lora.rank=8", "runtime.device=cpu"])}
    assert run.not_yet(settings, [known("a", DONE, ("train_lora.rank=8",))]) == []  # runtime decides nothing
    with pytest.raises(UserError, match=r"other parameters \(train_lora.rank 4, now 8\).*dvc exp remove a"):
        run.not_yet(settings, [known("a", DONE, ("train_lora.rank=4",))])


QUEUE = """Task     Name    Created         Status
7ed477e  b       Nov 24, 2026    Failed
293cd08  a       06:19 PM        {a}
aca583c  b       06:19 PM        {b}

Worker status: {workers} active, 0 idle
"""


def queue_of(monkeypatch, statuses: list[str]) -> Mock:
    monkeypatch.setattr(run, "POLL_SECONDS", 0)
    answers = iter(statuses)
    dvc = Mock(side_effect=lambda *words: next(answers) if words == ("queue", "status") else "")
    monkeypatch.setattr(run, "run_dvc", dvc)
    return dvc


def test_what_fails_is_named_with_its_log(workspace, monkeypatch, capsys):
    states = (("Queued", "Queued", 0), ("Running", "Queued", 1), ("Success", "Running", 1), ("Success", "Failed", 1))
    dvc = queue_of(monkeypatch, [QUEUE.format(a=a, b=b, workers=workers) for a, b, workers in states])
    monkeypatch.setattr(run, "experiments", lambda: [known("a", DONE), known("b", FAILED)])
    with pytest.raises(UserError, match=r"1 of 2 experiments are not done.*\n  dvc queue logs b"):
        run.wait({"a", "b"}, jobs=3)
    assert [words.args for words in dvc.call_args_list].count(("queue", "start", "--jobs", "3")) == 1
    assert "1 of 2 ended, 0 queued, now b" in capsys.readouterr().out


def test_queue_without_workers_is_started_again_then_given_up(workspace, monkeypatch):
    dvc = queue_of(monkeypatch, [QUEUE.format(a="Running", b="Queued", workers=0)] * 100)
    monkeypatch.setattr(run, "experiments", lambda: [known("a", RUNNING, process=GONE), known("b", QUEUED)])
    with pytest.raises(UserError, match="2 of 2 experiments are not done"):
        run.wait({"a", "b"}, jobs=1)
    assert 3 < [words.args for words in dvc.call_args_list].count(("queue", "start", "--jobs", "1")) < 8


def scored(name: str, wer: float, *overrides: str) -> Experiment:
    block = {"wer": wer, "wer_low": wer - 0.02, "wer_high": wer + 0.03}
    values = run.checked(name, list(overrides)).model_dump()
    return Experiment(name, DONE, None, values, {"base": {"wer": 0.5}, "lora": block, "selective": block})


@pytest.mark.parametrize(
    ("keys", "models", "log"),
    [
        (["train_lora.rank", "train_lora.learning_rate"], ["lora"], True),
        (["train_selective.encoder_layers"], ["selective"], False),
        (["train.data_share"], ["lora", "selective"], True),
    ],
)
def test_plot_has_the_same_bytes_in_any_order(workspace, keys, models, log):
    found = [
        scored("one", 0.2, "train_lora.rank=4", "train_selective.encoder_layers=all", "train.data_share=0.5"),
        scored("two", 0.3, "train_lora.rank=16", "train_selective.encoder_layers=0"),
    ]
    contents = []
    for rows in (found, found[::-1]):
        points = [plot.read(row, model, keys) for row, model in itertools.product(rows, models)]
        figure = plot.draw(points, keys, 50.0, log)
        contents.append(figures.png(figure))
        assert figure.axes[0].get_ylim()[1] > 33  # the upper end of the interval
    assert contents[0] == contents[1]
    assert contents[0].startswith(b"\x89PNG")


def test_lines_differ_in_colour_whatever_they_are_called(workspace):
    """One of LoRA's variants is called as one of the models is."""
    keys = ["train_lora.rank", "train_lora.variant"]
    rows = [scored(name, 0.2, f"train_lora.variant={name}") for name in ("dora", "lora", "rslora")]
    axes = plot.draw([plot.read(row, "lora", keys) for row in rows], keys, 50.0, log=False).axes[0]
    colours = [container.lines[0].get_color() for container in axes.containers]
    assert len(set(colours)) == len(colours) == 3


def test_plot_says_where_speakers_are_unknown(workspace):
    def legend(row: Experiment) -> str:
        drawn = plot.draw([plot.read(row, "lora", ["seed"])], ["seed"], 50.0, log=False)
        return drawn.axes[0].get_legend().get_title().get_text()

    row = scored("one", 0.2)
    assert "unknown" not in legend(row)
    row.scores["lora"]["utterances_of_unknown_speakers"] = 3
    assert "speakers unknown:\nintervals over recordings" in legend(row)


def test_plot_names_what_is_missing(workspace):
    with pytest.raises(UserError, match="no scores of 'lara'"):
        plot.read(scored("one", 0.2), "lara", ["seed"])
    with pytest.raises(UserError, match=r"sed: params.yaml has no such key"):
        plot.read(scored("one", 0.2), "lora", ["sed"])
    row = scored("one", 0.2)
    row.scores.clear()
    with pytest.raises(UserError, match=r"experiment one has no scores of 'base'; it has \[\]"):
        plot.counted([scored("two", 0.2), row])


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["params.yaml", "profiles/whisper-base.yaml"])
@pytest.mark.parametrize("recipe", sorted((ROOT / "experiments").glob("*.sh")), ids=lambda path: path.stem)
def test_recipe_fits_the_parameters(tmp_path, recipe, profile):
    """What a recipe would queue, without queueing it: its overrides are accepted, and each experiment differs."""
    for name in ("stages", "tools", "experiments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copyfile(ROOT / profile, tmp_path / "params.yaml")
    text = recipe.read_text().replace("| python -m experiments.run", "> lines.txt")
    (tmp_path / "experiments" / "recipe.sh").write_text(text[: text.index("dvc exp show")])
    call(tmp_path, "bash", "experiments/recipe.sh")
    wanted = run.read((tmp_path / "lines.txt").read_text().splitlines())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        chosen = [run.checked(name, overrides) for name, overrides in wanted.items()]
    assert len({str(one) for one in chosen}) == len(chosen) >= 4
    words = recipe.read_text().split("python -m experiments.plot ")[1].split()
    assert all(name.startswith(f"{words[0]}-") for name in wanted)
    values = shown.flat(params.load(ROOT / profile).model_dump())
    assert {word for word in words if "." in word} <= values.keys()


COLUMNS = ["lora.wer", "lora.wer_low", "lora.cer", "lora.cer_low", "selective.wer", "selective.cer", "lora.light.wer"]


def kept(folder: Path, language: str, command: list[str]) -> list[str]:
    """Run a command that shows a table of experiments, with a dvc that prints its words; returns the columns kept."""
    text = (ROOT / "params.yaml").read_text().replace("language: en ", f"language: {language} ")
    (folder / "params.yaml").write_text(text)
    for name, content in (("dvc", 'printf "%s\\n" "$@"'), ("python", f'exec {sys.executable} "$@"')):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{content}\n")
        program.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    pattern = lines[lines.index("--keep") + 1]
    assert pattern.startswith("Experiment|")
    return [column for column in COLUMNS if re.match(pattern, column)]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "key"), [("en", "wer"), ("zh", "cer")])
@pytest.mark.parametrize("script", ["data_size", "layers", "lora_grid", "lora_variants", "results"])
def test_table_of_a_recipe_has_the_rate_of_the_language(tmp_path, script, language, key):
    (path,) = [*ROOT.glob(f"experiments/{script}.sh"), *ROOT.glob(f"bench/{script}.sh")]
    (table,) = re.findall(r"^key=.*\ndvc exp show .*(?= \|$)", path.read_text(), re.MULTILINE)
    models = {"lora_grid": ["lora"], "lora_variants": ["lora"], "layers": ["selective"]}
    expected = [f"{model}.{key}" for model in models.get(script, ["lora", "selective"])]
    assert kept(tmp_path, language, ["bash", "-euc", table]) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("language", "key"), [("en", "wer"), ("zh", "cer")])
def test_make_experiments_has_the_rate_of_the_language(tmp_path, language, key):
    expected = [f"lora.{key}", f"selective.{key}"]
    make = ["make", "-sf", str(ROOT / "Makefile"), "-o", ".venv/requirements.txt", "experiments", "BIN=bin"]
    assert kept(tmp_path, language, make) == expected
    assert kept(tmp_path, language, [*make, "KEYS=lora.light|seed"]) == [*expected, "lora.light.wer"]


def test_experiment_that_ends_while_dvc_looks_at_it_is_looked_at_again(monkeypatch):
    gone = UserError("directory does not exist")
    monkeypatch.setattr(shown.time, "sleep", lambda _: None)
    monkeypatch.setattr(shown, "run_dvc", Mock(side_effect=[gone, '[{"rev": "workspace"}]']))
    assert shown.experiments() == []
    monkeypatch.setattr(shown, "run_dvc", Mock(side_effect=gone))
    with pytest.raises(UserError, match="does not exist"):
        shown.experiments()
