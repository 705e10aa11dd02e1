"""Show the results: python -m stages.report

Reads metrics/, processed_data/ and params.yaml; writes metrics/report.html, one page that needs nothing else, and the
figures in it as PNG (metrics/figures/). Decodes and scores nothing.
"""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from stages import (
    cost,
    examples,
    figures,
    findings,
    model,
    params,
    score_tables,
    scoreboard,
    scoring,
)
from stages.errors import UserError, told_plainly
from stages.scoreboard import HEADLINE_SET, SLICES_FILE, WER_FILE, Board
from stages.summary import NAMES

REPORT = Path("metrics/report.html")
CORPUS_FILE = Path("metrics/corpus.json")
TEMPLATE = Path(__file__).with_name("report.html.j2")
CURVES = {name: Path(f"metrics/train_{name}.csv") for name in findings.TUNED}
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "jiwer", "dvc")
CODE = ("stages", "params.yaml", "dvc.yaml")  # whose uncommitted changes are worth a word
SLICES = ("duration", "format", "text", "speaker")  # in the order of their tables
CORPUS_HEADINGS = ("split", "clips", "hours", "speakers", "refused", "left out")


@told_plainly
def main() -> None:
    settings = params.load()
    content, slices, corpus = map(read_json, (WER_FILE, SLICES_FILE, CORPUS_FILE))
    rules = scoring.normalisers(model.load_processor(model.BASE_FOLDER).tokenizer, settings.language)
    board = scoreboard.read_board(rules["whisper"])
    drawn = figures.draw_all(content, slices, figures.read_curves(CURVES), board)
    figures.FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        (figures.FOLDER / f"{name}.png").write_bytes(figures.png(figure))
    page = render(
        **tables(content, slices, corpus),
        **shown_examples(board, content, settings.report, rules["whisper"]),
        findings=findings.findings(content, slices, cost.known()),
        figures={name: figures.svg(figure) for name, figure in drawn.items()},
        best=NAMES[findings.best(content)],
        commit=commit(),
        versions=versions(),
        parameters=yaml.safe_dump(settings.model_dump(exclude={"runtime"}), sort_keys=False),  # runtime decides nothing
    )
    REPORT.write_text(page, encoding="utf-8")
    print(f"{REPORT}: {len(page) / 1e6:.1f} MB")


def read_json(path: Path) -> dict:
    """A metrics file; UserError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make it with dvc repro, or fetch it with dvc pull") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); restore it with git, or run dvc repro") from None


def render(**values) -> str:
    """The page. Whatever stands in a value is text, never markup; figures are ours."""
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(TEMPLATE.name).render(**values) + "\n"


def tables(content: dict, slices: dict, corpus: dict) -> dict:
    """The page's tables, the same figures as on the terminal."""
    scores = scoreboard.by_model(content)
    return {
        "sizes": score_tables.set_sizes(content),
        "score_headings": score_tables.HEADINGS,
        "score_rows": score_tables.score_rows(content),
        "literature": score_tables.literature_line(content),
        "paired_headings": score_tables.PAIRED_HEADINGS,
        "paired_rows": score_tables.paired_rows(content),
        "cost_headings": score_tables.COST_HEADINGS,
        "cost_rows": score_tables.cost_rows(scores, cost.known()),
        "age_headings": ("age", *(f"{name} %" for name in slices), "utterances", "speakers"),
        "age_rows": score_tables.age_rows(slices),
        "slices": [slice_table(slices, name) for name in SLICES if name in slices["base"][HEADLINE_SET]],
        "corpus_headings": CORPUS_HEADINGS,
        "corpus_rows": [corpus_row(split, card) for split, card in corpus.items()],
    }


def slice_table(slices: dict, name: str) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """What the headline set is cut by, and the headings and rows of its table."""
    cut = {label: sets[HEADLINE_SET][name] for label, sets in slices.items()}
    rows = []
    for group, size in next(iter(cut.values())).items():
        rates = (score_tables.percent(groups[group].get("wer")) for groups in cut.values())
        rows.append((group, *rates, str(size["utterances"]), str(size["words"])))
    return name, (name, *(f"{label} %" for label in cut), "utterances", "words"), rows


def corpus_row(split: str, card: dict) -> tuple[str, ...]:
    """The cells under CORPUS_HEADINGS of a split of corpus.json."""
    counts = (card["speakers"], sum(card["refused"].values()), card["left_out"])
    return (split, str(card["clips"]), f"{card['hours']:.2f}", *map(str, counts))


def shown_examples(board: Board, content: dict, settings: params.Report, normalise: scoring.Normaliser) -> dict:
    """The utterances where the best model fails most, and where it gained most over the base."""
    errors = {name: sets[HEADLINE_SET].errors.errors for name, sets in board.items()}
    name = findings.best(content)
    chosen = {
        "worst": examples.worst(errors[name], settings.examples),
        "improved": examples.most_improved(errors["base"], errors[name], settings.examples),
    }
    shown = {
        kind: list(tqdm(examples.examples(board, rows, normalise, settings.audio), desc=kind, total=len(rows)))
        for kind, rows in chosen.items()
    }
    return shown | {"sound": settings.audio}


def commit() -> str:
    """What of the code this is, in a sentence."""
    asked = {"cwd": TEMPLATE.parent.parent, "capture_output": True, "text": True, "check": False}
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], **asked)
        changed = subprocess.run(["git", "status", "--porcelain", "--", *CODE], **asked)
    except FileNotFoundError:
        return "Of no known commit: git is not installed."
    if head.returncode:
        return "Of no known commit: this is no git repository."
    with_changes = f", with uncommitted changes to {' or '.join(CODE)}" if changed.stdout else ""
    return f"Commit {head.stdout.strip()}{with_changes}."


def versions() -> list[tuple[str, str]]:
    """Of Python and the libraries that the figures may depend on, on the machine that makes the page."""
    return [("Python", platform.python_version()), *((name, importlib.metadata.version(name)) for name in LIBRARIES)]


if __name__ == "__main__":
    main()
