"""The results as Markdown, fit for a pull request or a model card: metrics/summary.md."""

from collections.abc import Sequence

from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.paths import BASE
from stages.records.strategies import STRATEGIES
from stages.scores import unknown_speakers
from stages.scores.score_tables import age_rows, in_unit, interval, percent, seen_texts_sentence
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, by_model
from stages.scores.significance import FEWEST_SPEAKERS, LEVEL

HIGHEST_P = round(1 - LEVEL / 100, 4)  # of a difference that is shown
NAMES = {BASE: "the base"} | {name: strategy.label for name, strategy in STRATEGIES.items()}


def markdown(content: dict, slices: dict, unit: ErrorUnit = WORDS) -> str:
    """What was measured, and which differences are shown.

    Parameters
    ----------
    content : of scores.json, all models
    slices : the contents of slices.json
    unit : what was counted
    """
    scores = by_model(content)
    parts = [f"# {unit.rate_in_full.capitalize()}s"]
    for name, size in scores["base"].items():
        blocks = {model: sets[name] for model, sets in scores.items()}
        parts.append(f"## {name}: {size['utterances']} utterances, {unknown_speakers.speakers_text(size)}")
        parts.append(_rates(blocks, unit))
        for sentence in unknown_speakers.sentences(size):
            parts.append(f"**{sentence}**")
        comparisons = []
        for label, difference in content[PAIRED][name].items():
            comparisons.append(f"- {comparison(label, difference, unit)}")
        parts.append("\n".join(comparisons))
        if sentence := seen_texts_sentence(slices, name, unit):
            parts.append(f"{sentence}.")
        if size["speakers"] == 1:
            parts.append("*Only one speaker: there are no intervals over speakers.*")
        elif size["speakers"] < FEWEST_SPEAKERS:
            parts.append(f"*Too few speakers: with fewer than {FEWEST_SPEAKERS}, the intervals are too narrow.*")
    parts += [f"## By age, on {HEADLINE_SET}", _ages(slices, unit)]
    parts.append(
        f"{unit.rate}: (substitutions + deletions + insertions) / reference {unit.plural} over all utterances, after "
        "Whisper's normaliser; light: lower case and no punctuation only. Intervals: 95 %, bootstrap over speakers"
        f"{unknown_speakers.caption(scores['base'])}."
    )
    return "\n\n".join(parts) + "\n"


def _rates(blocks: dict[str, dict], unit: ErrorUnit) -> str:
    rows = []
    for name, block in blocks.items():
        cells = [name, f"**{percent(block['wer'])}**", interval(block), percent(block["light"]["wer"])]
        if "cer" in block:  # not where the headline is of characters
            cells.append(percent(block["cer"]))
        cells.append(percent(block["literature"].get("wer")))
        rows.append(cells)
    headings = ("model", "WER %", "interval", "light %", "CER %", "literature's filter, WER %")
    return _table(in_unit(headings, unit), rows)


def comparison(label: str, difference: dict, unit: ErrorUnit = WORDS) -> str:
    """A sentence on two models: the difference, and whether chance explains it.

    Parameters
    ----------
    label, difference : a comparison in scores.json, such as "lora_minus_base"
    """
    second_model, first_model = label.split("_minus_")
    second, first = NAMES[second_model], NAMES[first_model]
    points = 100 * abs(difference["wer"])
    direction = "lower" if difference["wer"] < 0 else "higher"
    change = f"{points:.2f} points {direction} than with {first}" if points else f"the same as with {first}"
    if "p" not in difference:
        return f"With {second}, {unit.rate} is {change}: one speaker cannot show a difference."
    verdict = "a difference is shown" if is_shown(difference) else "no difference is shown"
    certainty = f"{interval(difference, '+')}; p = {difference['p']:.4f}"
    return f"With {second}, {unit.rate} is {change} ({certainty}): {verdict}."


def is_shown(difference: dict) -> bool:
    """Whether a comparison in scores.json shows a difference: its interval excludes 0, and p is at most HIGHEST_P.

    A few speakers can have such an interval and a larger p. A single speaker has neither.
    """
    if "p" not in difference:
        return False
    excludes_0 = difference["wer_low"] > 0 or difference["wer_high"] < 0
    return excludes_0 and difference["p"] <= HIGHEST_P


def about_speakers(figures: dict) -> list[str]:
    """What a reader of a set's comparisons has to know about its speakers: too few, or unknown.

    Parameters
    ----------
    figures : of the set, in scores.json
    """
    sentences = []
    if 1 < figures["speakers"] < FEWEST_SPEAKERS:  # of one speaker, there are no intervals
        speakers = unknown_speakers.speakers_text(figures)
        sentences.append(f"With only {speakers}, these intervals are too narrow: read them as hints.")
    return [*sentences, *unknown_speakers.sentences(figures)]


def _ages(slices: dict, unit: ErrorUnit) -> str:
    rows = []
    for group, *cells, _speakers in age_rows(slices):
        rows.append((f"{group} years" if group[0].isdigit() else group, *cells))
    return _table(("age", *(f"{name}, {unit.rate} %" for name in slices), "utterances"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    alignments = ["---"] + ["--:"] * (len(header) - 1)
    lines = []
    for cells in (header, alignments, *rows):
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
