"""Which code and which libraries made the results, for the page."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "jiwer", "dvc")
ROOT = Path(__file__).parent.parent.parent
CODE = ("stages", "params.yaml", "dvc.yaml")  # these decide the results, so their changes are named
MOST_NAMED = 5  # files


def commit() -> str:
    """A sentence: the commit that is checked out, and which files of the code differ from it."""
    head = _git("rev-parse", "HEAD")
    if head is None:
        return "The commit is not known: git is not installed, or this is no git repository with a commit."
    status = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *CODE) or ""
    changed = [line[3:] for line in status.split("\0") if line]  # after two letters and a space
    if not changed:
        return f"Made from commit {head.strip()}."
    named = ", ".join(changed[:MOST_NAMED])
    if len(changed) > MOST_NAMED:
        named += f" and {len(changed) - MOST_NAMED} more"
    return f"Made from commit {head.strip()} and changes that were not committed yet, to: {named}."


def _git(*arguments: str) -> str | None:
    """What git prints about the project; None where it is not installed, or fails."""
    try:
        process = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return None
    return None if process.returncode else process.stdout


def versions() -> list[tuple[str, str]]:
    """Names and versions of Python and of the libraries that the results may depend on, on this machine."""
    rows = [("Python", platform.python_version())]
    for name in LIBRARIES:
        rows.append((name, importlib.metadata.version(name)))
    return rows
