"""The contents of metrics/scores.json, slices.json and cost.json as text for the terminal; rates in per cent."""

from stages.common.text_table import aligned
from stages.records.error_unit import WORDS, ErrorUnit
from stages.scores import unknown_speakers
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, by_model
from stages.scores.significance import FEWEST_SPEAKERS, LEVEL
from stages.scores.slicing import SEEN, UNSEEN

COUNTS = ("substitutions", "deletions", "insertions", "empty", "runaway", "words")
HEADINGS = ("set", "model", "WER %", "interval", "light %", "CER %", "sub", "del", "ins", "empty", "runaway", "words")
PAIRED_HEADINGS = ("set", "compared", "WER points", "interval", "p", "matched-pairs p")
COST_HEADINGS = (
    "model",
    "machine",
    "precision",
    "WER %",
    "learn %",
    "train s",
    "clips/s",
    "train MB",
    "decode s",
    "decode MB",
)


def in_unit(headings: tuple[str, ...], unit: ErrorUnit) -> tuple[str, ...]:
    """The headings of a table for what was counted; where it is characters, there is no second rate of characters."""
    if unit is WORDS:
        return headings
    names = [heading for heading in headings if heading != "CER %"]
    return tuple(name.replace(WORDS.rate, unit.rate).replace(WORDS.plural, unit.plural) for name in names)


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
            rates = [percent(figures["light"]["wer"])]
            if "cer" in figures:  # not where the headline is of characters
                rates.append(percent(figures["cer"]))
            counts = [str(figures[key]) for key in COUNTS]
            rows.append((name, model, percent(figures["wer"]), interval(figures), *rates, *counts))
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
    headings = ("age", *(f"{model} %" for model in slices), "utt", "speakers")
    return aligned([headings, *age_rows(slices)], names=1)


def age_rows(slices: dict) -> list[tuple[str, ...]]:
    """The cells of each age (name, WER of every model, utterances, speakers), and of the mean of the known ages."""
    models = [sets[HEADLINE_SET] for sets in slices.values()]
    rows = []
    for group, size in models[0]["age"].items():
        rates = [percent(block["age"][group].get("wer")) for block in models]
        rows.append((group, *rates, str(size["utterances"]), unknown_speakers.speakers_cell(size)))
    if "age_macro_wer" in models[0]:
        means = [percent(block["age_macro_wer"]) for block in models]
        rows.append(("mean of ages", *means, "", ""))
    return rows


def literature_line(content: dict, unit: ErrorUnit = WORDS) -> str:
    """The error rate that papers report after leaving out what is short or hard; never the headline."""
    models = {model: sets[HEADLINE_SET] for model, sets in by_model(content).items()}
    rates = ", ".join(f"{model} {percent(figures['literature'].get('wer'))}" for model, figures in models.items())
    first = next(iter(models.values()))
    return (
        f"Under the literature's filter, {unit.rate} %: {rates} ({first['literature']['utterances']} of "
        f"{first['utterances']} {HEADLINE_SET} utterances: 3 {unit.plural} or more, and the base at most 50 % wrong)"
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
    texts = {model: sets[name].get("text", {}) for model, sets in slices.items()}
    sizes = next(iter(texts.values()))
    if SEEN not in sizes:
        return None
    seen, total = sizes[SEEN]["utterances"], sum(block["utterances"] for block in sizes.values())
    share = f"{seen} of {total} utterances ({100 * seen / total:.1f} %) have a text that was trained on"
    if not has_unseen_words(sizes):
        return f"{share}; no unseen text is left to score"
    rates = ", ".join(f"{model} {percent(groups[UNSEEN]['wer'])}" for model, groups in texts.items())
    return f"{share}; {unit.rate} on unseen texts %: {rates}"


def has_unseen_words(groups: dict) -> bool:
    """Whether a set's slices by text, of slices.json, have an error rate on unseen texts."""
    return "wer" in groups.get(UNSEEN, {})


def cost_table(scores: dict[str, dict], costs: dict[str, dict], unit: ErrorUnit = WORDS) -> str:
    """Each model's error rate on the headline set beside what it cost; "-": not recorded, or nothing.

    Parameters
    ----------
    scores : of scores.json, without the comparisons: model -> evaluation set -> figures
    costs : the contents of cost.json
    """
    return aligned([in_unit(COST_HEADINGS, unit), *cost_rows(scores, costs)], names=2)


def cost_rows(scores: dict[str, dict], costs: dict[str, dict]) -> list[tuple[str, ...]]:
    """The cells under COST_HEADINGS, of every model."""
    rows = []
    for name, sets in scores.items():
        training, decoding = costs.get(f"train_{name}", {}), costs.get(f"transcribe_{name}", {})
        share = {"learn": 100 * training["trained_share"]} if "trained_share" in training else {}
        cells = (
            _figure(share, "learn", ".2f"),
            _figure(training, "training_seconds", ".0f"),
            _figure(training, "clips_per_second", ".1f"),
            _figure(training, "peak_memory_mb", ".0f"),
            _figure(decoding, "seconds", ".0f"),
            _figure(decoding, "peak_memory_mb", ".0f"),
        )
        machine = (training or decoding).get("machine", "-")
        rows.append((name, machine, _precision(training, decoding), percent(sets[HEADLINE_SET]["wer"]), *cells))
    return rows


def _precision(training: dict, decoding: dict) -> str:
    """The precision of training, and of decoding if that is another: "bf16", or "fp32/fp16"."""
    names = [costs.get("precision", "-") for costs in (training, decoding) if costs]
    return "/".join(dict.fromkeys(names)) or "-"


def _figure(figures: dict, key: str, form: str) -> str:
    return format(figures[key], form) if key in figures else "-"


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
