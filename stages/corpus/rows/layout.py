"""What each column of a table of utterances holds: by the names that common corpora use, and by preprocess.columns."""

from collections.abc import Collection
from dataclasses import dataclass

from stages.common.params import Columns
from stages.corpus.rows.columns import columns_named, squashed
from stages.corpus.rows.files import nfc
from stages.corpus.rows.row_times import TimeColumns, looks_like_time, time_columns
from stages.corpus.rows.speaker_names import SPEAKER_COLUMNS
from stages.corpus.rows.speakers import AGE_COLUMNS, GENDER_COLUMNS

# The first of each row is the name in the documentation; the others are what common corpora call it. Upper and lower
# case, spaces, underscores and hyphens make no difference.
KNOWN = {
    "file_name": tuple(
        "file_name path file audio audio_path filename audio_filepath audio_file wav file_path audio_file_name"
        " audio_file_path wav_filename wav_file wav_path recording_filename recording recording_path sound_file".split()
    ),
    "text": tuple(
        "text sentence transcript transcription orthographic_text transcribed_text transcript_text raw_text"
        " normalized_text normalised_text text_normalized".split()
    ),
    "id": ("id", "utterance_id", "utt_id"),
    "speaker": SPEAKER_COLUMNS,
    "role": ("role", "speaker_role", "speaker_type", "participant_role", "participant_type"),
    "gender": GENDER_COLUMNS,
}
SPLIT = ("split", "split_name", "status", "partition", "set")
VALID, EMPTY = ("is_valid",), ("empty",)  # Samrómur's


@dataclass(frozen=True)
class Layout:
    """Which columns of a table hold what."""

    fields: dict[str, tuple[str, ...]]  # of each field of KNOWN
    age: tuple[str, ...]  # the user's own column
    times: TimeColumns
    unused: tuple[str, ...]  # columns that hold nothing that is read

    def unused_times(self) -> list[str]:
        """The unused columns whose names look like times."""
        return [name for name in self.unused if looks_like_time(name)]


def layout_of(present: Collection[str], own: Columns) -> Layout:
    """What the columns of a table hold.

    Parameters
    ----------
    present : the table's columns, as read_rows writes them
    own : preprocess.columns, the user's names; those that the table lacks are ignored
    """
    chosen: dict[str, str] = {}
    for field in Columns.model_fields:
        name = own_name(field, own)
        if name and name in present:
            chosen[field] = name
    others = [name for name in present if name not in chosen.values()]
    fields: dict[str, tuple[str, ...]] = {}
    for field, names in KNOWN.items():
        fields[field] = (chosen[field],) if field in chosen else columns_named(others, names)
    used = {*chosen.values(), *columns_named(present, (*AGE_COLUMNS, *SPLIT, *VALID, *EMPTY))}
    for columns in fields.values():
        used.update(columns)
    start, end = chosen.get("start", ""), chosen.get("end", "")
    free = [name for name in present if name not in used or name in (start, end)]
    times = time_columns(free, start, end)
    used |= times.used
    unused = tuple(sorted(name for name in present if name not in used and squashed(name)))
    age = (chosen["age"],) if "age" in chosen else ()
    return Layout(fields, age, times, unused)


def known_names(own: Columns) -> list[str]:
    """All names of columns that are known, with those of preprocess.columns."""
    names = [own_name(field, own) for field in Columns.model_fields]
    for known in KNOWN.values():
        names += known
    return [name for name in names if name]


def own_name(field: str, own: Columns) -> str:
    """The user's name of a column as read_rows writes it; "" where the user names none."""
    return nfc(getattr(own, field) or "").strip().lower()
