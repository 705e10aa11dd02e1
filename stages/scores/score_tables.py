"""The contents of metrics/scores.json, slices.json and cost.json as text for the terminal; rates in per cent."""

from stages.common.text_table import aligned
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, SEEN, UNSEEN, by_model, by_set
from stages.scores.significance import FEWEST_SPEAKERS, LEVEL

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


def score_table(content: dict) -> str:
    """One row a set and model; how many clips and speakers a set has, and what that means, below."""
    return "\n".join([aligned([HEADINGS, *score_rows(content)], names=2), "", *set_sizes(content)])


def score_rows(content: dict) -> list[tuple[str, ...]]:
    """Of every evaluation set and model, the cells under HEADINGS."""
    scores, rows = by_model(content), []
    for name in by_set(next(iter(scores.values()))):
        for label, block in scores.items():
            figures = by_set(block)[name]
            counts = ("substitutions", "deletions", "insertions", "empty", "runaway", "words")
            rates = percent(figures["light"]["wer"]), percent(figures["cer"])
            cells = percent(figures["wer"]), interval(figures), *rates
            rows.append((name, label, *cells, *(str(figures[key]) for key in counts)))
    return rows


def set_sizes(content: dict) -> list[str]:
    """A line an evaluation set: utterances and speakers, and whether the latter are too few."""
    sets = by_set(next(iter(by_model(content).values())))
    return [
        f"{name}: {size['utterances']} utterances, {size['speakers']} speakers{_warning(size['speakers'])}"
        for name, size in sets.items()
    ]


def paired_table(content: dict) -> str:
    """Every model against every earlier one, on the same utterances; negative is better."""
    return aligned([PAIRED_HEADINGS, *paired_rows(content)], names=2)


def paired_rows(content: dict) -> list[tuple[str, ...]]:
    """Of every evaluation set and two models, the cells under PAIRED_HEADINGS."""
    rows = []
    for name, comparisons in content[PAIRED].items():
        for label, found in comparisons.items():
            cells = f"{100 * found['wer']:+.2f}", interval(found, "+"), _p(found["p"]), _p(found["matched_pairs_p"])
            rows.append((name, label.replace("_minus_", " - "), *cells))
    return rows


def age_table(slices: dict) -> str:
    """WER by age on the headline set, one column a model."""
    return aligned([("age", *(f"{name} %" for name in slices), "utt", "speakers"), *age_rows(slices)], names=1)


def age_rows(slices: dict) -> list[tuple[str, ...]]:
    """Of each age, and of their mean where one is known: its name, WER of every model, utterances, speakers."""
    of_set = [sets[HEADLINE_SET] for sets in slices.values()]
    rows = []
    for group, size in of_set[0]["age"].items():
        cells = [percent(block["age"][group].get("wer")) for block in of_set]
        rows.append((group, *cells, str(size["utterances"]), str(size["speakers"])))
    if "age_macro_wer" in of_set[0]:
        rows.append(("mean of ages", *(percent(block["age_macro_wer"]) for block in of_set), "", ""))
    return rows


def literature_line(content: dict) -> str:
    """The score that papers report after leaving out what is short or hard; never the headline."""
    blocks = {name: block["literature"] for name, block in content.items() if "literature" in block}
    told = ", ".join(f"{name} {percent(block.get('wer'))}" for name, block in blocks.items())
    kept, all_of = next(iter(blocks.values()))["utterances"], next(iter(content.values()))["utterances"]
    return (
        f"Under the literature's filter, WER %: {told} ({kept} of {all_of} {HEADLINE_SET} utterances: "
        "3 words or more, and the base at most 50 % wrong)"
    )


def seen_texts_lines(slices: dict) -> list[str]:
    """A line for each evaluation set with texts that were trained on."""
    sentences = {name: seen_texts_sentence(slices, name) for name in next(iter(slices.values()))}
    return [f"{name}: {sentence}" for name, sentence in sentences.items() if sentence]


def seen_texts_sentence(slices: dict, name: str) -> str | None:
    """How much of an evaluation set has a text that was trained on, and every model's WER on the rest.

    None where there is no such text, and where slices.json was written without these slices.
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
    return f"{share}; WER on unseen texts %: {rates}"


def has_unseen_words(groups: dict) -> bool:
    """Whether a set's slices by text, of slices.json, have a WER on unseen texts."""
    return "wer" in groups.get(UNSEEN, {})


def cost_table(scores: dict[str, dict], costs: dict[str, dict]) -> str:
    """Each model's WER on the headline set beside what it cost; "-": not recorded, or nothing.

    Parameters
    ----------
    scores : the models' blocks of scores.json
    costs : the contents of cost.json
    """
    return aligned([COST_HEADINGS, *cost_rows(scores, costs)], names=2)


def cost_rows(scores: dict[str, dict], costs: dict[str, dict]) -> list[tuple[str, ...]]:
    """Of every model, the cells under COST_HEADINGS."""
    rows = []
    for name, figures in scores.items():
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
        rows.append((name, machine, _precision(training, decoding), f"{100 * figures['wer']:.2f}", *cells))
    return rows


def _precision(training: dict, decoding: dict) -> str:
    """What was computed in: of training, then of decoding where that is another."""
    return "/".join(dict.fromkeys(found.get("precision", "-") for found in (training, decoding) if found)) or "-"


def _figure(figures: dict, key: str, form: str) -> str:
    return format(figures[key], form) if key in figures else "-"


def percent(rate: float | None) -> str:
    """A share in per cent; "-" where there is none."""
    return "-" if rate is None else f"{100 * rate:.2f}"


def interval(figures: dict, sign: str = "") -> str:
    """The interval of a rate or, with sign "+", of a difference, in per cent; "-" where there is none."""
    if "wer_low" not in figures:
        return "-"
    low, high = (format(100 * figures[key], f"{sign}.2f") for key in ("wer_low", "wer_high"))
    return f"{low} to {high}"


def _p(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def _warning(speakers: int) -> str:
    if speakers >= FEWEST_SPEAKERS:
        return ""
    return f" (too few speakers: with fewer than {FEWEST_SPEAKERS}, the {LEVEL:g} % intervals are too narrow)"
