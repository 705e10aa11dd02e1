"""Compare free disk space with an estimate of what a run needs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from stages.common.params import Params
from stages.records.paths import BASE_FOLDER, DATA, PROCESSED
from stages.records.strategies import STRATEGIES
from stages.runtime import checkpoints
from tools.doctor import Finding

GIGABYTE = 1e9
UNKNOWN_BASE = 1.0  # GB: assumed size of a base model that is not here yet; whisper-base has 0.3, large-v3 6
# In sizes of the corpus: clips, DVC's copies of corpus and clips, and the features that training caches.
CORPUS_COPIES = 4
# In sizes of the base model: it with DVC's copy; for each strategy, a model with DVC's copy, and a checkpoint with the
# two values that the optimizer keeps for each weight.
MODEL_COPIES = 2 + 5 * len(STRATEGIES)


def findings(settings: Params) -> Iterator[Finding]:
    """Yield whether a whole run fits on the disk; the estimate is rather high."""
    base_size = UNKNOWN_BASE
    for path in (Path(settings.base_model), BASE_FOLDER):
        if path.is_dir():
            base_size = size(path)
    needed = max(0.0, CORPUS_COPIES * size(DATA) + MODEL_COPIES * base_size - size(PROCESSED))
    folder = checkpoints.root().resolve().parent
    free = shutil.disk_usage(folder).free / GIGABYTE
    text = f"disk: {free:.1f} GB free where about {needed:.1f} GB are needed for a whole run"
    if free >= needed:
        yield Finding("ok", text)
    else:
        cure = (
            "free some space, or use a larger disk; dvc gc --workspace deletes versions that this commit does not use"
        )
        yield Finding("problem", text, cure)


def size(folder: Path) -> float:
    """Return the size of all files under a folder, in GB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / GIGABYTE
