"""A third strategy, `full`, added to a copy of the project by the edits of docs/development.md and by nothing else."""

import os
import re
import shutil
import textwrap
from pathlib import Path

import pytest

from tests.support.repository import call

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
COPIED = ("dvc.yaml", "params.yaml", "profiles", "pyproject.toml", "sample/whisper-mini", "stages", "tests", "tools")
FILES = {
    "dvc.yaml",
    "params.yaml",
    "profiles/whisper-base.yaml",
    "stages/common/params.py",
    "stages/records/strategies.py",
    "stages/training/strategies.py",
}
# Where an edit that was forgotten shows, and what is checked of the strategy itself.
TESTS = ("test_params.py", "test_strategies.py", "test_pipeline_file.py", "support/third_strategy.py")


def edits() -> list[tuple[str, str]]:
    """File and hunk of each edit in "Add a strategy"; a hunk is lines that begin with a space, + or -."""
    text = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    section = text.split("\n## Add a strategy\n")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"^ *```diff\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE):
        header, *hunks = re.split(r"^@@\n", textwrap.dedent(block), flags=re.MULTILINE)
        for file in header.removeprefix("+++ ").split():
            found += [(file, hunk) for hunk in hunks]
    return found


def apply(root: Path, file: str, hunk: str) -> None:
    """Replace the hunk's old lines by its new ones; the old ones must be in the file once."""
    lines = hunk.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    text = (root / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"docs/development.md, {file}: these lines are not in it once:\n{old}"
    (root / file).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, root / name)
    for file, hunk in edits():
        apply(root, file, hunk)
    return root


def test_walk_through_edits_only_these_files():
    assert {file for file, _ in edits()} == FILES


def test_third_strategy_is_trained_scored_shown_and_exported(copy, monkeypatch):
    for name in os.environ:
        if name.startswith("PYTEST_"):
            monkeypatch.delenv(name)
    call(copy, "python", "-m", "pytest", "-x", "-p", "no:cacheprovider", *(f"tests/{name}" for name in TESTS))
