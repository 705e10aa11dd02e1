"""Messages for the mistakes that pydantic finds in params.yaml."""

import os
import re
from pathlib import Path

from pydantic import ValidationError


def describe(path: Path, error: ValidationError) -> str:
    """All mistakes in a parameter file, one a line."""
    mistakes = [_describe_one(item) for item in error.errors()]
    lines = [f"{path} has {len(mistakes)} mistake(s):"]
    lines += [f"  {mistake}" for mistake in mistakes]
    # True in dvc exp run in the workspace; false in dvc repro, and in the temporary folder of a queued experiment.
    if "DVC_EXP_NAME" in os.environ and Path.cwd() == Path(os.environ["DVC_ROOT"]):
        lines.append(f"What dvc exp run -S wrote stays in {path}; take it back with: git checkout {path}")
    return "\n".join(lines)


def _describe_one(item: dict) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    match item["type"]:
        case "missing":
            return f"{key}: missing; copy it, with its comment, from profiles/whisper-base.yaml"
        case "extra_forbidden":
            return f"{key}: unknown key; remove it or correct its spelling"
        case "model_type":
            return f"{key}: expected a mapping of keys to values"
        case _:
            expected = re.sub(r"^(Input should be|Value error,|String should) ", "", item["msg"])
            return f"{key}: expected {expected}, got {item['input']!r}"
