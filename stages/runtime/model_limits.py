"""Whether the base model and this machine's packages allow what params.yaml asks for, before anything is trained."""

import importlib.util
import json
from pathlib import Path

from stages.common.errors import UserError
from stages.common.param_types import ALL
from stages.common.params import Params
from stages.records.paths import BASE_FOLDER

STACKS = ("encoder", "decoder")


def check(settings: Params, folder: Path | None = None) -> None:
    """Raise UserError that names every parameter that cannot be.

    Parameters
    ----------
    folder : of the base model; None: base_model if it is a folder here, else models/base, if that was made of it
    """
    mistakes = _package_mistakes(settings)
    folder = folder or _folder_of_base(settings.base_model)
    config, generation = _json(folder, "config.json"), _json(folder, "generation_config.json")
    mistakes += _layer_mistakes(settings, config)
    mistakes += _rank_mistakes(settings, config)
    mistakes += _language_mistakes(settings.language, generation)
    if mistakes:
        raise UserError("params.yaml: " + "; ".join(mistakes))


def _folder_of_base(base_model: str) -> Path | None:
    if Path(base_model).is_dir():
        return Path(base_model)
    name, _, revision = base_model.partition("@")
    made_of = _json(BASE_FOLDER, "base_model.json")
    return BASE_FOLDER if (made_of.get("name"), made_of.get("revision")) == (name, revision) else None


def _json(folder: Path | None, name: str) -> dict:
    """A file of a model; {} where it is missing or damaged: fetch_base reports that."""
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _package_mistakes(settings: Params) -> list[str]:
    if settings.train.optimizer == "adamw_8bit" and importlib.util.find_spec("bitsandbytes") is None:
        return ["train.optimizer is adamw_8bit, which needs bitsandbytes: pip install bitsandbytes, or set it to adamw"]
    return []


def _layer_mistakes(settings: Params, config: dict) -> list[str]:
    mistakes = []
    for stack in STACKS:
        wanted, present = getattr(settings.train_selective, f"{stack}_layers"), config.get(f"{stack}_layers")
        if wanted != ALL and isinstance(present, int) and wanted > present:
            mistakes.append(f"train_selective.{stack}_layers is {wanted}, but the base model has {present}")
    return mistakes


def _rank_mistakes(settings: Params, config: dict) -> list[str]:
    rank, width = settings.train_lora.rank, config.get("d_model")
    if not isinstance(width, int) or rank <= width:
        return []
    return [
        f"train_lora.rank is {rank}, but the base model's matrices are {width} wide, so that a rank over {width} adds"
        " nothing; lower it"
    ]


def _language_mistakes(language: str, generation: dict) -> list[str]:
    languages = generation.get("lang_to_id")
    if generation.get("is_multilingual") is False or not isinstance(languages, dict) or not languages:
        return []
    if f"<|{language}|>" in languages:
        return []
    names = ", ".join(sorted(name.strip("<|>") for name in languages))
    return [f"language {language!r} is unknown to the base model, which knows: {names}"]
