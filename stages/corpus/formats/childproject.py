"""ChildProject: segments of day-long recordings in CSV files, the format of ACLEW's corpora.

    annotations/<set>/converted/<name>.csv    segment_onset,segment_offset,speaker_id,speaker_type,transcription,...
    metadata/annotations.csv                  which recording each of these files is about
    metadata/recordings.csv, children.csv     child_id and date_iso of a recording; child_dob and child_sex of a child

Times are in milliseconds. The type of a speaker is CHI (the child who is recorded), OCH (another child), FEM or MAL
(adults). A table of segments with a column for the recording (recording_filename, file_name, ...) needs no metadata; it
may have the column child_id.
"""

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

from stages.corpus.formats.childproject_metadata import METADATA, Child, Project, child_of_row, projects_of
from stages.corpus.rows.ages import UNKNOWN
from stages.corpus.rows.columns import cell, columns_named
from stages.corpus.rows.files import Files
from stages.corpus.rows.headers import QUOTES, first_line
from stages.corpus.rows.layout import KNOWN
from stages.corpus.rows.list_lines import head_of
from stages.corpus.rows.session import Session, Turn, read_sessions
from stages.corpus.rows.table_rows import read_tables
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.written_times import number_of
from stages.records.units import Seconds

COLUMNS = ("segment_onset", "segment_offset", "speaker_type")
KEY_CHILD = "CHI"
NO_TEXT = "NA"  # as R and pandas write an empty cell


def claims(files: Files) -> list[Path]:
    """The tables of segments, and the metadata if there are tables of segments."""
    segments = [path for path in files.with_suffix(".csv") if _has_segments(path)]
    if not segments:
        return []
    return [path for path in files.with_suffix(".csv") if path in segments or path.name.lower() in METADATA]


def _has_segments(path: Path) -> bool:
    """Whether a table has the columns of segments."""
    names = [name.strip(QUOTES).lower() for name in first_line(head_of(path).split("\n")).split(",")]
    return len(columns_named(names, COLUMNS)) == len(COLUMNS)


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    segments = [path for path in paths if _has_segments(path)]
    metadata = [path for path in paths if path not in segments]
    projects = projects_of(segments, metadata, files, reading)
    set_of_recording: dict[tuple[Project, str], Path] = {}
    parse = partial(_sessions, projects=projects, set_of_recording=set_of_recording)
    read_sessions(parse, segments, files, reading)


def _sessions(
    path: Path,
    place: str,
    reading: SplitContents,
    projects: dict[Path, Project],
    set_of_recording: dict[tuple[Project, str], Path],
) -> list[Session]:
    """A session for each recording of a table of segments.

    Parameters
    ----------
    projects : the project of each table of segments
    set_of_recording : the folder from which a recording's transcripts are read; those of other folders are passed over

    Raises
    ------
    Refused
        no-recording-name: neither a column nor the metadata says which recording it is about
    """
    project = projects[path]
    turns: dict[str, list[Turn]] = defaultdict(list)
    left_out: dict[str, Counter[str]] = defaultdict(Counter)
    has_text = False
    for _, rows in read_tables(path, place, reading, COLUMNS):
        for line, row in rows:
            text = cell(row, columns_named(row, KNOWN["text"]))
            has_text = has_text or bool(columns_named(row, KNOWN["text"]))
            recording = cell(row, columns_named(row, KNOWN["file_name"])) or project.recording_of(path, row)
            child = project.child_of(recording) or child_of_row(row, f"{place}:{line}", reading)
            text = "" if text == NO_TEXT else text
            turns[recording].append(_turn(row, text, line, child, left_out[recording]))
    if not has_text:
        reading.warn("segments without a column of transcripts, passed over", place)
        return []
    sessions = []
    for recording, of_recording in sorted(turns.items()):
        if not any(turn.text or turn.refused for turn in of_recording):
            reading.warn("segments without transcripts, passed over", f"{place} ({recording})")
        elif set_of_recording.setdefault((project, recording), path.parent) != path.parent:
            reading.warn("a second transcript of a recording, passed over", f"{place} ({recording})")
        else:
            options = {"left_out": left_out[recording], "own_speakers": True, "own_stem": False}
            sessions.append(Session((recording,), of_recording, "childproject", **options))
    return sessions


def _turn(row: dict, text: str, line: int, child: Child | None, left_out: Counter[str]) -> Turn:
    """The turn of a row; it has no text if the type of speaker is unknown, and then only says when somebody speaks."""
    kind = cell(row, ["speaker_type"])
    speaker = cell(row, ["speaker_id"])
    label = kind if kind == KEY_CHILD or speaker.lower() in UNKNOWN else speaker
    if kind.lower() in UNKNOWN:
        left_out["segments of an unknown type of speaker"] += 1
        text, label = "", ""
    elif not text:
        left_out["segments without text"] += 1
    name = ""
    if child:
        name = child.id if kind == KEY_CHILD else f"{child.id}-{label}"
    age, gender = (child.age, child.sex) if child and kind == KEY_CHILD else ("", "")
    try:
        start, end = _seconds(row, "segment_onset"), _seconds(row, "segment_offset")
    except Refused as refused:
        return Turn(kind, text, None, None, line, refused=refused)
    return Turn(kind, text, start, end, line, name=name, age=age, gender=gender)


def _seconds(row: dict, name: str) -> Seconds:
    """A cell's time, which is in milliseconds, as seconds."""
    text = cell(row, columns_named(row, [name]))
    try:
        return number_of(text) / 1000
    except ValueError as error:
        raise Refused("bad-time", f"{name} is {text!r}, expected a number of milliseconds: {error}") from None
