"""The page metrics/report.html: tables, figures and examples in one file that needs nothing else."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from stages.common import params
from stages.results import examples, findings
from stages.runtime import cost
from stages.scores import score_tables, scoreboard
from stages.scores.scoreboard import HEADLINE_SET, Results
from stages.wer import normalisers

TEMPLATE = Path(__file__).with_name("page.html.j2")
SLICES = ("duration", "format", "text", "speaker")  # in the order of their tables
CORPUS_HEADINGS = ("split", "clips", "hours", "speakers", "refused", "left out")


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


def shown_examples(board: Results, content: dict, settings: params.Report, normalise: normalisers.Normaliser) -> dict:
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
