"""Check that git is installed, that this folder is a repository, and that the author of commits is set."""

import os
import shutil
import subprocess
from collections.abc import Iterator

from tools.doctor import Finding

# dvc exp run needs these from git or the environment, to save uncommitted changes (pygit2 backend of scmrepo).
IDENTITY = {"user.name": "GIT_COMMITTER_NAME", "user.email": "GIT_COMMITTER_EMAIL"}


def findings() -> Iterator[Finding]:
    """Yield what would make dvc or a commit fail."""
    if not shutil.which("git"):
        yield Finding("problem", "git is not installed", "install it: dvc needs it")
    elif not _run_git("rev-parse", "--git-dir"):
        yield Finding("problem", "this folder is not a git repository", "git clone it, or git init; dvc needs it")
    elif unknown := _unknown_identity():
        text = f"git does not know your {' and '.join(unknown)}: git commit fails, and so may dvc exp run"
        cure = 'git config --global user.name "YOUR NAME" && git config --global user.email YOU@EXAMPLE.ORG'
        yield Finding("warning", text, cure)


def _unknown_identity() -> list[str]:
    """Return the keys of git's configuration that neither it nor the environment sets."""
    unknown = []
    for key, variable in IDENTITY.items():
        if not os.environ.get(variable) and not _run_git("config", key):
            unknown.append(key)
    return unknown


def tracked_files() -> list[str]:
    """Return the files that git tracks; none outside a repository."""
    return [name for name in _run_git("ls-files", "-z").split("\0") if name]


def _run_git(*command: str) -> str:
    """Return what git prints; "" if it fails or is not installed."""
    try:
        process = subprocess.run(["git", *command], capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return process.stdout.decode(errors="surrogateescape") if process.returncode == 0 else ""
