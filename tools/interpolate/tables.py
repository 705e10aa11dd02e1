"""What the tool prints: error rates by alpha, the chosen one, and whether it is shown to be better."""

from stages.common.text_table import aligned
from stages.records.error_unit import ErrorUnit
from stages.results import summary
from stages.scores import score_tables
from stages.scores.score_tables import percent
from tools.interpolate import results
from tools.interpolate.options import TUNED_ALPHA


def text_of(content: dict, unit: ErrorUnit) -> str:
    """The table and the sentences below it, of the contents of metrics/interpolation/<model>.json."""
    lines = [alpha_table(content, unit), ""]
    sets = next(iter(content["alphas"].values()))["sets"]
    lines += score_tables.set_sizes({content["model"]: sets})
    lines += score_tables.unknown_speakers_notes({content["model"]: sets})
    lines += ["", *choice_lines(content, unit)]
    return "\n".join(lines)


def alpha_table(content: dict, unit: ErrorUnit) -> str:
    """A row per alpha; rates in per cent."""
    adults = content["adults"]
    weighted_sum = f"dev + {content['trade']:g} * {adults}"
    rows = [("alpha", "encoder sees", f"dev {unit.rate} %", f"{adults} {unit.rate} %", weighted_sum, "")]
    for alpha, figures in content["alphas"].items():
        mark = "chosen" if float(alpha) == content["chosen"] else ""
        rates = [percent(figures["sets"][name]["wer"]) for name in (results.CHILDREN, adults)]
        rows.append((f"{float(alpha):g}", figures["audio_context"], *rates, percent(figures["sum"]), mark))
    return aligned(rows, names=2)


def choice_lines(content: dict, unit: ErrorUnit) -> list[str]:
    """The chosen alpha and, on each set, its difference from the tuned model with the interval over speakers."""
    chosen = content["chosen"]
    if chosen == TUNED_ALPHA:
        return ["chosen: alpha 1, the tuned model itself"]
    lines = [f"chosen: alpha {chosen:g}; against alpha 1, the tuned model itself:"]
    for name, figures in content[results.MINUS_TUNED].items():
        lines.append(f"{name}: {100 * figures['wer']:+.2f} points of {unit.rate}, {_verdict(figures)}")
    lines.append("These utterances chose alpha, so they flatter it: score the exported model on others.")
    return lines


def _verdict(figures: dict) -> str:
    if "wer_low" not in figures:
        return "of one speaker: whether this is chance cannot be said"
    if not summary.is_shown(figures):
        shown = "a difference is not shown"
    elif figures["wer"] < 0:
        shown = "fewer errors"
    else:
        shown = "more errors"
    return f"{score_tables.interval(figures, '+')}: {shown}"
