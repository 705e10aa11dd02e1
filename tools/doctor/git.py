"""git: that it is there, that this is a clone, and that it knows whose commits it makes."""

import os
import shutil
import subprocess
from collections.abc import Iterator

from tools.doctor import Finding

# What dvc exp run asks of git, or of the environment, to put aside what is not committed (scmrepo's pygit2 backend).
IDENTITY = {"user.name": "GIT_COMMITTER_NAME", "user.email": "GIT_COMMITTER_EMAIL"}


def findings() -> Iterator[Finding]:
    """What would keep dvc, or a commit, from working."""
    if not shutil.which("git"):
        yield Finding("problem", "git is not installed", "install it: dvc needs it")
    elif not _run_git("rev-parse", "--git-dir"):
        yield Finding("problem", "this folder is not a git repository", "git clone it, or git init; dvc needs it")
    elif unknown := [key for key, name in IDENTITY.items() if not (os.environ.get(name) or _run_git("config", key))]:
        text = (
            f"git does not know your {' and '.join(unknown)}: git commit refuses to work, and dvc exp run now and then"
        )
        cure = 'git config --global user.name "YOUR NAME" && git config --global user.email YOU@EXAMPLE.ORG'
        yield Finding("warning", text, cure)


def tracked() -> list[str]:
    """The files that git tracks; none where there is no repository."""
    return list(filter(None, _run_git("ls-files", "-z").split("\0")))


def _run_git(*command: str) -> str:
    """What git answers; nothing where it cannot."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else ""
