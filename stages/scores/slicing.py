"""The contents of metrics/slices.json: scores by age, duration, annotation format, speaker, and seen or unseen text."""

import math
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from stages.records.seen_texts import TrainedTexts
from stages.records.shards import Clip
from stages.records.units import Seconds
from stages.scores.scoreboard import Results, SetResults, rates
from stages.wer.error_counts import DIGITS

DURATIONS: tuple[Seconds, ...] = (1.0, 5.0, 15.0, 30.0)  # where the slices by duration begin and end
ADULT = 18  # years
UNKNOWN = "unknown"
SEEN, UNSEEN = "seen", "unseen"  # the slices by text: was it trained on?


def slices(results: Results, trained: TrainedTexts | None = None) -> dict:
    """The contents of slices.json: model -> evaluation set -> what it is sliced by -> slice -> figures.

    Parameters
    ----------
    trained : the texts that were trained on; None: not known, so no slices by text
    """
    content: dict = {}
    for model, sets in results.items():
        content[model] = {name: _set_slices(set_results, trained) for name, set_results in sets.items()}
    return content


def _set_slices(results: SetResults, trained: TrainedTexts | None) -> dict:
    ages = figures_by_group(results, age_group)
    blocks: dict = {}
    mean = _mean_of_known_ages(ages)
    if mean is not None:
        blocks["age_macro_wer"] = mean
    blocks["age"] = ages
    blocks["duration"] = figures_by_group(results, duration_group)
    blocks["format"] = figures_by_group(results, lambda clip: clip.format)
    blocks["speaker"] = figures_by_group(results, lambda clip: clip.speaker)
    if trained is not None:
        blocks["text"] = figures_by_group(results, lambda clip: SEEN if trained.hold(clip) else UNSEEN)
    return blocks


def _mean_of_known_ages(ages: dict[str, dict]) -> float | None:
    """The mean of the ages' rates, each age with the same weight; None where no known age has a rate."""
    known_rates = []
    for group, block in ages.items():
        if group != UNKNOWN and "wer" in block:
            known_rates.append(block["wer"])
    return round(float(np.mean(known_rates)), DIGITS) if known_rates else None


def figures_by_group(results: SetResults, group: Callable[[Clip], str]) -> dict[str, dict]:
    """Figures of each group of clips; names that begin with a number are sorted by it, UNKNOWN comes last."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, clip in enumerate(results.clips):
        indices[group(clip)].append(index)
    names = sorted(indices, key=lambda name: (name == UNKNOWN, _number(name), name))
    return {name: rates(results, np.array(indices[name])) for name in names}


def _number(name: str) -> float:
    """The number at the beginning of a slice's name, "<1" before "1-5"; infinity where there is none."""
    digits = name.lstrip("<").split("-")[0].rstrip("+")
    return float(digits) - name.startswith("<") if digits.isdecimal() else math.inf


def age_group(clip: Clip) -> str:
    """Whole years; adults are one group."""
    if clip.age_months is None:
        return UNKNOWN
    years = clip.age_months // 12
    return f"{ADULT}+" if years >= ADULT else str(years)


def duration_group(clip: Clip) -> str:
    """The range of seconds: "<1", "1-5", ..., "30+"; a clip of exactly 5 s is in the longer one."""
    names = [f"<{DURATIONS[0]:g}"]
    names += [f"{low:g}-{high:g}" for low, high in pairwise(DURATIONS)]
    names.append(f"{DURATIONS[-1]:g}+")
    return names[int(np.searchsorted(DURATIONS, clip.duration, side="right"))]
