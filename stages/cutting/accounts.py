"""What became of every split: how much was used, how much was refused and why."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from stages.common.errors import UserError
from stages.common.text_table import aligned
from stages.corpus.rows.utterance import SplitContents
from stages.records.shards import Clip

HEADER = ("split", "utterances", "minutes", "speakers", "refused", "left out", "audio without transcript")
SHOWN = 10  # kinds of unknown markup

# Reasons that lie in the nature of the speech or in the user's own choice. All others mean that something is broken.
EXPECTED = frozenset(
    "empty-text marked-invalid overlap speech-rate too-few-words too-long too-short unintelligible untimed".split()
)


def check_refused(reading: SplitContents, kept: int, rejected: Path) -> None:
    """Raises UserError where over max_refused of a split's utterances is broken, or nothing is left of it."""
    share = reading.options.max_refused
    broken = [row for row in reading.refusals if row.reason not in EXPECTED]
    if kept and len(broken) <= share * (kept + len(reading.refusals)):
        return
    total = kept + len(reading.refusals)
    raise UserError(
        f"{len(reading.refusals)} of {total} utterances of the {reading.split} set are refused"
        f" ({_counted(row.reason for row in reading.refusals)}). Each is listed in {rejected};{_marks(reading)}"
        f" mend the corpus, or raise preprocess.max_refused ({share}) if some are left without them"
    )


def describe(readings: dict[str, SplitContents], clips: dict[str, list[Clip]], rejected: Path) -> str:
    """An aligned table of the splits, with notes."""
    rows, notes = [HEADER], []
    for split, reading in readings.items():
        speakers = {clip.speaker for clip in clips[split]}
        minutes = sum(clip.duration for clip in clips[split]) / 60
        numbers = (len(speakers), len(reading.refusals), sum(reading.left_out.values()), reading.untranscribed)
        rows.append((split, str(len(clips[split])), f"{minutes:.1f}", *map(str, numbers)))
        notes += [f"{split}: {note}" for note in _notes(reading, clips[split], rejected)]
    return "\n".join([aligned(rows, names=1), *notes])


def _notes(reading: SplitContents, clips: list[Clip], rejected: Path) -> list[str]:
    notes = []
    if reading.refusals:
        notes.append(f"refused: {_counted(row.reason for row in reading.refusals)} (see {rejected})")
    if reading.unknown_markup:
        notes.append(f"unknown{_marks(reading)}")
    if reading.left_out:
        notes.append(f"left out: {_counted(reading.left_out.elements())}")
    if flags := _counted(flag for clip in clips for flag in clip.flags):
        notes.append(f"used, and flagged in the manifest: {flags}")
    for message, places in sorted(reading.warnings.items()):
        notes.append(f"warning: {message} ({len(places)}, first: {places[0]})")
    return notes


def _marks(reading: SplitContents) -> str:
    """The most frequent unknown marks, with what to do about them; "" without any."""
    if not reading.unknown_markup:
        return ""
    common = sorted(reading.unknown_markup.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{mark} {number}" for mark, number in common[:SHOWN])
    return f" markup (say what it is in preprocess.markup): {told}{', ...' if len(common) > SHOWN else ''};"


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(Counter(names).items()))
