"""The day of a user with a corpus and a bucket: the commands of README.md and docs/ are typed, then built on.

The console blocks of the pages in TYPED are run line by line, against a real S3 server. So are those of
docs/gpu-box.md, and sky.yaml.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stages.records import paths
from tests.support.checkpoints import tiny_checkpoint
from tests.support.corpora import textgrid
from tests.support.hub_server import serving
from tests.support.pages import commands, section
from tests.support.repository import ROOT, make_repository
from tests.support.s3_server import BUCKET, KEY, SECRET, S3Server
from tests.support.workplace import Workplace

# Pages, in an order in which the commands of each find what they need: development.md runs the sample, README.md puts
# the corpus in its place, pushes, pulls on another machine and runs an experiment there; the others use its models.
TYPED = ("docs/development.md", "README.md", "docs/experiments.md", "docs/export.md")
# What has console blocks and is not in that list, and why.
NOT_TYPED = {
    "docs/gpu-box.md": "typed below, section by section, on machines of its own",
    "docs/interpolation.md": "needs adults who are in no reported set; tests/test_interpolate.py makes some",
    "docs/align.md": "needs a recording of speech and its transcript; tests/test_align_sessions.py makes both",
    "docs/pseudo-labels.md": "needs recordings without transcripts; tests/test_label.py runs the stage on a few",
    "docs/data.md": "starts in a fresh clone, with a download of 520 MB; tests/test_corpora_recipes.py runs its recipe",
}
# What stands for the user's own; everything else is run as it stands.
PLACEHOLDERS = {"/path/to/your/corpus": "../corpus", "YOUR-BUCKET": BUCKET, "YOUR-AWS-PROFILE": "kids"}
# The environment of these tests is what these make, and they are these tests.
SET_UP = ("make ", "python3 -m venv", ". .venv", ".venv/", "pip install")
# Each takes minutes; tests/test_experiments.py runs their parts.
LONG = ("experiments/",)


def to_type() -> list[str]:
    """The commands of the pages in TYPED, without those that set up the environment and those that take long."""
    lines = []
    for page in TYPED:
        lines += commands((ROOT / page).read_text())
    return [line for line in lines if not line.startswith((*SET_UP, *LONG))]


class Reader(Workplace):
    """Somebody who types what the documentation says."""

    def __init__(self, root: Path, server: S3Server):
        super().__init__(root / "clone", root / "home", secret=None)
        self.root = root
        self.environment |= {"AWS_ENDPOINT_URL": server.url, "PYTHONPATH": ""}
        self.environment |= {name: os.environ[name] for name in ("HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_XET")}
        profile = f"[kids]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\nregion = us-east-1\n"
        (root / "home" / ".aws").mkdir()
        (root / "home" / ".aws" / "credentials").write_text(profile)

    def type(self, line: str) -> None:
        for name, own in PLACEHOLDERS.items():
            line = line.replace(name, own)
        if line.startswith("dvc pull data"):  # "On another machine, in a clone of your fork"
            self.move("other")
            for name in ("session.wav", "session.TextGrid", "recordings"):
                shutil.move(self.root / "clone" / name, self.folder / name)
        named = re.search(r"openai/[\w.-]+", line)
        with serving(self.root / "hub", named[0]) if named else contextlib.nullcontext():
            self.run("bash", "-c", line)

    def move(self, name: str) -> None:
        """To another machine: git's files, and the same credentials."""
        self.run("git", "clone", "-q", ".", str(self.root / name))
        shutil.copyfile(self.folder / ".dvc" / "config.local", self.root / name / ".dvc" / "config.local")
        self.folder = self.root / name


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Reader:
    """After all commands of the pages in TYPED."""
    root = tmp_path_factory.mktemp("readme")
    repository = make_repository(root / "clone")
    (repository / "profiles").mkdir()
    # The real profile's model would take hours: here it is the sample's again.
    shutil.copyfile(repository / "params.yaml", repository / "profiles" / "whisper-base.yaml")
    shutil.copytree(repository / "data", root / "corpus")
    tiny_checkpoint(root / "hub")
    (repository / "recordings").mkdir()
    for name in ("session.wav", "recordings/a.mp3", "recordings/b.mp3"):
        soundfile.write(repository / name, np.random.default_rng(0).normal(0, 0.1, 200_000), 16_000)
    turns = {"anna": [(0, 5, "yes")], "ben": [(6, 10, "no")]}
    (repository / "session.TextGrid").write_text(textgrid(turns, duration=12.5))
    (repository / ".git" / "info" / "exclude").write_text("/session.*\n/recordings/\n/subtitles/\n/exports/\n")
    with S3Server(root / "store") as server:
        reader = Reader(root, server)
        reader.run("git", "add", "-A")
        reader.run("git", "commit", "-qm", "profiles")
        for line in to_type():
            reader.type(line)
        yield reader


@pytest.mark.slow
def test_documentation_works_from_top_to_bottom(reader):
    assert (reader.folder / "metrics" / "report.html").is_file()
    assert len(list((reader.folder / "subtitles").glob("*.srt"))) == 2


@pytest.mark.slow
def test_pulled_whole_there_is_nothing_to_do_and_experiments_build_on_it(reader):
    reader.run("git", "commit", "-qam", "a smaller rank")
    reader.run("dvc", "push")
    reader.move("third")
    reader.run("dvc", "pull")
    assert "up to date" in reader.run("dvc", "repro")
    assert reader.run("git", "status", "--porcelain") == ""
    output = reader.run("dvc", "exp", "run", "-n", "fewer", "-S", "transcribe.tokens_per_second=14.0")
    decoded = {f"transcribe@{name}" for name in paths.MODELS}
    others = {"check_params", "label", "evaluate", "report"}
    assert decoded <= running(output) <= decoded | others  # the same texts score the same
    assert "No changes" not in reader.run("dvc", "metrics", "diff", "--all", "--md")
    reader.run("git", "checkout", "-q", ".")
    reader.run("dvc", "checkout")
    reader.run("dvc", "exp", "apply", "fewer")
    assert "tokens_per_second: 14.0" in (reader.folder / "params.yaml").read_text()
    reader.run("git", "commit", "-qam", "fewer tokens")
    assert "pushed" in reader.run("dvc", "push")
    assert "are all there" in reader.doctor(expect=0)


class Box:
    """A machine that is rented by the hour: it has the fork, credentials, and nothing else."""

    def __init__(self, reader: Reader, name: str):
        self.place = Workplace(reader.root / name, reader.root / "home", secret=None)
        self.place.folder.mkdir()
        known = {key: value for key, value in reader.environment.items() if not key.startswith("GIT_")}
        self.place.environment = known | {"AWS_PROFILE": "kids"}
        self.follow("1. Set up")

    def type(self, *lines: str) -> str:
        """Run lines in one shell, in the clone if there is one."""
        script = ["set -e", *(["cd kids"] if (self.place.folder / "kids").is_dir() else []), *lines]
        return self.place.run("bash", "-c", "\n".join(script))

    def follow(self, title: str) -> str:
        page = (ROOT / "docs" / "gpu-box.md").read_text()
        lines = [line.replace("FORK", "../fork.git") for line in commands(section(page, title))]
        return self.type(*(line for line in lines if not line.startswith(SET_UP)))


@pytest.mark.slow
def test_gpu_box_trains_on_two_gpus_is_taken_and_replaced(reader):
    reader.run("git", "clone", "-q", "--bare", ".", str(reader.root / "fork.git"))
    first = Box(reader, "first")
    mirror = f"sed -i 's|checkpoint_mirror:|checkpoint_mirror: s3://{BUCKET}/checkpoints|' params.yaml"
    seed = "sed -i 's/^seed: .*/seed: 7/' params.yaml"
    first.type("dvc pull data", mirror, seed, "git commit -qam 'another seed, and a mirror'", "git push -q")
    output = first.follow("Both strategies at once, on two GPUs")
    assert {"train_lora", "train_selective", "report"} <= running(output)
    assert "not mirrored" not in output
    first.type("dvc push --run-cache")
    shutil.rmtree(first.place.folder)  # with dvc.lock, which was not committed

    second = Box(reader, "second")
    task = yaml.safe_load((ROOT / "sky.yaml").read_text())
    output = second.type(*(line for line in task["run"].splitlines() if ".venv" not in line))
    assert "Stage 'train_lora' is cached" in output
    assert running(output) == {"check_params", "preprocess", "evaluate", "report"}
    assert not running(second.follow("4. When the spot machine is taken"))
    assert not running(second.follow("3. Run"))
    nobody = "cd kids && git config --unset user.email && echo >> params.yaml && dvc exp run -S seed=8"
    assert "Git user name and email must be configured" in second.place.run("bash", "-c", nobody, expect=255)

    home = Box(reader, "at-home")
    home.type("dvc pull")
    assert "up to date" in home.type("dvc repro")


def test_sky_task_stops_at_the_first_failure():
    text = (ROOT / "sky.yaml").read_text()
    assert yaml.safe_load(text)["run"].startswith("set -e\n")  # SkyPilot itself would go on
    assert "&&" not in text  # a failure within is none to bash


def running(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def test_commands_are_found_in_console_blocks_alone():
    page = "```console\n$ one  # two\nout\n$ three\n```\ntext $ four\n```\n$ five\n```\n"
    assert commands(page) == ["one  # two", "three"]


def test_pages_with_commands_are_typed():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    with_commands = {page.relative_to(ROOT).as_posix() for page in pages if commands(page.read_text())}
    assert with_commands == {*TYPED, *NOT_TYPED}
    assert len(to_type()) > 20


def test_every_placeholder_is_in_the_readme():
    assert all(name in (ROOT / "README.md").read_text() for name in PLACEHOLDERS)
