"""When a row of a table starts and ends in its recording, by the columns and units that people use.

    onset,offset          start_ms,end_ms          begin,duration          xmin,xmax          offset,duration (NeMo)

Times are in seconds where the column's name says nothing else. written_times.py reads them as people write them.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from stages.corpus.rows.columns import cell, squashed
from stages.corpus.rows.utterance import Refused
from stages.corpus.rows.written_times import clock_seconds, number_of
from stages.records.units import Seconds

PARTS = ("", "segment", "seg", "utterance", "utt")
STARTS = ("start", "begin", "onset", "starttime", "begintime", "onsettime", "xmin", "tmin")
ENDS = ("end", "stop", "endtime", "stoptime", "xmax", "tmax")
OFFSETS = ("offset", "offsettime")  # the end beside an onset; NeMo's start beside a duration
DURATIONS = ("duration", "dur")
RECORDING_DURATION = ("audioduration", "recordingduration", "fileduration", "clipduration")

UNIT = re.compile(r"(.+?)(?:(milliseconds?|millis|msecs?|ms)|seconds?|secs?|s)")  # of a squashed name
IN_MILLISECONDS = ("segmentonset", "segmentoffset")  # as ChildProject writes them

TIME_WORD = r"(start|begin|onset|offset|end|stop|xmin|xmax|tmin|tmax|time|timestamp|timecode|from|to)"
TIME_NAME = re.compile(rf"{TIME_WORD}+(s|ing|sec|secs|seconds?|ms|msecs?|milliseconds?)?")

TOLERANCE: Seconds = 0.1  # columns that say the same thing may differ by this much


@dataclass(frozen=True)
class TimeColumns:
    """The columns of a table that hold times, by what they say."""

    start: tuple[str, ...]
    end: tuple[str, ...]
    # Of the stretch where the row has a start; without one, or beside an end, of the recording.
    duration: tuple[str, ...]
    recording_duration: tuple[str, ...]
    ambiguous: tuple[str, ...]  # offset, unless it is the end beside an onset or NeMo's start

    @property
    def used(self) -> set[str]:
        return {*self.start, *self.end, *self.duration, *self.recording_duration}


def time_columns(present: Collection[str], start: str = "", end: str = "") -> TimeColumns:
    """Which columns of a table hold times.

    Parameters
    ----------
    present : the table's columns that hold nothing else
    start, end : the user's names of these columns; "": the names that are known
    """
    others = [name for name in present if name not in (start, end)]
    starts = (start,) if start else _named(others, STARTS)
    ends = (end,) if end else _named(others, ENDS)
    offsets = _named(others, OFFSETS)
    durations = _named(others, DURATIONS)
    has_onset = any("onset" in squashed(name) for name in starts)
    if offsets and not end and has_onset:
        ends, offsets = ends + offsets, ()
    elif offsets and not starts and durations:
        starts, offsets = offsets, ()
    return TimeColumns(starts, ends, durations, _named(others, RECORDING_DURATION), offsets)


def _named(present: Iterable[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns with one of these names, alone or with a part before it and a unit behind it."""
    known = set()
    for part in PARTS:
        for name in names:
            known.add(part + name)
    return tuple(name for name in present if squashed(name) in known or _without_unit(name) in known)


def _without_unit(name: str) -> str:
    match = UNIT.fullmatch(squashed(name))
    return match.group(1) if match else squashed(name)


def _units_per_second(name: str) -> int:
    match = UNIT.fullmatch(squashed(name))
    is_milliseconds = squashed(name) in IN_MILLISECONDS or (match is not None and match.group(2) is not None)
    return 1000 if is_milliseconds else 1


def looks_like_time(name: str) -> bool:
    """Whether a column's name has a word such as start, endTime or from."""
    return any(TIME_NAME.fullmatch(word) for word in re.findall(r"[a-z]+", name.lower()))


def start_and_end(row: dict, columns: TimeColumns) -> tuple[Seconds | None, Seconds | None]:
    """Start and end of a row that is a stretch of a recording; (None, None) for the whole recording.

    Raises
    ------
    Refused
        bad-time (no number, or an offset that may be a start or an end), contradicting-times or unclear-times
    """
    start, end = seconds(row, columns.start), seconds(row, columns.end)
    if start is None and columns.start:
        _check_blank_start(row, columns)
    if start is None and end is None:
        _check_ambiguous(row, columns, "bad-time")
        return None, None
    if not columns.start:
        raise Refused("bad-time", f"{columns.end[0]} is {end:g} s, and the table has no column of starts")
    if end is None:
        duration = seconds(row, columns.duration)
        if duration is not None:
            return start, start + duration
        _check_ambiguous(row, columns, "unclear-times")
        return start, None
    duration = _seconds_if_readable(row, columns.duration)
    if duration is not None:
        _check_duration(start, end, duration, columns)
    return start, end


def _check_duration(start: Seconds, end: Seconds, duration: Seconds, columns: TimeColumns) -> None:
    """Refuse a duration that is neither that of the stretch nor long enough for the whole recording's."""
    is_of_stretch = abs(start + duration - end) <= TOLERANCE
    may_be_of_recording = duration >= end - TOLERANCE
    if is_of_stretch or may_be_of_recording:
        return
    raise Refused(
        "contradicting-times",
        f"from {start:g} s, {' or '.join(columns.duration)} gives an end of {start + duration:g} s, and"
        f" {' or '.join(columns.end)} one of {end:g} s; correct or remove one of these columns",
    )


def _check_blank_start(row: dict, columns: TimeColumns) -> None:
    """Refuse a row without a start that has an end, or the duration of a stretch: it may be anywhere."""
    given = columns.end
    has_start_cell = any(name in row for name in columns.start)
    if not columns.end and has_start_cell:  # NeMo leaves offset out where duration is the recording's
        given = columns.duration
    time = _seconds_if_readable(row, given)
    if time is not None:
        name = next(name for name in given if cell(row, [name]))
        raise Refused("unclear-times", f"{columns.start[0]} is blank, and {name} is {time:g} s; fill in the start")


def _check_ambiguous(row: dict, columns: TimeColumns, reason: str) -> None:
    """Refuse a row, for this reason, whose offset may be one of several things."""
    offset = cell(row, columns.ambiguous)
    if offset:
        raise Refused(
            reason,
            f"{columns.ambiguous[0]} is {offset}; without a column onset or duration, it may be a start or an end:"
            f" name it in preprocess.columns.start or preprocess.columns.end",
        )


def seconds(row: dict, columns: tuple[str, ...]) -> Seconds | None:
    """The time that columns of one meaning hold; None where they are empty.

    Raises
    ------
    Refused
        bad-time (no number) or contradicting-times (the columns differ)
    """
    times: list[Seconds] = []
    for name in columns:
        text = cell(row, [name])
        if not text:
            _check_blank(name, row.get(name))
            continue
        times.append(_seconds_of_cell(name, text))
    if not times:
        return None
    if max(times) - min(times) > TOLERANCE:
        values = ", ".join(f"{name} {cell(row, [name])}" for name in columns)
        raise Refused("contradicting-times", f"columns of one meaning differ: {values}; remove or rename one")
    return times[0]


def _check_blank(name: str, value: object) -> None:
    """Refuse a cell that cannot be read and is not blank, such as a list in JSON or a date in a parquet file."""
    if value is not None and not isinstance(value, str | float):  # float: NaN, which pandas writes for a blank cell
        raise Refused("bad-time", f"{name} is {value!r}, expected a number of seconds or milliseconds, or h:mm:ss")


def _seconds_of_cell(name: str, text: str) -> Seconds:
    """The time in a cell of the column `name`. Raises Refused (bad-time) where it is none, or may be several."""
    units = _units_per_second(name)
    try:
        time = clock_seconds(text)
        if time is None:
            return number_of(text) / units
    except ValueError as error:
        expected = "expected a number of seconds or milliseconds, or h:mm:ss"
        raise Refused("bad-time", f"{name} is {text!r}, {expected}: {error}") from None
    if units != 1:
        raise Refused(
            "bad-time", f"{name} is {text!r}, and the column's name says milliseconds: rename it or write numbers"
        )
    return time


def _seconds_if_readable(row: dict, columns: tuple[str, ...]) -> Seconds | None:
    try:
        return seconds(row, columns)
    except Refused:
        return None
