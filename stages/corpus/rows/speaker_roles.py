"""What speakers are (CHI, Mother): in a column of roles, or in a table's speaker column instead of who they are.

Taken for a name, a role would make one speaker of all children: train and test would share it, and there would be no
interval. The name is then in another column of speakers, such as participant_id; without one, the speaker is unknown.
"""

from collections.abc import Iterable
from dataclasses import replace

from stages.corpus.rows import speaker_codes
from stages.corpus.rows.ages import UNKNOWN
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import ANYBODY, SplitContents, Utterance


def is_role(name: str) -> bool:
    """Whether a name is a word or code for a child or an adult. With a number (Kid0, FA1) it may be a person's."""
    meaning = speaker_codes.meaning_of(name)
    return meaning in (speaker_codes.CHILD, speaker_codes.ADULT) and not any(map(str.isdigit, name))


def known_role(text: str) -> str:
    """A cell of a column of roles; "" where it says neither child nor adult: such columns hold other things too."""
    return text if speaker_codes.meaning_of(text) in (speaker_codes.CHILD, speaker_codes.ADULT) else ""


def are_roles(names: set[str]) -> bool:
    """Whether a column holds roles and nothing else.

    Short codes of adults alone, such as Mo, are taken for names.
    """
    if not all(map(is_role, names)):
        return False
    is_child_there = any(speaker_codes.meaning_of(name) == speaker_codes.CHILD for name in names)
    return is_child_there or any(map(speaker_codes.is_adult_word, names))


def with_names(utterances: list[Utterance], files: Files, reading: SplitContents) -> list[Utterance]:
    """The same utterances of tables; where a table's speaker column holds roles, with the names of other columns.

    A column that the user has named in preprocess.columns.speaker is left as it is.
    """
    if reading.options.columns.speaker:
        return utterances
    by_table: dict[str, set[str]] = {}
    for row in utterances:
        if row.speaker_known:
            by_table.setdefault(row.file, set()).add(row.speaker)
    tables = {file for file, names in by_table.items() if are_roles(names)}
    for file in sorted(tables):
        roles = ", ".join(sorted(by_table[file]))
        reading.warn(f"a speaker column that holds roles ({roles}) and not names; another column has to", file)
    return [_with_name(row, files, reading) if row.file in tables else row for row in utterances]


def _with_name(row: Utterance, files: Files, reading: SplitContents) -> Utterance:
    if not row.speaker_known:
        return row
    if not row.other_name:
        reading.warn_unknown_speaker(f"{row.file}:{row.line}")
        return replace(row, speaker=files.named(row.audio), speaker_known=False, role=row.speaker)
    return replace(row, speaker=row.other_name, role=row.speaker)


def first_name(names: Iterable[str]) -> str:
    """The first of a row's names that is no role; "" if there is none."""
    for name in names:
        if name.lower() not in UNKNOWN and not is_role(name):
            return name
    return ""


def is_child(row: Utterance, reading: SplitContents) -> bool:
    """Whether an utterance whose name is still to be checked is a child's: by its role if it has one, and its name."""
    if not row.role:
        return reading.is_child(row.speaker, from_column=True)
    if reading.options.child_names == ANYBODY:
        is_name_of_child = not row.speaker_known or reading.is_child(row.speaker, from_column=True)
        return is_name_of_child and reading.is_child(row.role)
    return reading.is_child(row.role, row.speaker)
