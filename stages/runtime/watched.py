"""Whether DVC hashes a local model that params.yaml names: a change in it would otherwise rerun no stage."""

from pathlib import Path

import yaml

from stages.common.errors import UserError

PIPELINE = Path("dvc.yaml")


def check(source: Path, stage: str, key: str) -> None:
    """Raise UserError if a folder is in none of the deps of a stage.

    Parameters
    ----------
    key : of params.yaml that names the folder
    """
    watched = yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"][stage]["deps"]
    if not any(source.resolve().is_relative_to(Path(dep).resolve()) for dep in watched):
        raise UserError(
            f"{key} {str(source)!r} is not watched by DVC; add the line '- {source}' to the deps of {stage} in "
            f"{PIPELINE}, so that a change in it is noticed"
        )
