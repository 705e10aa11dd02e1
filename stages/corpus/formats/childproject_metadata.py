"""The metadata of a ChildProject: whose recording each table of segments is about, and how old the child is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from stages.corpus.rows.ages import DAYS_A_MONTH, UNKNOWN
from stages.corpus.rows.columns import cell
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speakers import AGES, MONTHS, age_of
from stages.corpus.rows.table_rows import read_tables
from stages.corpus.rows.utterance import Refused, SplitContents

METADATA = ("annotations.csv", "recordings.csv", "children.csv")
AGES_WITH_UNIT = (*AGES[1:], *MONTHS)  # a column that is only called age may be in months or in years


@dataclass(frozen=True)
class Child:
    """The child whose recording it is."""

    id: str
    age: str  # at the day of the recording, in months; "" where it is not known
    sex: str


@dataclass(eq=False)
class Project:
    """What the metadata of one ChildProject say."""

    folder: Path
    by_table: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # the recordings of each table
    by_raw_file: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # and of what it was made from
    children: dict[str, Child] = field(default_factory=dict)  # of each recording

    def recording_of(self, path: Path, row: dict) -> str:
        """The recording of a row in the table of segments `path`. Raises Refused (no-recording-name)."""
        table = nfc(path.relative_to(self.folder).as_posix())
        raw_file = cell(row, ["raw_filename"])
        recordings = self.by_table.get(table) or self.by_raw_file.get(raw_file, set())
        if len(recordings) == 1:
            return next(iter(recordings))
        detail = f"metadata/annotations.csv names {len(recordings)} recordings for {table}"
        raise Refused("no-recording-name", f"{detail}; name one there, or in a column recording_filename")

    def child_of(self, recording: str) -> Child | None:
        return self.children.get(recording)


def child_of_row(row: dict, place: str, reading: SplitContents) -> Child | None:
    """The child whom a row of a table of segments names itself; None where it names none."""
    id = cell(row, ["child_id"])
    if id.lower() in UNKNOWN:
        return None
    return Child(id, _age(row, row, place, reading), cell(row, ["child_sex"]))


def projects_of(
    tables: Sequence[Path], metadata: Sequence[Path], files: Files, reading: SplitContents
) -> dict[Path, Project]:
    """The project of each table of segments: that of the innermost folder around it that has metadata."""
    by_folder: dict[Path, dict[str, Path]] = defaultdict(dict)
    for path in metadata:
        folder = path.parent.parent if path.parent.name.lower() == "metadata" else path.parent
        by_folder[folder][path.name.lower()] = path
    read: dict[Path, Project] = {}
    projects = {}
    for table in tables:
        folder = next((parent for parent in table.parents if parent in by_folder), files.folder)
        if folder not in read:
            read[folder] = _read_project(folder, by_folder.get(folder, {}), files, reading)
        projects[table] = read[folder]
    return projects


def _read_project(folder: Path, metadata: dict[str, Path], files: Files, reading: SplitContents) -> Project:
    project = Project(folder)
    for _, row in _rows(metadata.get("annotations.csv"), files, reading):
        recording = cell(row, ["recording_filename"])
        table = f"annotations/{cell(row, ['set'])}/converted/{cell(row, ['annotation_filename'])}"
        project.by_table[table].add(recording)
        project.by_raw_file[cell(row, ["raw_filename"])].add(recording)
    children: dict[str, dict] = {}
    for _, row in _rows(metadata.get("children.csv"), files, reading):
        children[cell(row, ["child_id"])] = row
    for place, row in _rows(metadata.get("recordings.csv"), files, reading):
        id = cell(row, ["child_id"])
        if id.lower() in UNKNOWN:
            continue
        child = children.get(id, {})
        sex = cell(child, ["child_sex"])
        project.children[cell(row, ["recording_filename"])] = Child(id, _age(row, child, place, reading), sex)
    return project


def _rows(path: Path | None, files: Files, reading: SplitContents) -> Iterator[tuple[str, dict]]:
    """(place, row) of a file of the metadata; nothing where there is none."""
    if path is None:
        return
    for place, rows in read_tables(path, files.shown(path), reading, ("recording_filename", "child_id")):
        for line, row in rows:
            yield f"{place}:{line}", row


def _age(recording: dict, child: dict, place: str, reading: SplitContents) -> str:
    """The age on the day of the recording, from the day of birth; else from a column of ages that says its unit."""
    birth, day = cell(child, ["child_dob"]), cell(recording, ["date_iso"])
    if birth.lower() not in UNKNOWN and day.lower() not in UNKNOWN:
        try:
            days = (date.fromisoformat(day[:10]) - date.fromisoformat(birth[:10])).days
        except ValueError:
            days = -1
        if days >= 0:
            return f"{days / DAYS_A_MONTH:.1f} months"
        reading.warn("child_dob and date_iso that give no age (expected: YYYY-MM-DD), left unknown", place)
    for row in (recording, child):
        age = age_of({name: value for name, value in row.items() if name in AGES_WITH_UNIT}, AGES_WITH_UNIT)
        if age:
            return age
    if "age" in recording or "age" in child:
        reading.warn("a column age that does not say months or years (age_months, age_years), left unknown", place)
    return ""
