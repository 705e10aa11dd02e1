"""The utterance of a row, wherever its columns are from: a table, a parquet file, the JSON of a WebDataset sample."""

import math
from collections.abc import Collection
from pathlib import Path

from stages.corpus.rows import speaker_roles
from stages.corpus.rows.ages import UNKNOWN, age_in_months
from stages.corpus.rows.columns import cell, is_column, yes_or_no
from stages.corpus.rows.files import Files
from stages.corpus.rows.layout import EMPTY, VALID, Layout, own_name
from stages.corpus.rows.row_times import seconds, start_and_end
from stages.corpus.rows.speakers import GRADES, age_of, gender_of
from stages.corpus.rows.uncertain_times import uncertain_times
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.units import Seconds


def add_rows(
    utterances: list[Utterance], mistimed: Collection[tuple[str, Path]], files: Files, reading: SplitContents
) -> None:
    """Add the utterances of rows to `reading`, without those whose times are uncertain; see uncertain_times."""
    utterances = speaker_roles.with_names(utterances, files, reading)
    uncertain = uncertain_times(utterances, mistimed)
    for utterance in utterances:
        try:
            if utterance in uncertain:
                raise _without_times(uncertain[utterance], reading.unused_columns[utterance.file])
            reading.add(utterance)
        except Refused as refused:
            reading.refuse(utterance.id, utterance.file, utterance.line, refused.reason, refused.detail)


def _without_times(reason: str, unused: tuple[str, ...]) -> Refused:
    columns = f"columns that are not used: {', '.join(unused)}" if unused else "all columns are used"
    return Refused("unclear-times", f"{reason} ({columns}); name the columns of times in preprocess.columns")


def note_unused(layout: Layout, place: str, reading: SplitContents) -> None:
    """Keep the names of a table's unused columns for messages, and warn of those that look like times."""
    before = reading.unused_columns.get(place, ())
    reading.unused_columns[place] = tuple(sorted({*before, *layout.unused}))
    times = [name for name in layout.unused_times() if name not in before]
    if times:
        reading.warn(f"columns that look like times and are not used: {', '.join(times)}", place)


def utterance_of(
    row: dict,
    layout: Layout,
    audio: Path,
    times: tuple[Seconds | None, Seconds | None],
    file: str,
    line: int | None,
    files: Files,
    reading: SplitContents,
    *,
    format: str,
    id: str = "",
    speaker: str = "",
) -> Utterance:
    """The utterance of a row.

    Parameters
    ----------
    audio, times : the row's recording, and start and end in it; None: the whole recording
    file, line : the annotation file (and the sheet of a workbook) as messages show it, and where in it
    id, speaker : what the utterance and who speaks are called where the row does not say
    """
    place = f"{file}:{line}" if line else files.shown(audio)
    start, end = times
    derived_id = (id or files.named(audio)) + ("" if start is None else f"-{1000 * start:06.0f}")
    named_speaker = cell(row, layout.fields["speaker"])
    speaker = speaker if named_speaker.lower() in UNKNOWN else named_speaker
    age = _age(row, layout)
    if not speaker:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=cell(row, layout.fields["id"]) or derived_id,
        audio=audio,
        source=files.shown(audio),
        text_raw=cell(row, layout.fields["text"]),
        speaker=speaker or files.named(audio),
        speaker_known=bool(speaker),
        start=start,
        end=end,
        age=age or None,
        age_months=age_in_months(age, place, reading),
        gender=gender_of(cell(row, layout.fields["gender"])),
        file=file,
        line=line,
        format=format,
        check_name=True,
        role=speaker_roles.known_role(cell(row, layout.fields["role"])),
        other_name=speaker_roles.first_name(cell(row, [column]) for column in layout.fields["speaker"]),
        stated_seconds=_stated_seconds(row, layout, place, reading) if start is None else None,
    )


def times_of_clip(
    row: dict, layout: Layout, reading: SplitContents
) -> tuple[tuple[Seconds | None, Seconds | None], Seconds | None]:
    """The times of a row that has its sound with it, and how long the sound has to be.

    Corpora that are cut into clips keep the times that a clip had in its recording. So the clip is taken as a whole,
    if it is as long as its times say. Columns that preprocess.columns names are times in the row's own sound.

    Raises
    ------
    Refused
        Times in the row's own sound are wrong.
    """
    if own_name("start", reading.options.columns) in layout.times.start:
        return start_and_end(row, layout.times), None
    try:
        start, end = start_and_end(row, layout.times)
    except Refused:
        return (None, None), None
    return (None, None), None if start is None or end is None else end - start


def check_valid(row: dict) -> None:
    """Refuse rows that Samrómur has listened to and found not to be what was to be read."""
    valid, empty = yes_or_no(row, VALID), yes_or_no(row, EMPTY)
    if valid in ("0", "0.0", "false") or empty in ("1", "1.0", "true"):
        raise Refused("marked-invalid", f"the corpus says is_valid {valid or 'nothing'}, empty {empty or 'nothing'}")


def _age(row: dict, layout: Layout) -> str:
    own = [name for name in layout.age if name in row]
    if not own:
        return age_of(row)
    return age_of({own[0]: row[own[0]]}, () if is_column(own[0], GRADES) else own)


def _stated_seconds(row: dict, layout: Layout, place: str, reading: SplitContents) -> Seconds | None:
    """How long the recording is, according to the row. If that cannot be read, a warning says so, and it is None."""
    try:
        duration = seconds(row, layout.times.duration + layout.times.recording_duration)
    except Refused:
        duration = math.nan
    if duration is None or math.isfinite(duration):
        return duration
    reading.warn("a duration that is no number of seconds, passed over", place)
    return None
