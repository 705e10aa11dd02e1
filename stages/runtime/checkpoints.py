"""The checkpoints of a training run. A killed run resumes from them; a run with other inputs does not.

DVC deletes a stage's outputs before running it, so checkpoints lie outside them, in checkpoints/<stage>/<fingerprint>,
ignored by git and DVC. DVC_ROOT is the same for `dvc repro`, `dvc exp run --temp` and the queue.

A checkpoint is complete once it has complete.json, which is written last, atomically, and lists every file with its
size. Incomplete ones, which a kill leaves, are removed. Older ones are removed only when a newer one is complete.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stages.common.errors import UserError
from stages.common.files import folder_sha256

STAGES = Path(__file__).parent.parent
COMPLETE = "complete.json"
LOCK = "in-use.lock"
LIBRARIES = ("torch", "transformers", "peft", "accelerate")


def root() -> Path:
    """The folder of all checkpoints: beside the pipeline, also for experiments that run in a copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")) / "checkpoints"


def run_folder(stage: str, settings: list, digests: Iterable[str]) -> Path:
    """The folder of the run with these settings, inputs, code and library versions; created if it does not exist.

    Parameters
    ----------
    settings : every parameter the result depends on, as plain values
    digests : of the contents of every file and folder the result depends on, with those of the code: `code_digests`
    """
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    inputs = [settings, versions, *digests]
    fingerprint = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    folder = root() / stage / fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def code_digests(folders: Iterable[str]) -> list[str]:
    """Digests of folders of stages/; after an edit of any other code, a killed run can still resume."""
    return [folder_sha256(STAGES / name) for name in folders]


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Lock a run's folder against other runs; the lock of a killed process is released.

    Raises
    ------
    UserError
        Another process has the lock: it does the same work now.
    """
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise UserError(
            f"{folder.parent.name} is already running with the same parameters and data, and has locked {folder}; "
            "wait for it, or change a parameter"
        ) from None


def commit(checkpoint: Path) -> None:
    """Mark a written checkpoint as complete: from now on, a killed run may resume from it."""
    sizes = {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file()
    }
    partial = checkpoint / f"{COMPLETE}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump({"files": sizes}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, checkpoint / COMPLETE)


def is_complete(checkpoint: Path) -> bool:
    """Whether a checkpoint was committed and still has every file in its size."""
    try:
        sizes = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))["files"]
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (FileNotFoundError, ValueError):
        return False


def complete(folder: Path) -> list[Path]:
    """The complete checkpoints in a run's folder, oldest first."""
    return sorted(filter(is_complete, folder.glob("checkpoint-*")), key=step_of)


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint in a run's folder; removes incomplete ones."""
    checkpoints = complete(folder)
    for path in folder.glob("checkpoint-*"):
        if path not in checkpoints:
            shutil.rmtree(path)
    return checkpoints[-1] if checkpoints else None


def describe_latest(folder: Path) -> str:
    """A sentence for an error message: from which checkpoint training can resume.

    Removes nothing: every process of a training calls this, while another one may be writing a checkpoint.
    """
    checkpoints = complete(folder)
    if not checkpoints:
        return "No checkpoint had been written yet."
    return f"The last good checkpoint, of step {step_of(checkpoints[-1])}, is kept in {folder}."


def step_of(checkpoint: Path) -> int:
    """The number of optimizer steps before the checkpoint."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def remove(checkpoint: Path) -> None:
    """Remove a checkpoint; complete.json first, so that a kill never leaves a part that seems complete."""
    (checkpoint / COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)
