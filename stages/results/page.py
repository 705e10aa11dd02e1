"""The page metrics/report.html: tables, figures and examples in one file that needs nothing else."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from stages.common import params
from stages.records.error_unit import WORDS, ErrorUnit
from stages.results import examples, figures, findings
from stages.runtime import cost
from stages.scores import cost_tables, score_tables, scoreboard, unknown_speakers
from stages.scores.scoreboard import HEADLINE_SET, Results
from stages.wer import normalisers

TEMPLATE = Path(__file__).with_name("page.html.j2")
SLICES = ("duration", "format", "text", "speaker")  # in the order of their tables
CORPUS_HEADINGS = ("split", "clips", "hours", "speakers", "refused", "left out")


def render(**values) -> str:
    """Fill the template. Every value but the figures is text and is escaped, so no markup comes in with it."""
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined)
    colours = {"colours": figures.COLOURS, "dark_colours": figures.DARK_COLOURS}
    return environment.get_template(TEMPLATE.name).render(**colours, **values) + "\n"


def tables(content: dict, slices: dict, corpus: dict, unit: ErrorUnit = WORDS) -> dict:
    """The page's tables: the same numbers as on the terminal.

    Parameters
    ----------
    content, slices, corpus : of scores.json, slices.json and corpus.json
    unit : what was counted
    """
    scores = scoreboard.by_model(content)
    return {
        "sizes": score_tables.set_sizes(content),
        **speaker_notes(scores["base"], corpus),
        "score_headings": score_tables.in_unit(score_tables.HEADINGS, unit),
        "score_rows": score_tables.score_rows(content),
        "literature": score_tables.literature_line(content, unit),
        "paired_headings": score_tables.in_unit(score_tables.PAIRED_HEADINGS, unit),
        "paired_rows": score_tables.paired_rows(content),
        "cost_headings": score_tables.in_unit(cost_tables.COST_HEADINGS, unit),
        "cost_rows": cost_tables.cost_rows(scores, cost.known()),
        "age_headings": ("age", *score_tables.model_headings(slices), "utterances", "speakers"),
        "age_rows": score_tables.age_rows(slices),
        "slices": [slice_table(slices, name, unit) for name in SLICES if name in slices["base"][HEADLINE_SET]],
        "corpus_headings": CORPUS_HEADINGS,
        "corpus_rows": [corpus_row(split, card) for split, card in corpus.items()],
    }


def speaker_notes(sets: dict[str, dict], corpus: dict) -> dict:
    """What the page says about unknown speakers; nothing if all are known.

    Parameters
    ----------
    sets : one model's figures of scores.json, by evaluation set
    corpus : the contents of corpus.json
    """
    headline = {HEADLINE_SET: sets[HEADLINE_SET]}
    return {
        "unknown_speakers": unknown_speakers.notes(sets),
        "unknown_on_headline_set": unknown_speakers.notes(headline),
        "over": unknown_speakers.caption(sets),
        "over_on_headline_set": unknown_speakers.caption(headline),
        "unknown_in_corpus": unknown_speakers.splits_sentence(corpus),
    }


def slice_table(slices: dict, name: str, unit: ErrorUnit) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """Name, headings and rows of the table of one slicing of the headline set.

    Parameters
    ----------
    slices : the contents of slices.json
    name : what the set is sliced by, such as "speaker"
    """
    by_model = {model: sets[HEADLINE_SET][name] for model, sets in slices.items()}
    headings = (name, *score_tables.model_headings(by_model), "utterances", unit.plural)
    rows = []
    for group, size in by_model["base"].items():
        is_recording = name == "speaker" and unknown_speakers.UNKNOWN in size
        cells = [f"{group} (recording)" if is_recording else group]
        for groups in by_model.values():
            cells.append(score_tables.percent(groups[group].get("wer")))
        rows.append((*cells, str(size["utterances"]), str(size["words"])))
    return name, headings, rows


def corpus_row(split: str, card: dict) -> tuple[str, ...]:
    """The cells under CORPUS_HEADINGS of a split of corpus.json."""
    hours = f"{card['hours']:.2f}"
    speakers = unknown_speakers.card_cell(card)
    return split, str(card["clips"]), hours, speakers, str(card["refused"]), str(card["left_out"])


def pseudo_labels_sentence(figures: dict) -> str:
    """What the models learnt from recordings without transcripts; "" where that is nothing.

    Parameters
    ----------
    figures : the contents of labels.json
    """
    if not figures["kept_stretches"]:
        return ""
    return (
        f"Besides, {figures['kept_stretches']} stretches ({figures['kept_hours']:.2f} h) of recordings without a "
        f"transcript were labelled by a model: {figures['kept_share']:.0%} of the speech in "
        f"{figures['heard_hours']:.2f} h. The tuned models learnt from them, too."
    )


def shown_examples(board: Results, content: dict, settings: params.Report, normalise: normalisers.Normaliser) -> dict:
    """The utterances where the best model fails most, and those where it gained most over the base."""
    name = findings.best(content)
    before = board["base"][HEADLINE_SET].errors.errors
    after = board[name][HEADLINE_SET].errors.errors
    worst = examples.worst(after, settings.examples)
    improved = examples.most_improved(before, after, settings.examples)
    contents = {"sound": settings.audio}
    for kind, places in (("worst", worst), ("improved", improved)):
        utterances = examples.examples(board, places, normalise, settings.audio)
        contents[kind] = list(tqdm(utterances, desc=f"report, {kind} utterances", total=len(places)))
    return contents
