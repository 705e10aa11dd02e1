"""Check that the workspace is what dvc.lock records: models, data, and the scores that were computed with them."""

import json
from collections.abc import Sequence
from pathlib import Path

from stages.common.errors import UserError
from tools.dvc_command import run_dvc

CODE = "stages/"  # an edit there changes no number that was measured before it
SHOWN = 3  # how many changes the message names


def check(stages: Sequence[str], what: str = "the model and its scores") -> None:
    """Raise an error if parameters, data, models or scores of these stages are not those of their last run.

    Changed code and missing files are allowed. Outside a DVC repository, nothing is checked.

    Parameters
    ----------
    stages : names as in dvc.yaml, such as transcribe@lora
    what : what they make, for the error message

    Raises
    ------
    UserError
        Names what changed, or why `dvc status` failed.
    """
    if not Path(".dvc").is_dir():
        return
    changes = changed_inputs(json.loads(run_dvc("status", "--json", *stages)))
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise UserError(
            f"{what} are not of one run: {', '.join(changes[:SHOWN])}{more} changed since; run dvc "
            "repro, or restore the earlier state (git checkout and dvc checkout); dvc status lists all changes"
        )


def changed_inputs(status: dict) -> list[str]:
    """Every change that `dvc status --json` reports, as "path (stage)" or "params.yaml: key (stage)".

    Parameters
    ----------
    status : by stage, a list of "changed command" and of {"changed deps": {path: "modified"}}; for a file of
        parameters, the value is {key: "modified"}
    """
    changes = []
    for stage, entries in status.items():
        for entry in entries:
            if isinstance(entry, str):  # "changed command"
                changes.append(f"its command ({stage})")
                continue
            for paths in entry.values():
                for path, state in paths.items():
                    if isinstance(state, dict):  # a file of parameters
                        changes += [f"{path}: {key} ({stage})" for key in state]
                    elif state != "deleted" and not path.startswith(CODE):
                        changes.append(f"{path} ({stage})")
    return changes
