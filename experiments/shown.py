"""What `dvc exp show` knows of the experiments of the commit that is checked out."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import PARAMS_FILE

SCORES = "metrics/wer.json"
ATTEMPTS = 4
SHOW_SECONDS = 120.0  # it takes two
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "success", "failed"


@dataclass(frozen=True)
class Experiment:
    """One experiment: queued, running, done or failed."""

    name: str
    state: str
    process: int | None  # of this machine; while it runs
    params: dict  # the contents of its params.yaml
    scores: dict  # of its metrics/wer.json, where it is done


def experiments() -> list[Experiment]:
    """All of them, sorted by name."""
    for attempt in range(ATTEMPTS):
        try:
            commits = json.loads(dvc("exp", "show", "--json", "--num", "1", seconds=SHOW_SECONDS))
            break
        except UserError:
            # It looks into the folder of an experiment that runs, and fails or hangs when that one ends meanwhile.
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(attempt + 1)
    rows = [row for commit in commits for row in commit.get("experiments") or []]
    return sorted(map(_experiment, rows), key=lambda experiment: experiment.name)


def _experiment(row: dict) -> Experiment:
    newest, executor = row["revs"][0], row["executor"] or {}
    data = newest["data"] or {}
    # What was run in the workspace, or fetched, has no executor.
    state = FAILED if newest["error"] else executor.get("state") or DONE
    process = (executor.get("local") or {}).get("pid")
    scores = _content(data, "metrics", SCORES) if state == DONE else {}
    return Experiment(row["name"] or newest["rev"][:7], state, process, _content(data, "params", PARAMS_FILE), scores)


def _content(data: dict, kind: str, file: str | Path) -> dict:
    return data.get(kind, {}).get(str(file), {}).get("data") or {}


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested keys as dotted paths."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def dvc(*arguments: str, seconds: float | None = None) -> str:
    """Run dvc, of the same environment, and return what it printed.

    Raises
    ------
    UserError
        It failed, and said why, or took over so many seconds.
    """
    # Files and not pipes: the queue's workers inherit them, and a pipe would be waited for until the last one ends.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            command = [sys.executable, "-m", "dvc", *arguments]
            done = subprocess.run(command, stdout=output, stderr=errors, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise UserError(f"dvc {' '.join(arguments[:3])} gave no answer in {seconds:g} s") from None
        output.seek(0)
        errors.seek(0)
        if done.returncode:
            said = " ".join(errors.read().replace("ERROR:", "").split())
            raise UserError(f"dvc {' '.join(arguments[:3])} failed: {said}")
        return output.read()
