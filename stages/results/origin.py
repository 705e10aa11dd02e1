"""Which code and which libraries made the results, for the page."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "jiwer", "dvc")
CODE = ("stages", "params.yaml", "dvc.yaml")  # whose uncommitted changes are worth a word


def commit() -> str:
    """What of the code this is, in a sentence."""
    asked = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "check": False}
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], **asked)
        changed = subprocess.run(["git", "status", "--porcelain", "--", *CODE], **asked)
    except FileNotFoundError:
        return "Of no known commit: git is not installed."
    if head.returncode:
        return "Of no known commit: this is no git repository."
    with_changes = f", with uncommitted changes to {' or '.join(CODE)}" if changed.stdout else ""
    return f"Commit {head.stdout.strip()}{with_changes}."


def versions() -> list[tuple[str, str]]:
    """Of Python and the libraries that the figures may depend on, on the machine that makes the page."""
    return [("Python", platform.python_version()), *((name, importlib.metadata.version(name)) for name in LIBRARIES)]
