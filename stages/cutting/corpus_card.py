"""The corpus card: what the models learn from and are tested on, in numbers (metrics/corpus.json) and as a figure."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from operator import attrgetter

from stages.corpus.rows.utterance import SplitContents
from stages.records import seen_texts
from stages.records.paths import CORPUS_FILE, METRICS, TRAINING_SPLITS
from stages.records.shards import Clip

FIGURE = METRICS / "corpus.png"

UNKNOWN = "unknown"
ADULT = 18  # years; older speakers are one row of the card
BINS = 30  # of the durations


def write(clips: dict[str, list[Clip]], readings: dict[str, SplitContents], language: str) -> None:
    """Write both files. Only numbers, and no name of a person, tier or file: the card is kept in git.

    A split's totals are numbers, which `dvc metrics` shows. What they consist of is in lists of rows, which it passes
    over: there are about a hundred, and they would come before the scores in `dvc metrics diff`.

    `seen_texts` of an evaluation set is the number of its utterances whose text is in the train split. All of that
    split counts, also if train.data_share is less than 1; dev does not count, as its texts are not trained on.
    """
    card = {}
    for split, rows in clips.items():
        card[split] = _of_split(rows, readings[split])
    trained = seen_texts.of_clips(clips["train"], language)
    for split in clips.keys() - set(TRAINING_SPLITS):
        card[split]["seen_texts"] = trained.count(clips[split])
    METRICS.mkdir(exist_ok=True)
    CORPUS_FILE.write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _draw(clips)


def _of_split(clips: list[Clip], reading: SplitContents) -> dict:
    flags: Counter[str] = Counter()
    for clip in clips:
        flags.update(clip.flags)
    return _amount(clips) | {
        "refused": len(reading.refusals),
        "left_out": reading.left_out.total(),
        "untranscribed_recordings": reading.untranscribed,
        "refused_by_reason": _rows("reason", "utterances", Counter(row.reason for row in reading.refusals)),
        "flagged": _rows("flag", "clips", flags),
        "by_age": _amount_rows("age", _amounts_by(_age_group_of, clips)),
        "by_source": _amount_rows("source", _amounts_by(attrgetter("format"), clips)),
    }


def _rows(name: str, counted: str, counts: Counter[str]) -> list[dict]:
    return [{name: key, counted: count} for key, count in sorted(counts.items())]


def _amount_rows(name: str, amounts: dict[str, dict]) -> list[dict]:
    return [{name: key, **amount} for key, amount in sorted(amounts.items())]


def _amount(clips: list[Clip]) -> dict:
    hours = round(sum(clip.duration for clip in clips) / 3600, 4)
    speakers = {clip.speaker for clip in clips}
    return {"clips": len(clips), "hours": hours, "speakers": len(speakers)}


def _amounts_by(group_of: Callable[[Clip], str], clips: list[Clip]) -> dict[str, dict]:
    """How much there is of each group of clips."""
    groups = defaultdict(list)
    for clip in clips:
        groups[group_of(clip)].append(clip)
    return {name: _amount(rows) for name, rows in groups.items()}


def _age_group_of(clip: Clip) -> str:
    return age_group(clip.age_months)


def age_group(months: int | None) -> str:
    """The year of life as a key: 06y for a child between the sixth and the seventh birthday."""
    if months is None:
        return UNKNOWN
    years = months // 12
    return f"{years:02d}y" if years < ADULT else f"{ADULT}y_and_over"


def _draw(clips: dict[str, list[Clip]]) -> None:
    """Write the figure: durations of the clips, and hours by age."""
    from matplotlib.figure import Figure  # not at the top: it takes half a second, and mistakes are found before

    figure = Figure(figsize=(9, 4))
    figure.subplots_adjust(left=0.08, right=0.98, top=0.95, bottom=0.2, wspace=0.2)  # tight_layout takes longer
    durations, ages = figure.subplots(1, 2)
    clips = {split: rows for split, rows in clips.items() if rows}
    _draw_durations(durations, clips)
    _draw_ages(ages, clips)
    figure.savefig(FIGURE, dpi=100, metadata={"Software": None})  # nothing in the file that is not in the corpus


def _draw_durations(axes, clips: dict[str, list[Clip]]) -> None:
    seconds = []  # a list for each split
    for rows in clips.values():
        seconds.append([clip.duration for clip in rows])
    longest = max(map(max, seconds), default=1.0)
    edges = [longest * step / BINS for step in range(BINS + 1)]
    axes.hist(seconds, bins=edges, label=list(clips), histtype="step")
    axes.set(xlabel="duration of a clip (s)", ylabel="clips", yscale="log")
    axes.legend()


def _draw_ages(axes, clips: dict[str, list[Clip]]) -> None:
    amounts = {split: _amounts_by(_age_group_of, rows) for split, rows in clips.items()}
    groups = sorted(set().union(*amounts.values()))
    width = 0.8 / max(1, len(clips))  # of a bar; the groups are 1 apart
    for index, (split, by_age) in enumerate(amounts.items()):
        places, hours = [], []
        for place, group in enumerate(groups):
            places.append(place - 0.4 + (index + 0.5) * width)
            hours.append(by_age[group]["hours"] if group in by_age else 0)
        axes.bar(places, hours, width, label=split)
    axes.set(xlabel="age", ylabel="hours", xticks=range(len(groups)), xticklabels=groups)
    axes.tick_params(axis="x", rotation=45)
