"""The corpus card: what the models learn from and are tested on, in numbers (metrics/corpus.json) and as a figure."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from stages.corpus.rows.utterance import SplitContents
from stages.records import seen_texts
from stages.records.paths import CORPUS_FILE, METRICS, TRAINING_SPLITS
from stages.records.shards import Clip

FIGURE = METRICS / "corpus.png"

UNKNOWN = "unknown"
ADULT = 18  # years; older speakers are one row of the card


def write(clips: dict[str, list[Clip]], readings: dict[str, SplitContents], language: str) -> None:
    """Write both files. Only numbers, and no name of a person, tier or file: the card is kept in git.

    seen_texts, of every evaluation set, are its utterances with a text of the train split: of all of it, whatever
    train.data_share says. Dev counts neither way: its texts are not trained on.
    """
    card = {split: _of_split(rows, readings[split]) for split, rows in clips.items()}
    trained = seen_texts.of_clips(clips["train"], language)
    for split in clips.keys() - set(TRAINING_SPLITS):
        card[split]["seen_texts"] = trained.count(clips[split])
    METRICS.mkdir(exist_ok=True)
    CORPUS_FILE.write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _draw(clips)


def _of_split(clips: list[Clip], reading: SplitContents) -> dict:
    return _amount(clips) | {
        "refused": dict(Counter(row.reason for row in reading.refusals)),
        "left_out": sum(reading.left_out.values()),
        "untranscribed_recordings": reading.untranscribed,
        "flagged": dict(Counter(flag for clip in clips for flag in clip.flags)),
        "age": _by(lambda clip: age_group(clip.age_months), clips),
        "source": _by(lambda clip: clip.format, clips),
    }


def _amount(clips: Iterable[Clip]) -> dict:
    clips = list(clips)
    hours = round(sum(clip.duration for clip in clips) / 3600, 4)
    return {"clips": len(clips), "hours": hours, "speakers": len({clip.speaker for clip in clips})}


def _by(group: Callable[[Clip], str], clips: list[Clip]) -> dict:
    groups = defaultdict(list)
    for clip in clips:
        groups[group(clip)].append(clip)
    return {name: _amount(rows) for name, rows in groups.items()}


def age_group(months: int | None) -> str:
    """The year of life as a key: 06y for a child between the sixth and the seventh birthday."""
    if months is None:
        return UNKNOWN
    years = months // 12
    return f"{years:02d}y" if years < ADULT else f"{ADULT}y_and_over"


def _draw(clips: dict[str, list[Clip]]) -> None:
    from matplotlib.figure import Figure  # half a second, which a mistake in the corpus should not have to wait for

    figure = Figure(figsize=(9, 4))
    figure.subplots_adjust(left=0.08, right=0.98, top=0.95, bottom=0.2, wspace=0.2)  # laying it out takes longer
    durations, ages = figure.subplots(1, 2)
    splits = [split for split, rows in clips.items() if rows]
    longest = max((clip.duration for split in splits for clip in clips[split]), default=1.0)
    durations.hist(
        [[clip.duration for clip in clips[split]] for split in splits],
        bins=[longest * step / 30 for step in range(31)],
        label=splits,
        histtype="step",
    )
    durations.set(xlabel="duration of a clip (s)", ylabel="clips", yscale="log")
    durations.legend()
    groups = sorted({age_group(clip.age_months) for split in splits for clip in clips[split]})
    for index, split in enumerate(splits):
        hours = _by(lambda clip: age_group(clip.age_months), clips[split])
        width = 0.8 / len(splits)
        places = [place - 0.4 + (index + 0.5) * width for place in range(len(groups))]
        ages.bar(places, [hours.get(group, {"hours": 0})["hours"] for group in groups], width, label=split)
    ages.set(xlabel="age", ylabel="hours", xticks=range(len(groups)), xticklabels=groups)
    ages.tick_params(axis="x", rotation=45)
    figure.savefig(FIGURE, dpi=100, metadata={"Software": None})  # nothing in the file that is not in the corpus
