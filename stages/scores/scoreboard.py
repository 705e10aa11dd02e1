"""What metrics/scores.json and metrics/slices.json say: rates, intervals, comparisons and slices, out of transcripts.

The protocol: corpus rates under two normalisers over every clip of a set, none left out; intervals and comparisons by
speaker bootstrap (stages/scores/significance.py). The score under the literature's filter is a second one, and says so.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from stages.common.errors import UserError
from stages.records import paths, shards, transcripts
from stages.records.paths import MODELS
from stages.records.seen_texts import TrainedTexts
from stages.records.shards import Clip
from stages.records.transcripts import Transcript
from stages.records.units import Seconds
from stages.scores.significance import Difference, SpeakerBootstrap
from stages.wer import error_counts
from stages.wer.alignment import UtteranceErrors, align
from stages.wer.error_counts import DIGITS
from stages.wer.normalisers import Normaliser

HEADLINE_SET = "test"
HEADLINE_FIGURES = ("wer", "wer_low", "wer_high", "cer")
PAIRED = "paired"  # the comparisons' key in scores.json, beside the models
RUNAWAY_RATIO = 2.0  # more words than so many times the reference's, or
RUNAWAY_COMPRESSION = 2.4  # text that zlib shrinks by more, repeats itself: Whisper's own threshold
# The filter of Fan et al. 2024 (arXiv:2406.10507) and others, who apply it to test data too.
LITERATURE_WORDS = 3  # at least
LITERATURE_BASE_WER = 0.5  # at most
DURATIONS: tuple[Seconds, ...] = (1.0, 5.0, 15.0, 30.0)  # where the slices by duration begin and end
ADULT = 18  # years
UNKNOWN = "unknown"
SEEN, UNSEEN = "seen", "unseen"  # the slices by text: was it trained on?


@dataclass(frozen=True)
class SetResults:
    """What one model answered on one evaluation set, aligned under Whisper's normaliser."""

    clips: list[Clip]
    transcripts: list[Transcript]
    errors: UtteranceErrors


Results = dict[str, dict[str, SetResults]]  # model -> evaluation set


def read_clips() -> dict[str, list[Clip]]:
    """The clips of every evaluation set."""
    return {folder.name: shards.read_manifest(folder) for folder in shards.evaluation_sets()}


def read_results(normalise: Normaliser) -> Results:
    """What the pipeline's models answered on every evaluation set."""
    clips = read_clips()
    files = {name: paths.TRANSCRIPTS / f"{name}.jsonl" for name in MODELS}
    return {name: answers(transcripts.read_transcripts(path), clips, normalise) for name, path in files.items()}


def answers(rows: Iterable[Transcript], clips: dict[str, list[Clip]], normalise: Normaliser) -> dict[str, SetResults]:
    """Put one model's transcripts beside the clips of each evaluation set, the headline set first.

    Parameters
    ----------
    clips : of every evaluation set

    Raises
    ------
    UserError
        Transcripts and clips are not of the same utterances.
    """
    by_id = {(row.split, row.id): row for row in rows}
    if by_id.keys() != {(name, clip.id) for name, known in clips.items() for clip in known}:
        raise UserError("the transcripts are not those of processed_data's clips; run dvc repro, or dvc checkout")
    board = {}
    for name in sorted(clips, key=lambda name: (name != HEADLINE_SET, name)):
        found = [by_id[name, clip.id] for clip in clips[name]]
        texts = ([getattr(row, field) for row in found] for field in ("reference", "hypothesis"))
        board[name] = SetResults(clips[name], found, align(*texts, normalise))
    return board


def figures(board: Results, rules: dict[str, Normaliser]) -> dict:
    """The contents of scores.json: every model's block, the headline set's figures at its top; then the comparisons."""
    content: dict = {}
    for name, sets in board.items():
        base = board.get("base", {})
        blocks = {key: _set_figures(found, base.get(key), rules) for key, found in sets.items()}
        headline = blocks.pop(HEADLINE_SET)
        taken = sorted(headline.keys() & blocks.keys())
        if taken:
            raise UserError(f"data/{taken[0]}: an evaluation set cannot be called {taken[0]!r}; rename the folder")
        content[name] = headline | blocks
    if len(board) > 1:
        content[PAIRED] = {key: _comparisons(board, key) for key in next(iter(board.values()))}
    return content


def by_model(content: dict) -> dict[str, dict]:
    """Every model's block out of the contents of scores.json."""
    return {name: block for name, block in content.items() if name != PAIRED}


def by_set(block: dict) -> dict[str, dict]:
    """The figures of each evaluation set out of one model's block of scores.json, the headline set first."""
    others = {name: inner for name, inner in block.items() if isinstance(inner, dict) and "light" in inner}
    return {HEADLINE_SET: block} | others


def headline(content: dict) -> dict:
    """The contents of wer.json, out of those of scores.json: WER with its interval, and CER, of each model and set."""
    short: dict = {}
    for name, block in by_model(content).items():
        sets = {key: {figure: inner[figure] for figure in HEADLINE_FIGURES} for key, inner in by_set(block).items()}
        short[name] = sets.pop(HEADLINE_SET) | sets
    return short


def slices(board: Results, trained: TrainedTexts | None = None) -> dict:
    """The contents of slices.json: model -> evaluation set -> what it is cut by -> slice -> figures.

    Parameters
    ----------
    trained : the texts that were trained on; None: not known, and nothing is cut by text
    """
    return {name: {key: _slices(found, trained) for key, found in sets.items()} for name, sets in board.items()}


def _set_figures(found: SetResults, base: SetResults | None, rules: dict[str, Normaliser]) -> dict:
    texts = [row.reference for row in found.transcripts], [row.hypothesis for row in found.transcripts]
    known = {"whisper": found.errors}
    counts = {key: error_counts.count_errors(*texts, rule, known.get(key)) for key, rule in rules.items()}
    everything = np.arange(len(found.transcripts))
    block = rates(found, everything) | counts["whisper"].figures()
    light, literature = counts["light"].figures(), rates(found, literature_filter(base)) if base else {}
    block |= {"empty": _empty(found), "runaway": _runaway(found), "light": {key: light[key] for key in ("wer", "cer")}}
    if literature:
        block["literature"] = {key: literature[key] for key in ("wer", "utterances") if key in literature}
    return block


def rates(found: SetResults, chosen: np.ndarray) -> dict[str, float | int]:
    """WER with its interval, and counts, of some utterances; no rate where there is no reference word.

    Parameters
    ----------
    chosen : their places, ascending
    """
    errors, words = (counts[chosen] for counts in (found.errors.errors, found.errors.words))
    speakers = [found.clips[place].speaker for place in chosen.tolist()]
    distinct = len(set(speakers))
    block: dict[str, float | int] = {}
    if words.sum():
        block["wer"] = round(float(errors.sum() / words.sum()), DIGITS)
        if distinct > 1:
            low, high = SpeakerBootstrap(speakers).interval(errors, words)
            block |= {"wer_low": round(low, DIGITS), "wer_high": round(high, DIGITS)}
    return block | {"speakers": distinct, "utterances": len(words), "words": int(words.sum())}


def literature_filter(base: SetResults) -> np.ndarray:
    """Places of the utterances that the literature scores: not too short, and not too hard for the base."""
    words = base.errors.words
    return np.flatnonzero((words >= LITERATURE_WORDS) & (base.errors.errors <= LITERATURE_BASE_WER * words))


def _empty(found: SetResults) -> int:
    """Utterances with words where the model heard none."""
    return int(np.count_nonzero((found.errors.words > 0) & (found.errors.answered == 0)))


def _runaway(found: SetResults) -> int:
    """Utterances where the model said far more than was said, or repeated itself."""
    longer = found.errors.answered > RUNAWAY_RATIO * np.maximum(found.errors.words, 1)
    repeating = [row.compression_ratio > RUNAWAY_COMPRESSION for row in found.transcripts]
    return int(np.count_nonzero(longer | np.array(repeating)))


def _comparisons(board: Results, name: str) -> dict[str, dict[str, float]]:
    """Every model against every earlier one on one evaluation set: "lora_minus_base" and so on."""
    compared = {}
    for first, second in combinations(board, 2):
        before, after = board[first][name], board[second][name]
        bootstrap = SpeakerBootstrap([clip.speaker for clip in before.clips])
        found = bootstrap.difference(before.errors.errors, after.errors.errors, before.errors.words)
        compared[f"{second}_minus_{first}"] = _rounded(found)
    return compared


def _rounded(found: Difference) -> dict[str, float]:
    low, high = found.interval
    values = {
        "wer": found.wer,
        "wer_low": low,
        "wer_high": high,
        "p": found.p,
        "matched_pairs_p": found.matched_pairs_p,
    }
    return {key: round(value, DIGITS) for key, value in values.items()}


def _slices(found: SetResults, trained: TrainedTexts | None) -> dict:
    ages = figures_by_group(found, age_group)
    known = [block["wer"] for group, block in ages.items() if group != UNKNOWN and "wer" in block]
    macro = {"age_macro_wer": round(float(np.mean(known)), DIGITS)} if known else {}
    cut = macro | {
        "age": ages,
        "duration": figures_by_group(found, duration_group),
        "format": figures_by_group(found, lambda clip: clip.format),
        "speaker": figures_by_group(found, lambda clip: clip.speaker),
    }
    if trained is not None:
        cut["text"] = figures_by_group(found, lambda clip: SEEN if trained.hold(clip) else UNSEEN)
    return cut


def figures_by_group(found: SetResults, group: Callable[[Clip], str]) -> dict[str, dict]:
    """Figures of each group of clips, in the order of their names as people count."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, clip in enumerate(found.clips):
        places[group(clip)].append(place)
    names = sorted(places, key=lambda name: (name == UNKNOWN, _number(name), name))
    return {name: rates(found, np.array(places[name])) for name in names}


def _number(name: str) -> float:
    digits = name.lstrip("<").split("-")[0].rstrip("+")
    return float(digits) - name.startswith("<") if digits.isdecimal() else math.inf


def age_group(clip: Clip) -> str:
    """Whole years; adults are one group."""
    if clip.age_months is None:
        return UNKNOWN
    years = clip.age_months // 12
    return f"{ADULT}+" if years >= ADULT else str(years)


def duration_group(clip: Clip) -> str:
    """Seconds: "<1", "1-5", ..., "30+"; a clip on a border is of the longer ones."""
    edges = [f"{edge:g}" for edge in DURATIONS]
    names = [f"<{edges[0]}", *(f"{low}-{high}" for low, high in pairwise(edges)), f"{edges[-1]}+"]
    return names[int(np.searchsorted(DURATIONS, clip.duration, side="right"))]
