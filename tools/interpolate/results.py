"""metrics/interpolation/<model>.json: error rates by alpha, the choice, and from which inputs; numbers only."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.common.errors import UserError
from stages.common.files import folder_sha256
from stages.common.params import Params
from stages.records.error_unit import ErrorUnit
from stages.records.paths import BASE_FOLDER, METRICS, MODELS, split_folder
from stages.scores import score_files, scoreboard, unknown_speakers
from stages.scores.scoreboard import SetResults
from stages.wer.error_counts import DIGITS
from tools.interpolate import choice
from tools.interpolate.choice import Point
from tools.interpolate.options import TUNED_ALPHA, Options
from tools.interpolate.transcribing import Inputs

FOLDER = METRICS / "interpolation"
CHILDREN = "dev"
MINUS_TUNED = "chosen_minus_tuned"


def path_of(name: str) -> Path:
    """The file of a tuned model."""
    return FOLDER / f"{name}.json"


def advice(name: str) -> str:
    """What to do about the file of a model that cannot be used."""
    return f"run python -m tools.interpolate {name} again, or remove the file"


def key_of(alpha: float) -> str:
    """The key of an alpha under "alphas", such as "0.5"."""
    return str(float(alpha))


def contents(options: Options, inputs: Inputs, points: Sequence[Point], contexts: dict[float, str]) -> dict:
    """The contents of the file, with rates as shares, named "wer" in every language.

    Parameters
    ----------
    points : of all alphas, ascending
    contexts : of each alpha, what the encoder saw: "utterance" or "window"
    """
    chosen = choice.choose(points, options.trade)
    tuned = next(point for point in points if point.alpha == TUNED_ALPHA)
    alphas = {}
    for point in points:
        alphas[key_of(point.alpha)] = {
            "audio_context": contexts[point.alpha],
            "sum": round(float(choice.weighted_sum(point, options.trade)), DIGITS),
            "sets": {CHILDREN: _rates(point.children), options.adults: _rates(point.adults)},
        }
    return {
        "model": options.name,
        "adults": options.adults,
        "trade": options.trade,
        "chosen": chosen.alpha,
        "alphas": alphas,
        MINUS_TUNED: {
            CHILDREN: _difference(tuned.children, chosen.children),
            options.adults: _difference(tuned.adults, chosen.adults),
        },
        "inputs": _recorded(inputs),
    }


def _rates(results: SetResults) -> dict:
    return scoreboard.rates(results, np.arange(len(results.clips)))


def _difference(before: SetResults, after: SetResults) -> dict:
    """Rate, interval and p of a difference, with the keys that scores.json has."""
    difference = choice.difference(before, after)
    block = {"wer": round(difference.wer, DIGITS)}
    if difference.interval is not None:  # else the set has one speaker
        block["wer_low"] = round(difference.interval.low, DIGITS)
        block["wer_high"] = round(difference.interval.high, DIGITS)
        block["p"] = round(difference.p, DIGITS)
    return block | unknown_speakers.counts(before.clips)


def _recorded(inputs: Inputs) -> dict:
    """From what the figures were made. All but `tuned` are the same for models that can be compared."""
    return {
        "base": inputs.base,
        "tuned": inputs.tuned,
        "sets": {folder.name: digest for folder, digest in inputs.sets.items()},
        "language": inputs.settings.language,
        "transcribe": inputs.settings.transcribe.model_dump(),
        "precision": inputs.precision,
    }


def write(content: dict, unit: ErrorUnit) -> Path:
    """Write the file of a model, with the names of what was counted; returns its path."""
    path = path_of(content["model"])
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(score_files.named(content, unit), indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def read(name: str) -> dict | None:
    """The contents of a model's file, with rates named "wer"; None where there is no file.

    Raises
    ------
    UserError
        The file is damaged, or was made from other weights than those of models/<model> and models/base.
    """
    path = path_of(name)
    if not path.is_file():
        return None
    content, _ = score_files.read(path)
    try:
        recorded = {BASE_FOLDER: content["inputs"]["base"], MODELS[name]: content["inputs"]["tuned"]}
    except (KeyError, TypeError):
        raise UserError(f"{path} was not written by python -m tools.interpolate; {advice(name)}") from None
    for folder, digest in recorded.items():
        if folder_sha256(folder) != digest:
            raise UserError(f"{path} was made from other weights than those of {folder}; {advice(name)}")
    return content


def figures_at(name: str, alpha: float, settings: Params) -> dict[str, dict] | None:
    """A model's rates at an alpha, by set; None if they were not measured.

    Raises
    ------
    UserError
        As of `read`, or the clips are others, or the language or how it was decoded is not that of params.yaml.
    """
    content = read(name)
    if content is None or key_of(alpha) not in content["alphas"]:
        return None
    for key, value in {"language": settings.language, "transcribe": settings.transcribe.model_dump()}.items():
        if content["inputs"][key] != value:
            raise UserError(
                f"{path_of(name)} was made with another {key} than that of params.yaml; {advice(name)}, or restore the "
                "earlier params.yaml"
            )
    for set_name, digest in content["inputs"]["sets"].items():
        if folder_sha256(split_folder(set_name)) != digest:
            raise UserError(f"{path_of(name)} was made from other clips of {set_name}; {advice(name)}")
    return content["alphas"][key_of(alpha)]["sets"]


def comparable(first: dict, second: dict) -> bool:
    """Whether two files were made from the same base and sets, decoded and scored in the same way."""
    return _without_tuned(first["inputs"]) == _without_tuned(second["inputs"])


def _without_tuned(inputs: dict) -> dict:
    return {key: value for key, value in inputs.items() if key != "tuned"}
