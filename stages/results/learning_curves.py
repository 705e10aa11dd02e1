"""Read the learning curves that training writes, metrics/train_*.csv."""

import csv
from pathlib import Path

from stages.common.errors import UserError
from stages.records.strategies import STRATEGIES


def read_all(paths: dict[str, Path]) -> dict[str, list[dict[str, float]]]:
    """The learning curve of each model, a dict of numbers an evaluation; UserError where a file is not one."""
    curves = {}
    for name, path in paths.items():
        try:
            curves[name] = _read(path)
        except FileNotFoundError:
            raise UserError(f"{path} is missing; make it with: dvc repro {STRATEGIES[name].stage}") from None
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is no learning curve ({error}); restore it with git or train again") from None
    return curves


def _read(path: Path) -> list[dict[str, float]]:
    evaluations = []
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            evaluations.append({key: float(value) for key, value in row.items()})
    return evaluations
