"""The day of a user: a corpus of one's own takes the sample's place, goes to S3, comes back elsewhere, and is tried."""

import json
import shutil
from pathlib import Path

import pytest

from tests.s3_server import BUCKET, S3Server
from tests.test_pipeline import make_repository
from tests.test_remote_faults import Workplace


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> S3Server:
    with S3Server(tmp_path_factory.mktemp("s3") / "store") as server:
        yield server


@pytest.fixture(scope="module")
def origin(tmp_path_factory, server) -> Workplace:
    """A clone in which somebody has done what README.md says: own corpus, own remote, a run, a push."""
    root = tmp_path_factory.mktemp("origin")
    place = Workplace(make_repository(root / "repository"), root / "home")
    corpus = shutil.copytree(place.folder / "data", root / "corpus")
    place.run("git", "rm", "-rq", "--cached", "data")
    shutil.rmtree(place.folder / "data")
    shutil.copytree(corpus, place.folder / "data")
    place.run("dvc", "add", "data")
    place.run("dvc", "remote", "modify", "storage", "url", f"s3://{BUCKET}/PREFIX")
    place.run("dvc", "remote", "modify", "storage", "endpointurl", server.url)
    place.run("dvc", "repro")
    place.run("git", "add", "-A")
    place.run("git", "commit", "-qm", "our corpus")
    place.run("dvc", "push")
    return place


def clone(origin: Workplace, folder: Path) -> Workplace:
    """On another machine: nothing but git's files."""
    place = Workplace(folder.parent, folder.parent / "home")
    place.run("git", "clone", "-q", str(origin.folder), str(folder))
    return Workplace(folder, folder.parent / "home")


def running(told: str) -> list[str]:
    return [line.split("'")[1] for line in told.splitlines() if line.startswith("Running stage")]


def test_pulled_data_alone_is_enough_to_run(origin, tmp_path):
    place = clone(origin, tmp_path / "clone")
    assert not (place.folder / "data").exists()
    assert "data" in place.run("dvc", "pull", "data")
    before = sorted(path.name for path in (place.folder / "data").rglob("*"))
    place.run("dvc", "repro", "preprocess")
    assert place.run("git", "status", "--porcelain") == ""  # the same clips, to the byte
    assert sorted(path.name for path in (place.folder / "data").rglob("*")) == before


def test_pulled_whole_there_is_nothing_to_do_and_experiments_build_on_it(origin, tmp_path):
    place = clone(origin, tmp_path / "clone")
    place.run("dvc", "pull")
    assert "up to date" in place.run("dvc", "repro")
    assert place.run("git", "status", "--porcelain") == ""
    told = place.run("dvc", "exp", "run", "-n", "smaller", "-S", "train_lora.rank=8")
    assert running(told) == ["train_lora", "transcribe@lora", "evaluate", "report"]
    assert "lora" in place.run("dvc", "metrics", "diff", "--md")
    place.run("git", "checkout", "-q", ".")
    place.run("dvc", "checkout")
    place.run("dvc", "exp", "apply", "smaller")
    assert json.loads((place.folder / "models" / "lora" / "adapter_config.json").read_text())["r"] == 8
    place.run("git", "commit", "-qam", "a smaller rank")
    assert "pushed" in place.run("dvc", "push")
    assert "are all there" in place.doctor(expect=0)
