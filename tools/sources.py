"""Load a checkpoint from a folder or from the model hub."""

import re
import sys
from pathlib import Path

from stages.common.errors import UserError
from stages.records.paths import BASE_FOLDER
from stages.runtime import hub
from stages.whisper import base_model, model
from stages.whisper.base_model import BaseModel
from stages.whisper.model import ADAPTER_FILE, Checkpoint

BASE_HELP = "of an adapter: the model that it was trained on, if not the one that adapter_config.json names"
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


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
    identity, _, revision = name.partition("@")
    if not HUB_ID.fullmatch(identity):
        raise UserError(f"{name} is neither a folder nor a model of the hub (such as openai/whisper-base)")
    _refuse_misspelled_folder(name)
    folder = hub.cached(identity, revision or None)
    print(f"{identity}: commit {folder.name}", file=sys.stderr)  # stdout may be the transcript
    return folder


def _refuse_misspelled_folder(name: str) -> None:
    """Do not ask the hub for models/lorra, where there is a folder models."""
    parent = Path(name).parent
    if parent.is_dir():
        folders = sorted(str(path) for path in parent.iterdir() if path.is_dir())
        raise UserError(f"{name} is not a folder; there are {', '.join(folders) or 'no folders'} in {parent}")


def _base_of_adapter(adapter: Path) -> Path:
    """Return the folder of the base model that an adapter was trained on."""
    config = model.read_json(adapter, ADAPTER_FILE)
    name, revision = config.get("base_model_name_or_path") or str(BASE_FOLDER), config.get("revision")
    if base_model.read(BASE_FOLDER) == BaseModel(name, revision):
        return BASE_FOLDER
    if Path(name).is_dir():
        return Path(name)
    if Path(name) == BASE_FOLDER or not HUB_ID.fullmatch(name):
        raise UserError(
            f"{adapter} needs its base model, {name}, which is not here; dvc pull models/base, or dvc repro "
            "fetch_base, or name the base: --base FOLDER, or a model of the hub"
        )
    return hub.cached(name, revision)
