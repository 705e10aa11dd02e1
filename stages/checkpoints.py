"""Where a training run keeps its checkpoints, so that one that was killed goes on and a changed one starts anew.

DVC deletes a stage's outputs before running it, so checkpoints lie outside them, in checkpoints/<stage>/<fingerprint>,
ignored by git and DVC. DVC_ROOT is the same for `dvc repro`, `dvc exp run --temp` and the queue.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from stages.digest import sha256

TRAINER_STATE = "trainer_state.json"  # the trainer writes it last: a checkpoint without it is incomplete
LIBRARIES = ("torch", "transformers", "peft", "accelerate")


def run_folder(stage: str, settings: list, inputs: Iterable[Path]) -> Path:
    """The folder of the one training run with these settings, inputs, code and library versions; created if new.

    Parameters
    ----------
    settings : every parameter the result depends on, as plain values
    inputs : files and folders the result depends on; their contents are read (about a second per gigabyte)
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(json.dumps({name: importlib.metadata.version(name) for name in LIBRARIES}).encode())
    for root in [*inputs, Path(__file__).parent]:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(sha256(path).encode())
    folder = Path(os.environ.get("DVC_ROOT", ".")) / "checkpoints" / stage / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def latest(folder: Path) -> str | None:
    """The newest complete checkpoint in a run's folder; ones a kill left incomplete are removed."""
    complete = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / TRAINER_STATE).is_file():
            complete.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return str(max(complete, key=lambda path: int(path.name.rsplit("-", 1)[1]))) if complete else None
