"""What each model cost (metrics/cost.json) beside its error rate in per cent, for the terminal and the page."""

from stages.common.text_table import aligned
from stages.records.error_unit import WORDS, ErrorUnit
from stages.scores.score_tables import in_unit, percent
from stages.scores.scoreboard import HEADLINE_SET

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
        training = costs.get(f"train_{name}", {})
        decoding = costs.get(f"transcribe_{name}", {})
        cells = (
            percent(training.get("trained_share")),
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
    names = []
    for costs in (training, decoding):
        name = costs.get("precision", "-")
        if costs and name not in names:
            names.append(name)
    return "/".join(names) or "-"


def _figure(figures: dict, key: str, form: str) -> str:
    return format(figures[key], form) if key in figures else "-"
