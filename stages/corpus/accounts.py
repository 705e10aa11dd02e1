"""What became of every split: how much was used, how much was refused and why."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from stages.corpus.utterance import Reading
from stages.errors import UserError
from stages.text_table import aligned
from stages.units import Seconds

HEADER = ("split", "utterances", "minutes", "speakers", "refused", "audio without transcript", "tiers left out")


def check_refused(reading: Reading, kept: int, share: float, rejected: Path) -> None:
    """Raises UserError where more than `share` of a split's utterances is refused, or nothing is left."""
    refused = len(reading.refusals)
    if kept == 0 or refused > share * (kept + refused):
        raise UserError(
            f"{refused} of {kept + refused} utterances of the {reading.split} set are refused"
            f" ({_counted(row.reason for row in reading.refusals)}). Each is listed in {rejected};"
            f" mend the corpus, or raise preprocess.max_refused ({share}) if some are left without them"
        )


def told(readings: dict[str, Reading], kept: dict[str, list[tuple[str, Seconds]]], rejected: Path) -> str:
    """An aligned table of the splits, with notes. `kept` has the speaker and the duration of each clip."""
    rows, notes = [HEADER], []
    for split, reading in readings.items():
        speakers = {speaker for speaker, _ in kept[split]}
        minutes = sum(duration for _, duration in kept[split]) / 60
        left_out = sum(reading.tiers_left_out.values())
        numbers = (len(speakers), len(reading.refusals), reading.untranscribed, left_out)
        rows.append((split, str(len(kept[split])), f"{minutes:.1f}", *map(str, numbers)))
        notes += [f"{split}: {note}" for note in _notes(reading, rejected)]
    return "\n".join([aligned(rows, names=1), *notes])


def _notes(reading: Reading, rejected: Path) -> list[str]:
    notes = []
    if reading.refusals:
        notes.append(f"refused: {_counted(row.reason for row in reading.refusals)} (see {rejected})")
    if reading.tiers_left_out:
        notes.append(f"tiers left out: {_counted(reading.tiers_left_out.elements())}")
    for message, places in sorted(reading.warnings.items()):
        notes.append(f"warning: {message} ({len(places)}, first: {places[0]})")
    return notes


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(Counter(names).items())) or "none"
