"""Which model models/base is: read from params.yaml's base_model, recorded in models/base and in adapters on it."""

import json
from pathlib import Path
from typing import NamedTuple

from stages.whisper import model
from stages.whisper.model import ADAPTER_FILE

FILE = "base_model.json"  # in models/base


class BaseModel(NamedTuple):
    """A model of the hub, or a local folder."""

    name: str  # the hub's id; of a local folder its name, not its path, which is of no use on other machines
    revision: str | None  # commit on the hub; None: a local folder


def parse(source: str) -> BaseModel:
    """What params.yaml's base_model names: hub-id@commit, or the path of a folder."""
    name, _, revision = source.rpartition("@")
    return BaseModel(name, revision) if name else BaseModel(Path(source).name, None)


def write(folder: Path, base: BaseModel) -> None:
    """Record in a folder which model it holds."""
    (folder / FILE).write_text(json.dumps(base._asdict(), sort_keys=True) + "\n", encoding="utf-8")


def read(folder: Path) -> BaseModel | None:
    """Which model a folder holds; None where that is not recorded."""
    recorded = model.read_json(folder, FILE, required=False)
    return BaseModel(recorded.get("name", ""), recorded.get("revision")) if recorded else None


def record_in_adapter(folder: Path, base: BaseModel | None) -> None:
    """Let a saved PEFT adapter name the base that it was trained on; other checkpoints are left alone.

    PEFT names the folder that the base was loaded from, models/base, which is no use elsewhere. It is replaced only
    after saving: PEFT asks the hub for the base's config each time it saves an adapter that names a model of the hub.
    PEFT's model card, which has headings only, is removed.

    Parameters
    ----------
    base : None: not known; what PEFT wrote stays
    """
    if not (folder / ADAPTER_FILE).is_file():
        return
    (folder / "README.md").unlink(missing_ok=True)
    if base:
        config = model.read_json(folder, ADAPTER_FILE)
        config |= {"base_model_name_or_path": base.name, "revision": base.revision}
        (folder / ADAPTER_FILE).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
