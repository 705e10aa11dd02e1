"""The report on every split: how much is used, how much is refused, and why."""

from collections import Counter
from pathlib import Path

from stages.common.errors import UserError
from stages.common.text_table import aligned
from stages.corpus.rows.utterance import SplitContents
from stages.records import speaker_counts
from stages.records.shards import Clip, of_unknown_speakers

HEADER = ("split", "utterances", "minutes", "speakers", "refused", "left out", "audio without transcript")
SHOWN = 10  # kinds of unknown markup

# Reasons that come from the speech itself or from the params. All others mean that something is broken.
EXPECTED = frozenset(
    "empty-text marked-invalid overlap speech-rate too-few-words too-long too-short two-voices unintelligible"
    " untimed untranscribed".split()
)


def check_refused(reading: SplitContents, used: int, rejected: Path) -> None:
    """Check that little of a split is refused.

    Parameters
    ----------
    used : the number of utterances that are not refused
    rejected : the file that lists the others, for the message

    Raises
    ------
    UserError
        Over max_refused of the utterances are broken, or nothing is left.
    """
    max_share = reading.options.max_refused
    broken = sum(row.reason not in EXPECTED for row in reading.refusals)
    total = used + len(reading.refusals)
    if used and broken <= max_share * total:
        return
    raise UserError(
        f"{len(reading.refusals)} of {total} utterances of the {reading.split} set are refused"
        f" ({_refusals(reading)}). Each is listed in {rejected};{_marks(reading)}"
        f" mend the corpus, or raise preprocess.max_refused ({max_share}) if some are left without them"
    )


def describe(readings: dict[str, SplitContents], clips: dict[str, list[Clip]], rejected: Path) -> str:
    """An aligned table of the splits, with notes."""
    rows, notes = [HEADER], []
    for split, reading in readings.items():
        speakers = len({clip.speaker for clip in clips[split]})
        minutes = sum(clip.duration for clip in clips[split]) / 60
        row = (
            split,
            str(len(clips[split])),
            f"{minutes:.1f}",
            speaker_counts.cell(speakers, of_unknown_speakers(clips[split]), len(clips[split])),
            str(len(reading.refusals)),
            str(reading.left_out.total()),
            str(reading.untranscribed),
        )
        rows.append(row)
        for note in _notes(reading, clips[split], rejected):
            notes.append(f"{split}: {note}")
    return "\n".join([aligned(rows, names=1), *notes])


def _notes(reading: SplitContents, clips: list[Clip], rejected: Path) -> list[str]:
    notes = []
    if reading.refusals:
        notes.append(f"refused: {_refusals(reading)} (see {rejected})")
    if reading.unknown_markup:
        notes.append(f"unknown{_marks(reading)}")
    if reading.taken:
        notes.append(f"speakers and tiers of sessions: {_listed(reading.taken)}")
    if reading.left_out:
        notes.append(f"left out: {_listed(reading.left_out)}")
    flags: Counter[str] = Counter()
    for clip in clips:
        flags.update(clip.flags)
    if flags:
        notes.append(f"used, and flagged in the manifest: {_listed(flags)}")
    for message, places in sorted(reading.warnings.items()):
        notes.append(f"warning: {message} ({len(places)}, first: {places[0]})")
    return notes


def _refusals(reading: SplitContents) -> str:
    return _listed(Counter(row.reason for row in reading.refusals))


def _marks(reading: SplitContents) -> str:
    """The most frequent unknown marks, with what to do about them; "" without any."""
    if not reading.unknown_markup:
        return ""
    by_frequency = sorted(reading.unknown_markup.items(), key=lambda item: (-item[1], item[0]))
    marks = ", ".join(f"{mark} {number}" for mark, number in by_frequency[:SHOWN])
    if len(by_frequency) > SHOWN:
        marks += ", ..."
    return f" markup (say what it is in preprocess.markup): {marks};"


def _listed(counts: Counter[str]) -> str:
    """The names with their counts, in alphabetical order; names with count 0 are left out."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count > 0)
