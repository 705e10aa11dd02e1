"""The command line of python -m tools.export, and what can be checked before a library is imported."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import UserError
from stages.records.paths import MODELS, TUNED
from stages.records.strategies import STRATEGIES

EXPORTS = Path("exports")
PARTS = {"transformers", "adapter", "ctranslate2", "README.md"}  # of an export
CLIPS = 20
EXACT = "float32"
QUANTIZATIONS = (EXACT, "float16", "bfloat16", "int16", "int8", "int8_float32", "int8_float16", "int8_bfloat16")


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    name: str  # of the model
    output: Path
    clips: int = CLIPS  # number of clips to compare
    quantization: str | None = None  # of the weights of ctranslate2/; None: it is not written
    hub_id: str | None = None
    private: bool = True
    license: str | None = None
    alpha: float = 1.0  # weights between those of the base (0) and the tuned model's (1)


def from_command_line(description: str) -> Options:
    """Read the options, and raise UserError for those that cannot be carried out."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.export", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=TUNED, help="the model to export")
    parser.add_argument(
        "--output", type=Path, help="folder; default: exports/<model>, or exports/<model>-alpha-<alpha>"
    )
    parser.add_argument(
        "--alpha", type=float, default=1.0, help="base + alpha (tuned - base), see tools.interpolate; default: 1"
    )
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"test clips to compare; default: {CLIPS}")
    parser.add_argument("--ctranslate2", action="store_true", help="also write ctranslate2/")
    parser.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        default=EXACT,
        help="of the weights of ctranslate2/; default: float32; with others, WER may differ by one point",
    )
    parser.add_argument("--license", help="for the card, as named on the hub, such as cc-by-nc-4.0; you choose it")
    parser.add_argument("--push-to-hub", metavar="ID", help="upload it to YOU/NAME; first log in: hf auth login")
    visibility = parser.add_mutually_exclusive_group()
    visibility.add_argument("--private", action="store_true", default=True, help="only you see it on the hub (default)")
    visibility.add_argument("--public", dest="private", action="store_false", help="everyone sees it on the hub")
    arguments = parser.parse_args()
    if arguments.clips < 1:
        raise UserError(f"--clips {arguments.clips}: at least one clip must be decoded")
    if not 0 < arguments.alpha <= 1:
        raise UserError(f"--alpha {arguments.alpha:g}: name a number above 0 (0 is models/base itself) and up to 1")
    options = Options(
        name=arguments.name,
        output=arguments.output or EXPORTS / label(arguments.name, arguments.alpha),
        clips=arguments.clips,
        quantization=arguments.quantization if arguments.ctranslate2 else None,
        hub_id=arguments.push_to_hub,
        private=arguments.private,
        license=arguments.license,
        alpha=arguments.alpha,
    )
    check(options)
    return options


def label(name: str, alpha: float) -> str:
    """How an export is called: lora or, at another alpha than 1, lora-alpha-0.75."""
    return name if alpha == 1 else f"{name}-alpha-{alpha}"


def check(options: Options) -> None:
    """Raise UserError where the model is missing, or the output cannot be written."""
    folder, stage = MODELS[options.name], STRATEGIES[options.name].stage
    if not folder.is_dir():
        raise UserError(f"{folder} is missing; make it with: dvc repro {stage}, or: dvc pull {folder}")
    parent = options.output.parent
    if not parent.is_dir() and (parent.exists() or parent != EXPORTS):
        raise UserError(f"--output {options.output}: there is no folder {parent}")
    if options.output.exists() and not is_export(options.output):
        raise UserError(f"--output {options.output} exists and is not an export; choose another, or remove it")


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export and nothing else, so that a new one may replace it."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return "README.md" in names and names <= PARTS
