"""Experiment trackers for a training: params.yaml's runtime.report_to.

The Trainer itself reports to them: losses, dev WER, learning rate, its options and the model's configuration, never
audio or transcripts. Trackers' features that would send more are turned off here.
"""

import importlib.metadata
import os
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Runtime
from stages.runtime import checkpoints

PACKAGES = {  # one of a tracker's packages must be installed
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
PRIVATE = {
    "WANDB_CONSOLE": "off",  # otherwise the stage's output is sent, with names of clips
    "WANDB_DISABLE_GIT": "true",  # otherwise a patch of uncommitted files is sent, transcripts included
    "WANDB_DISABLE_CODE": "true",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def check(runtime: Runtime) -> None:
    """Raise UserError if a tracker's package is not installed."""
    for name in runtime.report_to:
        if not any(map(is_installed, PACKAGES[name])):
            raise UserError(
                f"params.yaml: runtime.report_to names {name}, which is not installed: pip install {name}, or set it "
                "to none"
            )


def is_installed(package: str) -> bool:
    """Whether a package of this name on PyPI is installed."""
    # Not find_spec: it takes a folder that a tracker made here, such as wandb/, for the package.
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def set_up(runtime: Runtime, run_folder: Path) -> None:
    """Set environment variables that say where trackers write and what they must not send; keeps those already set.

    They write to runs/, beside checkpoints/: a folder per stage and fingerprint for TensorBoard, so that a resumed run
    continues its curve and a changed one begins its own.

    Parameters
    ----------
    run_folder : of the run's checkpoints
    """
    if not runtime.report_to:
        return
    root = checkpoints.root().resolve().parent / "runs"
    root.mkdir(exist_ok=True)
    places = {
        "TENSORBOARD_LOGGING_DIR": str(root / run_folder.parent.name / run_folder.name),
        "WANDB_DIR": str(root),
        "WANDB_PROJECT": "kids-whisper",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}",
    }
    for name, value in (PRIVATE | places).items():
        os.environ.setdefault(name, value)
