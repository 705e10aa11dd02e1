"""Which commit the report names, and what it says of changes since."""

import subprocess
from pathlib import Path

import pytest

from stages.results import origin

pytestmark = pytest.mark.slow


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", *identity, *arguments], cwd=origin.ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project in a git repository, all of it committed."""
    monkeypatch.setattr(origin, "ROOT", tmp_path)
    (tmp_path / "stages").mkdir()
    for name in ("stages/a.py", "params.yaml", "dvc.yaml", "dvc.lock"):
        (tmp_path / name).write_text("before")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    return tmp_path


def test_all_is_committed(project):
    assert origin.commit() == f"Made from commit {git('rev-parse', 'HEAD')}."


def test_what_a_run_writes_is_no_change(project):
    (project / "dvc.lock").write_text("after")
    (project / "README.md").write_text("new")
    assert origin.commit() == f"Made from commit {git('rev-parse', 'HEAD')}."


def test_what_differs_is_named(project):
    (project / "params.yaml").write_text("after")
    (project / "stages" / "a.py").unlink()
    (project / "stages" / "with \u00e9.py").write_text("new")
    sentence = origin.commit()
    assert sentence.startswith(
        f"Made from commit {git('rev-parse', 'HEAD')} and changes that were not committed yet, to: "
    )
    assert set(sentence.rstrip(".").split(": ")[1].split(", ")) == {
        "params.yaml",
        "stages/a.py",
        "stages/with \u00e9.py",
    }


def test_of_many_files_the_first_are_named(project):
    for number in range(7):
        (project / "stages" / f"{number}.py").write_text("new")
    assert origin.commit().endswith("to: " + ", ".join(f"stages/{number}.py" for number in range(5)) + " and 2 more.")


def test_no_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(origin, "ROOT", tmp_path)
    assert origin.commit().startswith("The commit is not known")


def test_git_is_not_installed(project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert origin.commit().startswith("The commit is not known")
