"""The names of checkpoints on the command line: a folder, or a model of the hub."""

import re
from pathlib import Path

from stages.common.errors import UserError
from stages.records.paths import MODELS
from stages.records.strategies import STRATEGIES

CHECKPOINT_HELP = "a folder, or a model of the hub (id or id@revision)"
BASE_HELP = "of an adapter: the model that it was trained on, if not the one that adapter_config.json names"
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def check(name: str | None) -> None:
    """Raise UserError if a name is neither a folder nor can be a model of the hub; None is no name, and passes.

    models/lorra could be a model of the hub, but is not where there is a folder models.
    """
    if name is None or Path(name).is_dir():
        return
    identity, _, _ = name.partition("@")
    if not HUB_ID.fullmatch(identity):
        raise UserError(f"{name} is neither a folder nor a model of the hub (such as openai/whisper-base)")
    for model, folder in MODELS.items():
        if Path(name) == folder:
            stage = STRATEGIES[model].stage if model in STRATEGIES else "fetch_base"
            raise UserError(f"{name} is missing; make it with: dvc repro {stage}, or: dvc pull {name}")
    parent = Path(name).parent
    if parent.is_dir():
        folders = sorted(str(path) for path in parent.iterdir() if path.is_dir())
        raise UserError(f"{name} is not a folder; there are {', '.join(folders) or 'no folders'} in {parent}")
