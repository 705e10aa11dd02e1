"""Read the experiments of the commit that is checked out, from `dvc exp show --json`."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import PARAMS_FILE
from tools.dvc_command import run_dvc

SCORES = "metrics/wer.json"
ATTEMPTS = 4
SHOW_SECONDS = 120.0  # time limit of `dvc exp show`; it usually takes two seconds
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "success", "failed"  # dvc's names


@dataclass(frozen=True)
class Experiment:
    """One experiment: queued, running, done or failed."""

    name: str
    state: str
    process: int | None  # process id on this machine, while it runs
    params: dict  # the contents of its params.yaml
    scores: dict  # the contents of its metrics/wer.json, if it is done


def experiments() -> list[Experiment]:
    """Return all experiments of the commit, sorted by name."""
    for attempt in range(ATTEMPTS):
        try:
            commits = json.loads(run_dvc("exp", "show", "--json", "--num", "1", seconds=SHOW_SECONDS))
            break
        except UserError:
            # dvc reads the folder of a running experiment, and fails or hangs if that one ends meanwhile.
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(attempt + 1)
    known = []
    for commit in commits:
        known += map(_experiment, commit.get("experiments") or [])
    return sorted(known, key=lambda experiment: experiment.name)


def _experiment(row: dict) -> Experiment:
    newest, executor = row["revs"][0], row["executor"] or {}
    data = newest["data"] or {}
    # Experiments that were run in the workspace, or fetched, have no executor.
    state = FAILED if newest["error"] else executor.get("state") or DONE
    process = (executor.get("local") or {}).get("pid")
    scores = _content(data, "metrics", SCORES) if state == DONE else {}
    return Experiment(row["name"] or newest["rev"][:7], state, process, _content(data, "params", PARAMS_FILE), scores)


def _content(data: dict, kind: str, file: str | Path) -> dict:
    return data.get(kind, {}).get(str(file), {}).get("data") or {}


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Return nested values by dotted key, such as train_lora.rank."""
    by_key: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            by_key |= flat(value, f"{prefix}{key}.")
        else:
            by_key[prefix + key] = value
    return by_key
