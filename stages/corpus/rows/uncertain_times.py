"""Rows of tables that would take audio of other rows of their recording, because the table says no start or no end."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from stages.corpus.rows.utterance import Utterance


def uncertain_times(utterances: Iterable[Utterance], mistimed: Collection[tuple[str, Path]]) -> dict[Utterance, str]:
    """The rows whose text cannot be all that is said in their audio, each with the reason.

    These are rows of whole recordings that other rows give another text, rows with blank times in a table that has
    times for other rows of the recording, and rows without an end that reach over another row's start.

    Parameters
    ----------
    mistimed : (table, recording) of each row whose times were refused; they are not in `utterances`
    """
    by_recording: dict[Path, list[Utterance]] = defaultdict(list)
    timed = set(mistimed)
    for row in utterances:
        by_recording[row.audio].append(row)
        if row.start is not None:
            timed.add((row.file, row.audio))
    uncertain: dict[Utterance, str] = {}
    for rows in by_recording.values():
        if len(rows) > 1:
            uncertain.update(_uncertain(rows))
        for row in rows:
            if row.start is None and (row.file, row.audio) in timed:
                uncertain[row] = f"start and end are blank, and other rows of {row.source} have times: fill them in"
    return uncertain


def _uncertain(rows: list[Utterance]) -> dict[Utterance, str]:
    """The uncertain rows of one recording."""
    whole = [row for row in rows if row.start is None]
    starts = [row.start for row in rows if row.start is not None]
    latest_start = max(starts, default=-math.inf)
    uncertain: dict[Utterance, str] = {}
    if len({_letters(row.text_raw) for row in whole}) > 1:
        reason = f"{len(whole)} rows name {whole[0].source}, with different texts and no times that can be read"
        uncertain.update(dict.fromkeys(whole, reason))
    for row in rows:
        if row.start is not None and row.end is None and latest_start > row.start:
            uncertain[row] = f"the row has no end, and another row of {row.source} starts after it"
    return uncertain


def _letters(text: str) -> str:
    """A text as texts are compared: without punctuation, spaces, and upper and lower case."""
    return "".join(filter(str.isalnum, text.casefold()))
