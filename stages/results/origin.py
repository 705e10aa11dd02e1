"""Which code and which libraries made the results, for the page."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "jiwer", "dvc")
ROOT = Path(__file__).parent.parent.parent
CODE = ("stages", "params.yaml", "dvc.yaml")  # whose changes are worth a word: they decide the results
MOST_NAMED = 5  # files


def commit() -> str:
    """Which commit the code is of, and which of its files differ from it, in a sentence."""
    head = _git("rev-parse", "HEAD")
    if head is None:
        return "Of no known commit: git is not installed, or this is no git repository with a commit."
    status = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *CODE) or ""
    changed = [line[3:] for line in status.split("\0") if line]  # after two letters and a space
    if not changed:
        return f"Made from commit {head.strip()}."
    named = ", ".join(changed[:MOST_NAMED])
    more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
    return f"Made from commit {head.strip()} and changes that were not committed yet, to: {named}{more}."


def _git(*arguments: str) -> str | None:
    """What git prints about the project; None where it is not installed, or fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def versions() -> list[tuple[str, str]]:
    """Of Python and the libraries that the figures may depend on, on the machine that makes the page."""
    return [("Python", platform.python_version()), *((name, importlib.metadata.version(name)) for name in LIBRARIES)]
