"""The contents of metrics/scores.json and slices.json as text for the terminal; rates in per cent."""

from collections.abc import Iterable

from stages.common.text_table import aligned
from stages.records.error_unit import WORDS, ErrorUnit
from stages.scores import unknown_speakers
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, by_model
from stages.scores.significance import FEWEST_SPEAKERS, LEVEL
from stages.scores.slicing import SEEN, UNSEEN

COUNTS = ("substitutions", "deletions", "insertions", "empty", "runaway", "words")
HEADINGS = ("set", "model", "WER %", "interval", "light %", "CER %", "sub", "del", "ins", "empty", "runaway", "words")
PAIRED_HEADINGS = ("set", "compared", "WER points", "interval", "p", "matched-pairs p")


def in_unit(headings: tuple[str, ...], unit: ErrorUnit) -> tuple[str, ...]:
    """The headings of a table for what was counted; where it is characters, there is no second rate of characters."""
    if unit is WORDS:
        return headings
    names = []
    for heading in headings:
        if heading != "CER %":
            names.append(heading.replace(WORDS.rate, unit.rate).replace(WORDS.plural, unit.plural))
    return tuple(names)


def model_headings(models: Iterable[str]) -> list[str]:
    """The headings of a table's columns of error rates, one per model."""
    return [f"{model} %" for model in models]


def score_table(content: dict, unit: ErrorUnit = WORDS) -> str:
    """A row per set and model; below them, how many utterances and speakers each set has, and if these are unknown.

    Parameters
    ----------
    content : of scores.json
    unit : what was counted
    """
    rows = [in_unit(HEADINGS, unit), *score_rows(content)]
    return "\n".join([aligned(rows, names=2), "", *set_sizes(content), *unknown_speakers_notes(content)])


def score_rows(content: dict) -> list[tuple[str, ...]]:
    """The cells under HEADINGS, of every evaluation set and model."""
    scores = by_model(content)
    rows = []
    for name in next(iter(scores.values())):
        for model, sets in scores.items():
            figures = sets[name]
            cells = [name, model, percent(figures["wer"]), interval(figures), percent(figures["light"]["wer"])]
            if "cer" in figures:  # not where the headline is of characters
                cells.append(percent(figures["cer"]))
            for key in COUNTS:
                cells.append(str(figures[key]))
            rows.append(tuple(cells))
    return rows


def set_sizes(content: dict) -> list[str]:
    """A line per evaluation set: utterances and speakers, and whether the latter are too few."""
    sets = next(iter(by_model(content).values()))
    lines = []
    for name, figures in sets.items():
        speakers = unknown_speakers.speakers_text(figures)
        lines.append(f"{name}: {figures['utterances']} utterances, {speakers}{_warning(figures['speakers'])}")
    return lines


def unknown_speakers_notes(content: dict) -> list[str]:
    """Which evaluation sets have unknown speakers, and what follows for their intervals; none if all are known."""
    return unknown_speakers.notes(next(iter(by_model(content).values())))


def paired_table(content: dict, unit: ErrorUnit = WORDS) -> str:
    """Every model against every earlier one, on the same utterances; negative is better."""
    return aligned([in_unit(PAIRED_HEADINGS, unit), *paired_rows(content)], names=2)


def paired_rows(content: dict) -> list[tuple[str, ...]]:
    """The cells under PAIRED_HEADINGS, of every evaluation set and pair of models."""
    rows = []
    for name, comparisons in content[PAIRED].items():
        for label, difference in comparisons.items():
            compared = label.replace("_minus_", " - ")
            points = f"{100 * difference['wer']:+.2f}"
            p, matched_pairs_p = _p(difference.get("p")), _p(difference["matched_pairs_p"])
            rows.append((name, compared, points, interval(difference, "+"), p, matched_pairs_p))
    return rows


def age_table(slices: dict) -> str:
    """WER by age on the headline set, a column per model.

    Parameters
    ----------
    slices : the contents of slices.json
    """
    headings = ("age", *model_headings(slices), "utt", "speakers")
    return aligned([headings, *age_rows(slices)], names=1)


def age_rows(slices: dict) -> list[tuple[str, ...]]:
    """The cells of each age (name, WER of every model, utterances, speakers), and of the mean of the known ages."""
    blocks = [sets[HEADLINE_SET] for sets in slices.values()]
    first = blocks[0]
    rows = []
    for group, size in first["age"].items():
        cells = [group]
        for block in blocks:
            cells.append(percent(block["age"][group].get("wer")))
        rows.append((*cells, str(size["utterances"]), unknown_speakers.speakers_cell(size)))
    if "age_macro_wer" in first:
        cells = ["mean of ages"]
        for block in blocks:
            cells.append(percent(block["age_macro_wer"]))
        rows.append((*cells, "", ""))
    return rows


def literature_line(content: dict, unit: ErrorUnit = WORDS) -> str:
    """The error rate that papers report after leaving out what is short or hard; never the headline."""
    scores = by_model(content)
    rates = []
    for model, sets in scores.items():
        rates.append(f"{model} {percent(sets[HEADLINE_SET]['literature'].get('wer'))}")
    size = next(iter(scores.values()))[HEADLINE_SET]  # the same of every model
    return (
        f"Under the literature's filter, {unit.rate} %: {', '.join(rates)} ({size['literature']['utterances']} of "
        f"{size['utterances']} {HEADLINE_SET} utterances: 3 {unit.plural} or more, and the base at most 50 % wrong)"
    )


def seen_texts_lines(slices: dict, unit: ErrorUnit = WORDS) -> list[str]:
    """A line for each evaluation set with texts that were trained on."""
    lines = []
    for name in next(iter(slices.values())):
        if sentence := seen_texts_sentence(slices, name, unit):
            lines.append(f"{name}: {sentence}")
    return lines


def seen_texts_sentence(slices: dict, name: str, unit: ErrorUnit = WORDS) -> str | None:
    """The share of an evaluation set's utterances whose text was trained on, and each model's error rate on the others.

    None if there is no such text, or if slices.json was written without slices by text.
    """
    sizes = next(iter(slices.values()))[name].get("text", {})
    if SEEN not in sizes:
        return None
    seen = sizes[SEEN]["utterances"]
    total = sum(block["utterances"] for block in sizes.values())
    share = f"{seen} of {total} utterances ({100 * seen / total:.1f} %) have a text that was trained on"
    if not has_unseen_words(sizes):
        return f"{share}; no unseen text is left to score"
    rates = []
    for model, sets in slices.items():
        rates.append(f"{model} {percent(sets[name]['text'][UNSEEN]['wer'])}")
    return f"{share}; {unit.rate} on unseen texts %: {', '.join(rates)}"


def has_unseen_words(groups: dict) -> bool:
    """Whether a set's slices by text, of slices.json, have an error rate on unseen texts."""
    return "wer" in groups.get(UNSEEN, {})


def percent(rate: float | None) -> str:
    """A share in per cent, 0.1234 as "12.34"; "-" for None."""
    return "-" if rate is None else f"{100 * rate:.2f}"


def interval(figures: dict, sign: str = "") -> str:
    """The interval of a rate or, with sign "+", of a difference, in per cent; "-" where there is none.

    Where speakers are unknown, it says what the interval is over.
    """
    if "wer_low" not in figures:
        return "-"
    low, high = 100 * figures["wer_low"], 100 * figures["wer_high"]
    return f"{low:{sign}.2f} to {high:{sign}.2f}{unknown_speakers.resampled(figures)}"


def _p(p: float | None) -> str:
    """A p in four digits; "-" for None: the set has one speaker."""
    if p is None:
        return "-"
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def _warning(speakers: int) -> str:
    if speakers >= FEWEST_SPEAKERS:
        return ""
    if speakers == 1:
        return " (too few speakers: with one, there are no intervals over speakers)"
    return f" (too few speakers: with fewer than {FEWEST_SPEAKERS}, the {LEVEL:g} % intervals are too narrow)"
