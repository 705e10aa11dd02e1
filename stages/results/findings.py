"""Answers in words to the questions that a reader of the report has, made from the scores alone."""

from typing import NamedTuple

from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.paths import BASE
from stages.results import summary
from stages.results.summary import NAMES
from stages.scores import unknown_speakers
from stages.scores.score_tables import has_unseen_words, interval, percent
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, by_model
from stages.scores.slicing import SEEN, UNKNOWN, UNSEEN

# Seen texts (those that were trained on) matter to the headline rate if they hold a tenth of the reference words,
# whatever the models make of them; or if a tuned model's rate on the unseen texts is over half a point higher than its
# headline rate: published systems are ranked by smaller differences.
SEEN_SHARE = 0.1
UNSEEN_EXCESS = 0.005


class Finding(NamedTuple):
    question: str
    answers: list[str]  # sentences


def best(content: dict) -> str:
    """The tuned model with the lowest error rate on the headline set; of equal ones the first."""
    return min(tuned(content), key=lambda name: content[name][HEADLINE_SET]["wer"])


def tuned(content: dict) -> list[str]:
    """The models of scores.json but for the base, in the order of the tables."""
    return [name for name in by_model(content) if name != BASE]


def findings(content: dict, slices: dict, costs: dict, with_examples: bool, unit: ErrorUnit = WORDS) -> list[Finding]:
    """All questions with their answers, in the order of the page.

    Parameters
    ----------
    content, slices, costs : of scores.json, slices.json and cost.json
    with_examples : whether the page shows the utterances with the most errors
    unit : what was counted
    """
    name = best(content)
    return [
        Finding("Which strategy is better?", _which(content, name, unit)),
        Finding("Is the difference real?", _real(content, unit)),
        *_about_texts(content, slices, unit),
        Finding("For whom?", _whom(slices, name, unit)),
        Finding("What was forgotten?", _forgotten(content, unit)),
        Finding("At what price?", [_price(model, content, costs, unit) for model in tuned(content)]),
        Finding("What went wrong?", _wrong(content[name][HEADLINE_SET], name, with_examples)),
    ]


def _which(content: dict, name: str, unit: ErrorUnit) -> list[str]:
    figures = []
    rates = {}  # of the tuned models
    for model, sets in by_model(content).items():
        figures.append(f"{NAMES[model]} {_rate(sets[HEADLINE_SET], unit)}")
        if model != BASE:
            rates[model] = sets[HEADLINE_SET]["wer"]
    if rates[name] >= content["base"][HEADLINE_SET]["wer"]:
        claim = f"no strategy lowers {unit.rate}"
    elif len(set(rates.values())) == 1:
        claim = f"all strategies have the same {unit.rate}"
    else:
        claim = f"{unit.rate} is lowest with {NAMES[name]}"
    answers = [f"On {HEADLINE_SET}, {claim}: {'; '.join(figures)}."]
    best_two = sorted(rates, key=lambda model: rates[model])[:2]
    earlier, later = sorted(best_two, key=list(rates).index)
    if not summary.is_shown(content[PAIRED][HEADLINE_SET][f"{later}_minus_{earlier}"]):
        answers.append("The difference between the two best strategies may be chance: neither is shown to be better.")
    elif rates[name] >= content["base"][HEADLINE_SET]["wer"]:
        answers.append(f"Of the strategies, {NAMES[name]} has the lowest {unit.rate}.")
    return answers


def _rate(block: dict, unit: ErrorUnit) -> str:
    if "wer" not in block:
        return f"no rate (no {unit.plural})"
    rate = f"{percent(block['wer'])} %"
    return f"{rate} ({interval(block)})" if "wer_low" in block else rate


def _real(content: dict, unit: ErrorUnit) -> list[str]:
    answers = []
    for label, difference in content[PAIRED][HEADLINE_SET].items():
        answers.append(summary.comparison(label, difference, unit))
    return [*answers, *summary.about_speakers(content["base"][HEADLINE_SET])]


def _about_texts(content: dict, slices: dict, unit: ErrorUnit) -> list[Finding]:
    """Whether the headline set's texts were trained on; no finding if slices.json was written without these slices."""
    texts = {}
    for model, sets in slices.items():
        if "text" in sets[HEADLINE_SET]:
            texts[model] = sets[HEADLINE_SET]["text"]
    if not texts:
        return []
    if SEEN in texts["base"]:
        answers = _seen_texts(content, texts, unit)
    else:
        answers = [f"No: no {HEADLINE_SET} utterance has a text that was trained on."]
    return [Finding(f"Were the {HEADLINE_SET} sentences trained on?", answers)]


def _seen_texts(content: dict, texts: dict[str, dict], unit: ErrorUnit) -> list[str]:
    """The share of seen texts, the rates on both kinds, and whether the headline can be cited.

    Parameters
    ----------
    texts : of each model, the headline set's slices by text
    """
    sizes, total = texts["base"], content["base"][HEADLINE_SET]
    utterances, words = sizes[SEEN]["utterances"], sizes[SEEN]["words"]
    answers = [
        f"{utterances} of {total['utterances']} {HEADLINE_SET} utterances ({_share(utterances, total['utterances'])}), "
        f"with {_share(words, total['words'])} of the reference {unit.plural}, have a text that was trained on."
    ]
    if not has_unseen_words(sizes):
        answers.append(
            f"No unseen text is left to score, so nothing shows how much of the {unit.rate} is learnt by heart."
        )
        return answers
    rates = []
    for model, groups in texts.items():
        rates.append(f"{NAMES[model]} {_rate(groups[UNSEEN], unit)} against {_rate(groups[SEEN], unit)}")
    answers.append(f"{unit.rate} on unseen texts against that on seen ones: {'; '.join(rates)}.")
    answers.append(
        "The base was not tuned on either: its two rates show whether the seen texts are easier in themselves."
    )
    if _seen_texts_matter(content, texts):
        answers.append(
            f"So the headline {unit.rate} is partly that of learnt sentences: cite the {unit.rate} on unseen texts."
        )
    else:
        answers.append(f"The seen texts are too few to change the headline {unit.rate} by much.")
    return answers


def _seen_texts_matter(content: dict, texts: dict[str, dict]) -> bool:
    """Whether seen texts make the headline rate too low: by SEEN_SHARE or by UNSEEN_EXCESS."""
    if texts["base"][SEEN]["words"] >= SEEN_SHARE * content["base"][HEADLINE_SET]["words"]:
        return True
    for model in tuned(content):
        if texts[model][UNSEEN]["wer"] - content[model][HEADLINE_SET]["wer"] > UNSEEN_EXCESS:
            return True
    return False


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _whom(slices: dict, name: str, unit: ErrorUnit) -> list[str]:
    before, after = slices["base"][HEADLINE_SET]["age"], slices[name][HEADLINE_SET]["age"]
    rates, gains = {}, {}
    worse = []
    for age, block in after.items():
        if age != UNKNOWN and "wer" in block:
            rates[age] = block["wer"]
            gains[age] = before[age]["wer"] - block["wer"]
            if gains[age] < 0:
                worse.append(age)
    if not rates:
        return ["The corpus does not say how old its speakers are."]
    lowest, highest = min(rates, key=rates.get), max(rates, key=rates.get)
    answers = [
        f"With {NAMES[name]}, {unit.rate} is lowest at {_age(lowest, after[lowest])} "
        f"and highest at {_age(highest, after[highest])}."
    ]
    most_gained = max(gains, key=gains.get)
    if gains[most_gained] > 0:
        answers.append(f"It gains most over the base at age {most_gained}: {100 * gains[most_gained]:.2f} points.")
    else:
        answers.append("At no age does it do better than the base.")
    if worse:
        answers.append(f"At age {', '.join(worse)} it does worse than the base.")
    else:
        answers.append("At no age does it do worse.")
    return answers


def _age(age: str, block: dict) -> str:
    speakers, utterances = unknown_speakers.speakers_text(block), _count(block["utterances"], "utterance")
    return f"age {age} ({percent(block['wer'])} %, {speakers}, {utterances})"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _forgotten(content: dict, unit: ErrorUnit) -> list[str]:
    answers = []
    for name in content["base"]:
        if name == HEADLINE_SET:
            continue
        for model in tuned(content):
            label = f"{model}_minus_base"
            answers.append(f"On {name}: {summary.comparison(label, content[PAIRED][name][label], unit)}")
        for sentence in summary.about_speakers(content["base"][name]):
            answers.append(f"{name}: {sentence}")
    return answers or ["There is no other evaluation set, such as data/adult, on which forgetting would show."]


def _price(name: str, content: dict, costs: dict, unit: ErrorUnit) -> str:
    training = costs.get(f"train_{name}", {})
    decoding = costs.get(f"transcribe_{name}", {})
    if "training_seconds" not in training:
        return f"{_upper(NAMES[name])}: its training was not measured on this machine."
    parts = [
        f"{_upper(NAMES[name])} trains {training['trained_parameters']:,} parameters",
        f"({100 * training['trained_share']:.2f} %) in {_duration(training['training_seconds'])}",
        f"with a peak of {training['peak_memory_mb']:,} MB, on {training['machine']}",
    ]
    if decoding.get("clips"):
        parts.append(f"and transcribes {decoding['clips'] / decoding['seconds']:.1f} clips a second")
    gain = 100 * (content["base"][HEADLINE_SET]["wer"] - content[name][HEADLINE_SET]["wer"])
    direction = "less" if gain >= 0 else "more"
    return f"{' '.join(parts)}, for {abs(gain):.2f} points {direction} {unit.rate} than the base."


def _wrong(block: dict, name: str, with_examples: bool) -> list[str]:
    total = block["substitutions"] + block["deletions"] + block["insertions"]
    if not total:
        return [f"Nothing: {NAMES[name]} made no error."]
    shares = []
    for kind in ("substitutions", "deletions", "insertions"):
        shares.append(f"{block[kind]} {kind} ({100 * block[kind] / total:.0f} %)")
    answers = [
        f"The {total} errors of {NAMES[name]} are {', '.join(shares)}.",
        f"{block['empty']} utterances have an empty transcript, and {block['runaway']} a runaway one (hallucination).",
    ]
    if with_examples:
        answers.append("The utterances with the most errors are below.")
    return answers


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
