"""The command line of python -m tools.interpolate, and what can be checked before a library is imported."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Params
from stages.records import shards
from stages.records.paths import BASE_FOLDER, EVALUATION, MODELS, TUNED, split_folder
from stages.records.strategies import STRATEGIES

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
TUNED_ALPHA = 1.0  # the tuned model itself: always decoded, because the chosen alpha is compared with it
REPORTED_SETS = ("adult", "test")  # the sets that the project's own corpora report


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    name: str  # of the tuned model
    adults: str  # the evaluation set of adults
    alphas: tuple[float, ...] = ALPHAS  # ascending, each once, with TUNED_ALPHA
    trade: float = 1.0  # how much a point of the adults' error rate counts, in points of the children's

    @property
    def children_folder(self) -> Path:
        return split_folder("dev")

    @property
    def adults_folder(self) -> Path:
        return split_folder(self.adults)


def from_command_line(description: str) -> Options:
    """Read the options, and raise UserError for those that cannot be carried out."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.interpolate",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=TUNED, help="the tuned model")
    parser.add_argument("--adults", metavar="SET", required=True, help=f"the adults: a folder in {EVALUATION}")
    parser.add_argument(
        "--alphas",
        type=float,
        nargs="+",
        default=ALPHAS,
        metavar="ALPHA",
        help="from 0 (base) to 1 (tuned model, always included); default: 0 0.25 0.5 0.75 1",
    )
    parser.add_argument(
        "--trade",
        type=float,
        default=1.0,
        help="chosen is the alpha with the lowest children + TRADE * adults; default: 1; 0: only children count",
    )
    arguments = parser.parse_args()
    options = Options(arguments.name, arguments.adults, checked_alphas(arguments.alphas), arguments.trade)
    check(options)
    return options


def checked_alphas(alphas: Sequence[float]) -> tuple[float, ...]:
    """The alphas, ascending, each once, with TUNED_ALPHA; UserError for one that is not from 0 to 1."""
    for alpha in alphas:
        if not 0 <= alpha <= 1:
            raise UserError(f"--alphas {alpha:g}: alpha is from 0 (the base) to 1 (the tuned model)")
    distinct = {alpha + 0.0 for alpha in alphas}  # -0.0 + 0.0 is 0.0
    return tuple(sorted(distinct | {TUNED_ALPHA}))


def check(options: Options) -> None:
    """Raise UserError for a trade that is no weight, and where a model or a set is missing."""
    if not (math.isfinite(options.trade) and options.trade >= 0):
        raise UserError(f"--trade {options.trade:g}: name a number from 0, such as 0.5")
    stages = {BASE_FOLDER: "fetch_base", MODELS[options.name]: STRATEGIES[options.name].stage}
    for folder, stage in stages.items():
        if not folder.is_dir():
            raise UserError(f"{folder} is missing; make it with: dvc repro {stage}, or: dvc pull {folder}")
    names = [folder.name for folder in shards.evaluation_sets()]
    if options.adults not in names:
        raise UserError(f"--adults {options.adults}: {EVALUATION} has no such set; there are: {', '.join(names)}")
    if not (options.children_folder / shards.MANIFEST).is_file():
        raise UserError(f"{options.children_folder} is missing; make it with: dvc repro preprocess, or: dvc pull")


def check_adults(options: Options, settings: Params) -> None:
    """Raise UserError if preprocess kept only the children of the set."""
    everyone_in = settings.preprocess.everyone_in
    if options.adults not in everyone_in:
        raise UserError(
            f"--adults {options.adults}: the adults of data/{options.adults} were left out, because in params.yaml, "
            f"preprocess.everyone_in ({', '.join(everyone_in)}) does not name the set; add it, and run dvc repro"
        )


def warning_of_reported_set(options: Options, settings: Params) -> str | None:
    """What follows if alpha is chosen by a set that is reported; None if there are other adults to report."""
    adult_sets = []
    for folder in shards.evaluation_sets():
        if folder.name in settings.preprocess.everyone_in:
            adult_sets.append(folder.name)
    chosen_by = f"warning: alpha is chosen by {options.adults}, whose error rate at the chosen alpha is then too low"
    if options.adults in REPORTED_SETS:
        return (
            f"{chosen_by}: do not report it. Better: put other adults in data/dev_adult, add dev_adult to "
            "preprocess.everyone_in in params.yaml, run dvc repro, and choose by --adults dev_adult"
        )
    if adult_sets == [options.adults]:
        return (
            f"{chosen_by}, and it is the only set of adults: do not report it. To report one, put other adults in "
            "data/adult, and run dvc repro"
        )
    return None
