"""The environment of a row's process."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, with the repository first on the search path, and without DVC's mark of a stage.

    PYTHONPATH is kept behind it: on a machine without network, packages may lie in a folder that it names.
    """
    search_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    return kept | {"PYTHONPATH": search_path} | changes
