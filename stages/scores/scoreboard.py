"""The contents of metrics/scores.json and metrics/wer.json, computed from transcripts: rates, intervals, comparisons.

The protocol: corpus rates under two normalisers over every clip of a set, none left out; intervals and comparisons by
speaker bootstrap (stages/scores/significance.py). The score under the literature's filter is reported as a second one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from stages.common.errors import UserError
from stages.records import paths, shards, transcripts
from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.paths import MODELS
from stages.records.shards import Clip
from stages.records.transcripts import Transcript
from stages.scores import score_files, unknown_speakers
from stages.scores.significance import Difference, SpeakerBootstrap
from stages.wer import error_counts
from stages.wer.alignment import UtteranceErrors, align
from stages.wer.error_counts import DIGITS
from stages.wer.normalisers import Normaliser

HEADLINE_SET = "test"
# Of each model and set in wer.json; the last one only where speakers are unknown.
HEADLINE_FIGURES = ("wer", "wer_low", "wer_high", "cer", unknown_speakers.UNKNOWN)
PAIRED = "paired"  # the comparisons' key in scores.json, beside the models
RUNAWAY_RATIO = 2.0  # a hypothesis with more words than so many times the reference's is a runaway
# The filter of Fan et al. 2024 (arXiv:2406.10507) and others, who apply it to test data too.
LITERATURE_WORDS = 3  # at least
LITERATURE_BASE_WER = 0.5  # at most


@dataclass(frozen=True)
class SetResults:
    """One model's transcripts of one evaluation set, aligned with the references under Whisper's normaliser."""

    clips: list[Clip]
    transcripts: list[Transcript]
    errors: UtteranceErrors


Results = dict[str, dict[str, SetResults]]  # model -> evaluation set


def read_clips() -> dict[str, list[Clip]]:
    """The clips of every evaluation set."""
    return {folder.name: shards.read_manifest(folder) for folder in shards.evaluation_sets()}


def read_results(normalise: Normaliser) -> Results:
    """Read the transcripts of the pipeline's models, and align them with the references."""
    clips = read_clips()
    results = {}
    for model in MODELS:
        rows = transcripts.read_transcripts(paths.TRANSCRIPTS / f"{model}.jsonl")
        results[model] = results_by_set(rows, clips, normalise)
    return results


def results_by_set(
    rows: Iterable[Transcript], clips: dict[str, list[Clip]], normalise: Normaliser
) -> dict[str, SetResults]:
    """Group one model's transcripts by evaluation set, the headline set first, and align them with the references.

    Parameters
    ----------
    clips : of every evaluation set

    Raises
    ------
    UserError
        Transcripts and clips are not of the same utterances.
    """
    by_id = {(row.split, row.id): row for row in rows}
    expected = set()
    for name, of_set in clips.items():
        for clip in of_set:
            expected.add((name, clip.id))
    if by_id.keys() != expected:
        raise UserError("the transcripts are not those of processed_data's clips; run dvc repro, or dvc checkout")
    results = {}
    for name in sorted(clips, key=lambda name: (name != HEADLINE_SET, name)):
        of_set = [by_id[name, clip.id] for clip in clips[name]]
        references, hypotheses = _texts(of_set)
        results[name] = SetResults(clips[name], of_set, align(references, hypotheses, normalise))
    return results


def _texts(rows: list[Transcript]) -> tuple[list[str], list[str]]:
    """The references and the hypotheses of transcripts, as written."""
    references, hypotheses = [], []
    for row in rows:
        references.append(row.reference)
        hypotheses.append(row.hypothesis)
    return references, hypotheses


def figures(
    results: Results, rules: dict[str, Normaliser], unit: ErrorUnit = WORDS, unknown_in_training: int = 0
) -> dict:
    """The contents of scores.json: model -> evaluation set -> figures, and the comparisons under PAIRED.

    Parameters
    ----------
    rules : the normalisers by name, "whisper" and "light"
    unit : what they separate by spaces, so what is counted
    unknown_in_training : how many utterances of train, dev and the replay that is used have an unknown speaker
    """
    scores: dict = {}
    base = results.get("base", {})
    for model, sets in results.items():
        scores[model] = {}
        for name, set_results in sets.items():
            scores[model][name] = _set_figures(set_results, base.get(name), rules, unit)
            if unknown_in_training:
                scores[model][name][unknown_speakers.UNKNOWN_IN_TRAINING] = unknown_in_training
    if len(results) > 1:
        names = next(iter(results.values()))
        scores[PAIRED] = {name: _comparisons(results, name) for name in names}
    return scores


def by_model(scores: dict) -> dict[str, dict]:
    """The contents of scores.json without the comparisons: model -> evaluation set -> figures."""
    return {name: sets for name, sets in scores.items() if name != PAIRED}


def headline(scores: dict, unit: ErrorUnit = WORDS) -> dict:
    """The contents of wer.json: of each model the headline set's figures, and the other sets' under their names.

    Parameters
    ----------
    scores : the contents of scores.json
    unit : what was counted

    Raises
    ------
    UserError
        A set is called as one of these figures, beside which its name would be.
    """
    # Also the names of the other unit: what was counted is known by them (experiments/plot.py).
    reserved = score_files.named(dict.fromkeys(HEADLINE_FIGURES), unit) | dict.fromkeys(HEADLINE_FIGURES)
    content = {}
    for model, sets in by_model(scores).items():
        content[model] = _present(HEADLINE_FIGURES, sets[HEADLINE_SET])  # a set of one speaker has no interval
        for name, set_figures in sets.items():
            if name in reserved:
                raise UserError(
                    f"data/{name}: an evaluation set cannot be called {name!r}, because {paths.WER_FILE} has a figure "
                    f"of this name; rename the folder (other names not to use: {', '.join(reserved)})"
                )
            if name != HEADLINE_SET:
                content[model][name] = _present(HEADLINE_FIGURES, set_figures)
    return content


def _present(keys: Iterable[str], set_figures: dict) -> dict[str, float | int]:
    """Those of a set's figures that have these keys, in the order of the keys; a key without a figure is left out."""
    return {key: set_figures[key] for key in keys if key in set_figures}


def _set_figures(results: SetResults, base: SetResults | None, rules: dict[str, Normaliser], unit: ErrorUnit) -> dict:
    """One model's figures on one evaluation set.

    Parameters
    ----------
    base : the base's results on the same set; None: not scored, so the literature's filter cannot be applied
    """
    references, hypotheses = _texts(results.transcripts)
    counts = error_counts.count_errors(references, hypotheses, rules["whisper"], results.errors)
    light = error_counts.count_errors(references, hypotheses, rules["light"]).figures()
    set_figures = rates(results, np.arange(len(references))) | counts.figures()
    set_figures["empty"] = _empty(results)
    set_figures["runaway"] = _runaway(results)
    set_figures["light"] = {"wer": light["wer"], "cer": light["cer"]}
    if unit is not WORDS:  # it is the headline rate, and this one would count the spaces between the characters
        del set_figures["cer"], set_figures["light"]["cer"]
    if base:
        literature = rates(results, literature_filter(base))
        set_figures["literature"] = _present(("wer", "utterances"), literature)
    return set_figures


def rates(results: SetResults, chosen: np.ndarray) -> dict[str, float | int]:
    """WER with its interval, and counts, of some utterances; no rate where there is no reference word.

    Parameters
    ----------
    chosen : indices of the utterances, ascending; shape (chosen utterances,)
    """
    errors = results.errors.errors[chosen]
    words = results.errors.words[chosen]
    clips, speakers = [], []
    for index in chosen.tolist():
        clips.append(results.clips[index])
        speakers.append(results.clips[index].speaker)
    distinct = len(set(speakers))
    block: dict[str, float | int] = {}
    if words.sum():
        block["wer"] = round(float(errors.sum() / words.sum()), DIGITS)
        if distinct > 1:
            low, high = SpeakerBootstrap(speakers).interval(errors, words)
            block |= {"wer_low": round(low, DIGITS), "wer_high": round(high, DIGITS)}
    block |= {"speakers": distinct, "utterances": len(words), "words": int(words.sum())}
    return block | unknown_speakers.counts(clips)


def literature_filter(base: SetResults) -> np.ndarray:
    """Indices of the utterances that the literature scores: not too short, and not too hard for the base."""
    words = base.errors.words
    return np.flatnonzero((words >= LITERATURE_WORDS) & (base.errors.errors <= LITERATURE_BASE_WER * words))


def _empty(results: SetResults) -> int:
    """Number of utterances that have words in the reference and none in the hypothesis."""
    return int(np.count_nonzero((results.errors.words > 0) & (results.errors.hypothesis_words == 0)))


def _runaway(results: SetResults) -> int:
    """Number of utterances whose hypothesis is far longer than the reference, or repeats itself."""
    longer = results.errors.hypothesis_words > RUNAWAY_RATIO * np.maximum(results.errors.words, 1)
    repeating = [row.compression_ratio > transcripts.HIGHEST_COMPRESSION for row in results.transcripts]
    return int(np.count_nonzero(longer | np.array(repeating)))


def _comparisons(results: Results, name: str) -> dict[str, dict[str, float]]:
    """Every model against every earlier one on one evaluation set: "lora_minus_base" and so on."""
    compared = {}
    for first, second in combinations(results, 2):
        before, after = results[first][name], results[second][name]
        bootstrap = SpeakerBootstrap([clip.speaker for clip in before.clips])
        difference = bootstrap.difference(before.errors.errors, after.errors.errors, before.errors.words)
        compared[f"{second}_minus_{first}"] = _rounded(difference) | unknown_speakers.counts(before.clips)
    return compared


def _rounded(difference: Difference) -> dict[str, float]:
    block = {"wer": round(difference.wer, DIGITS)}
    if difference.interval is not None:  # else the set has one speaker
        block["wer_low"] = round(difference.interval.low, DIGITS)
        block["wer_high"] = round(difference.interval.high, DIGITS)
        block["p"] = round(difference.p, DIGITS)
    block["matched_pairs_p"] = round(difference.matched_pairs_p, DIGITS)
    return block
