"""The environment of the processes that benches start: each row of a table is measured in a process of its own."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment variables, with the repository first on Python's search path.

    Parameters
    ----------
    changes : variables to set
    """
    variables = dict(os.environ)
    variables.pop("DVC_ROOT", None)  # set by DVC; with it, training would behave as in a stage of a running dvc
    search_path = [str(ROOT)]
    if variables.get("PYTHONPATH"):  # without a network, packages may be in a folder that it names
        search_path.append(variables["PYTHONPATH"])
    variables["PYTHONPATH"] = os.pathsep.join(search_path)
    return variables | changes
