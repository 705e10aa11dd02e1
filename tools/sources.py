"""Load a checkpoint from a folder or from the model hub."""

import sys
from pathlib import Path

from stages.common.errors import UserError
from stages.records.paths import BASE_FOLDER
from stages.runtime import hub
from stages.whisper import base_model, model
from stages.whisper.base_model import BaseModel
from stages.whisper.model import ADAPTER_FILE, Checkpoint
from tools import checkpoint_names


def load_checkpoint(name: str, base: str | None = None) -> Checkpoint:
    """Load any Whisper checkpoint or adapter, ready to decode.

    Parameters
    ----------
    name : a folder, or a model of the hub (id, or id@revision), which is downloaded once
    base : likewise, the model that an adapter was trained on; None: the one that its config names

    Raises
    ------
    UserError
        It is neither, or cannot be downloaded or loaded.
    """
    folder = find(name)
    if not (folder / ADAPTER_FILE).is_file():
        return model.load_checkpoint(folder)
    return model.load_checkpoint(folder, find(base) if base else _base_of_adapter(folder))


def find(name: str) -> Path:
    """Return the folder of a checkpoint: `name` itself, or the cache that a model of the hub was downloaded to."""
    if Path(name).is_dir():
        return Path(name)
    checkpoint_names.check(name)
    identity, _, revision = name.partition("@")
    folder = hub.cached(identity, revision or None)
    print(f"{identity}: commit {folder.name}", file=sys.stderr)  # stdout may be the transcript
    return folder


def _base_of_adapter(adapter: Path) -> Path:
    """Return the folder of the base model that an adapter was trained on."""
    config = model.read_json(adapter, ADAPTER_FILE)
    name, revision = config.get("base_model_name_or_path") or str(BASE_FOLDER), config.get("revision")
    if base_model.read(BASE_FOLDER) == BaseModel(name, revision):
        return BASE_FOLDER
    if Path(name).is_dir():
        return Path(name)
    if Path(name) == BASE_FOLDER or not checkpoint_names.HUB_ID.fullmatch(name):
        raise UserError(
            f"{adapter} needs its base model, {name}, which is not here; dvc pull models/base, or dvc repro "
            "fetch_base, or name the base: --base FOLDER, or a model of the hub"
        )
    return hub.cached(name, revision)
