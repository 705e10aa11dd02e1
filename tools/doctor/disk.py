"""Free space, against what a run will need."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from stages.common.params import Params
from stages.records.paths import BASE_FOLDER, DATA, PROCESSED
from stages.runtime import checkpoints
from tools.doctor import Finding

GIGABYTE = 1e9
UNKNOWN_BASE = 1.0  # GB: where the base model is not here yet; whisper-base has 0.3, large-v3 6
# In sizes of the corpus: clips, DVC's copies of corpus and clips, and the features that training keeps.
CORPORA = 4
# In sizes of the base model: it and selective with DVC's copies, and the checkpoints of both with their optimizers.
BASES = 12


def findings(settings: Params) -> Iterator[Finding]:
    """An estimate, on the generous side."""
    base = Path(settings.base_model)
    known = next((size(path) for path in (BASE_FOLDER, base) if path.is_dir()), UNKNOWN_BASE)
    wanted = max(0.0, CORPORA * size(DATA) + BASES * known - size(PROCESSED))
    folder = checkpoints.root().resolve().parent
    free = shutil.disk_usage(folder).free / GIGABYTE
    text = f"disk: {free:.1f} GB free where {wanted:.1f} GB or so are needed for a whole run"
    if free >= wanted:
        yield Finding("ok", text)
    else:
        yield Finding("problem", text, "make room, take a larger disk, or: dvc gc --workspace (removes old versions)")


def size(folder: Path) -> float:
    """GB of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / GIGABYTE
