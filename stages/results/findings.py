"""What the figures say, in words: the questions a reader of the report has, answered from the figures alone."""

from typing import NamedTuple

from stages.records.paths import TUNED
from stages.results import summary
from stages.results.summary import NAMES
from stages.scores.score_tables import has_unseen_words, interval, percent
from stages.scores.scoreboard import HEADLINE_SET, PAIRED, SEEN, UNKNOWN, UNSEEN, by_model, by_set
from stages.scores.significance import FEWEST_SPEAKERS

# Texts that were trained on matter to the headline WER if they hold a tenth of the reference words, whatever the
# models make of them; or if a tuned model's WER on the other texts is over half a point higher than the headline, a
# difference by which published systems are ranked.
SEEN_SHARE = 0.1
UNSEEN_EXCESS = 0.005


class Finding(NamedTuple):
    question: str
    answers: list[str]  # sentences


def best(content: dict) -> str:
    """The tuned model with the lowest WER on the headline set; of equal ones the first."""
    return min(TUNED, key=lambda name: content[name]["wer"])


def findings(content: dict, slices: dict, costs: dict, with_examples: bool) -> list[Finding]:
    """The answers, in the order of the questions.

    Parameters
    ----------
    content, slices, costs : of scores.json, slices.json and cost.json
    with_examples : whether the page shows the worst utterances
    """
    name = best(content)
    return [
        Finding("Which strategy is better?", _which(content, name)),
        Finding("Is the difference real?", _real(content)),
        *_about_texts(content, slices),
        Finding("For whom?", _whom(slices, name)),
        Finding("What was forgotten?", _forgotten(content)),
        Finding("At what price?", [_price(model, content, costs) for model in TUNED]),
        Finding("What went wrong?", _wrong(content[name], name, with_examples)),
    ]


def _which(content: dict, name: str) -> list[str]:
    rates = {model: content[model]["wer"] for model in TUNED}
    alike = len(set(rates.values())) == 1
    if rates[name] >= content["base"]["wer"]:
        claim = "neither strategy lowers WER"
    else:
        claim = "both strategies have the same WER" if alike else f"WER is lowest with {NAMES[name]}"
    told = [f"{NAMES[model]} {_rate(content[model])}" for model in by_model(content)]
    answers = [f"On {HEADLINE_SET}, {claim}: {'; '.join(told)}."]
    if not summary.is_shown(content[PAIRED][HEADLINE_SET]["selective_minus_lora"]):
        answers.append("The difference between the two strategies may be chance: neither is shown to be better.")
    elif rates[name] >= content["base"]["wer"]:
        answers.append(f"Of the two, {NAMES[name]} has the lower WER.")
    return answers


def _rate(block: dict) -> str:
    if "wer" not in block:
        return "no rate (no words)"
    around = f" ({interval(block)})" if "wer_low" in block else ""
    return f"{percent(block['wer'])} %{around}"


def _real(content: dict) -> list[str]:
    told = [summary.comparison(*pair) for pair in content[PAIRED][HEADLINE_SET].items()]
    speakers = content["base"]["speakers"]
    if speakers < FEWEST_SPEAKERS:
        told.append(f"With only {speakers} speakers, these intervals are too narrow: read them as hints.")
    return told


def _about_texts(content: dict, slices: dict) -> list[Finding]:
    """Whether the headline set's texts were trained on; no finding if slices.json was written without these slices."""
    texts = {model: sets[HEADLINE_SET]["text"] for model, sets in slices.items() if "text" in sets[HEADLINE_SET]}
    if not texts:
        return []
    if SEEN in texts["base"]:
        answers = _seen_texts(content, texts)
    else:
        answers = [f"No: no {HEADLINE_SET} utterance has a text that was trained on."]
    return [Finding(f"Were the {HEADLINE_SET} sentences trained on?", answers)]


def _seen_texts(content: dict, texts: dict[str, dict]) -> list[str]:
    """The share of seen texts, the rates on both kinds, and whether the headline can be cited.

    Parameters
    ----------
    texts : of each model, the headline set's slices by text
    """
    sizes, total = texts["base"], content["base"]
    utterances, words = sizes[SEEN]["utterances"], sizes[SEEN]["words"]
    told = [
        f"{utterances} of {total['utterances']} {HEADLINE_SET} utterances ({_share(utterances, total['utterances'])}), "
        f"with {_share(words, total['words'])} of the reference words, have a text that was trained on."
    ]
    if not has_unseen_words(sizes):
        return [*told, "No unseen text is left to score, so nothing shows how much of the WER is learnt by heart."]
    rates = [f"{NAMES[model]} {_rate(groups[UNSEEN])} against {_rate(groups[SEEN])}" for model, groups in texts.items()]
    told.append(f"WER on unseen texts against that on seen ones: {'; '.join(rates)}.")
    told.append("The base was not tuned on either: its two rates show whether the seen texts are easier in themselves.")
    if _seen_texts_matter(content, texts):
        told.append("So the headline WER is partly that of learnt sentences: cite the WER on unseen texts.")
    else:
        told.append("The seen texts are too few to change the headline WER by much.")
    return told


def _seen_texts_matter(content: dict, texts: dict[str, dict]) -> bool:
    """Whether the headline WER says too much of seen texts: by SEEN_SHARE or by UNSEEN_EXCESS."""
    if texts["base"][SEEN]["words"] >= SEEN_SHARE * content["base"]["words"]:
        return True
    excesses = (texts[model][UNSEEN]["wer"] - content[model]["wer"] for model in TUNED)
    return max(excesses) > UNSEEN_EXCESS


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _whom(slices: dict, name: str) -> list[str]:
    before, after = (slices[model][HEADLINE_SET]["age"] for model in ("base", name))
    known = {age: block for age, block in after.items() if age != UNKNOWN and "wer" in block}
    if not known:
        return ["The corpus does not say how old its speakers are."]
    least, most = (pick(known, key=lambda age: known[age]["wer"]) for pick in (min, max))
    worse = [age for age, block in known.items() if block["wer"] > before[age]["wer"]]
    lowest, highest = (f"age {age} ({percent(known[age]['wer'])} %, {_size(known[age])})" for age in (least, most))
    told = [f"With {NAMES[name]}, WER is lowest at {lowest} and highest at {highest}."]
    gains = {age: before[age]["wer"] - block["wer"] for age, block in known.items()}
    first = max(gains, key=gains.get)
    if gains[first] > 0:
        told.append(f"It gains most over the base at age {first}: {100 * gains[first]:.2f} points.")
    else:
        told.append("At no age does it do better than the base.")
    told.append(f"At age {', '.join(worse)} it does worse than the base." if worse else "At no age is it worse.")
    return told


def _size(block: dict) -> str:
    counts = ((block[key], key) for key in ("speakers", "utterances"))
    return ", ".join(f"{count} {key.removesuffix('s') if count == 1 else key}" for count, key in counts)


def _forgotten(content: dict) -> list[str]:
    others = [name for name in by_set(content["base"]) if name != HEADLINE_SET]
    if not others:
        return ["There is no other evaluation set, such as data/adult, on which forgetting would show."]
    return [
        f"On {name}: {summary.comparison(label, content[PAIRED][name][label])}"
        for name in others
        for label in (f"{model}_minus_base" for model in TUNED)
    ]


def _price(name: str, content: dict, costs: dict) -> str:
    training, decoding = costs.get(f"train_{name}", {}), costs.get(f"transcribe_{name}", {})
    if "training_seconds" not in training:
        return f"{_upper(NAMES[name])}: its training was not measured on this machine."
    parts = [f"{_upper(NAMES[name])} trains {training['trained_parameters']:,} parameters"]
    parts.append(f"({100 * training['trained_share']:.2f} %) in {_duration(training['training_seconds'])}")
    parts.append(f"with {training['peak_memory_mb']:,} MB at most, on {training['machine']}")
    if decoding.get("clips"):
        parts.append(f"and transcribes {decoding['clips'] / decoding['seconds']:.1f} clips a second")
    gain = 100 * (content["base"]["wer"] - content[name]["wer"])
    return " ".join(parts) + f", for {abs(gain):.2f} points {'less' if gain >= 0 else 'more'} WER than the base."


def _wrong(block: dict, name: str, with_examples: bool) -> list[str]:
    kinds = {kind: block[kind] for kind in ("substitutions", "deletions", "insertions")}
    total = sum(kinds.values())
    if not total:
        return [f"Nothing: {NAMES[name]} made no error."]
    told = ", ".join(f"{count} {kind} ({100 * count / total:.0f} %)" for kind, count in kinds.items())
    odd = f"{block['empty']} utterances got no word at all, and {block['runaway']} ran away (hallucination)."
    answers = [f"The {total} errors of {NAMES[name]} are {told}.", odd]
    return [*answers, "The utterances that cost most are below."] if with_examples else answers


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
