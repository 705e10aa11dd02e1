"""What the columns of a parquet or arrow file hold: the sounds, the text, and the names of classes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages.corpus.rows import arrow_tables
from stages.corpus.rows.columns import columns_named
from stages.corpus.rows.files import nfc
from stages.corpus.rows.layout import KNOWN, Layout, layout_of, own_name
from stages.corpus.rows.utterance import Refused, SplitContents

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class DataFile:
    """A parquet or arrow file with what its columns hold."""

    path: Path
    table: arrow_tables.Table
    columns: dict[str, str]  # of text and numbers: as rows have them, and as the file calls them
    labels: dict[str, list[str]]  # the names of a column's classes, which it holds as numbers
    sound: str  # the column of sounds as the file calls it; "" where it has none, and names files
    layout: Layout

    @property
    def bytes_column(self) -> str:
        """The column or field that holds the bytes of sounds."""
        return f"{self.sound}.bytes" if self.is_struct else self.sound

    @property
    def path_column(self) -> str:
        """The field that holds the names of sounds; "" where there is none."""
        has_names = self.is_struct and self.table.schema.field(self.sound).type.get_field_index("path") >= 0
        return f"{self.sound}.path" if has_names else ""

    @property
    def is_struct(self) -> bool:
        """Whether the sounds are structs, and not bytes only."""
        return bool(self.sound) and not _is_binary(self.table.schema.field(self.sound).type)

    @property
    def sound_name(self) -> str:
        """What rows call the column of sounds."""
        return _row_name(self.sound)


def _row_name(column: str) -> str:
    """What rows call a column, as those of read_rows do."""
    return nfc(column).strip().lower()


def open_file(path: Path, reading: SplitContents) -> DataFile:
    """Open a file and find out what its columns hold.

    Raises
    ------
    Refused
        It is unclear which column holds the sounds, or there is none, or none of text.
    OSError, ValueError
        The file is damaged.
    """
    import pyarrow.types as types

    table = arrow_tables.open_table(path)
    features = _features(table.schema)
    columns: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    nested = []
    for field in table.schema:
        if types.is_nested(field.type) or _is_binary(field.type):
            nested.append(_row_name(field.name))
            continue
        name = _row_name(field.name)
        columns[name] = field.name
        names = features.get(field.name, {}).get("names")
        if isinstance(names, list):
            labels[name] = [str(label) for label in names]
    sound = _sound_column(table.schema, features, reading)
    layout = layout_of([*columns, _row_name(sound)] if sound else list(columns), reading.options.columns)
    if sound:
        layout.fields["file_name"] = (_row_name(sound),)
    _check_fields(layout, columns)
    if own_name("text", reading.options.columns) not in columns:
        _check_text(layout, nested)
    return DataFile(path, table, columns, labels, sound, layout)


def _check_fields(layout: Layout, columns: dict[str, str]) -> None:
    """Raises Refused where no column holds the sounds or the text."""
    others = ", ".join(sorted(columns)) or "none"
    if not layout.fields["file_name"]:
        raise Refused("no-sound-column", f"no column holds sounds or names recordings; its other columns: {others}")
    if not layout.fields["text"]:
        detail = f"no column holds the text; name it in preprocess.columns.text. Its columns: {others}"
        raise Refused("no-text-column", detail)


def _check_text(layout: Layout, nested: list[str]) -> None:
    """Raises Refused where a column that says more clearly that it holds the text than the one of texts is `nested`.

    A column "text" of lists of words may be what is said, and "sentence" beside it what was to be read.
    """
    name = columns_named([*nested, *layout.fields["text"]], KNOWN["text"])[0]
    if name in nested:
        detail = f"{name} holds lists or objects and no texts; name the column of texts in preprocess.columns.text"
        raise Refused("no-text-column", detail)


def _features(schema: "pyarrow.Schema") -> dict[str, dict]:
    """What datasets says of each column, by its name; {} in files of others."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"].items()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return {name: feature for name, feature in features if isinstance(feature, dict)}


def _is_binary(type: "pyarrow.DataType") -> bool:
    import pyarrow.types as types

    return types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type)


def _sound_column(schema: "pyarrow.Schema", features: dict, reading: SplitContents) -> str:
    """The column of sounds; "" where there is none. Raises Refused where it is unclear, or holds no encoded sounds."""
    import pyarrow.types as types

    sounds: dict[str, str] = {}  # as rows have it, and as the file calls it
    decoded = []
    for field in schema:
        name = _row_name(field.name)
        parts = {part.name: part.type for part in field.type} if types.is_struct(field.type) else {}
        is_audio = features.get(field.name, {}).get("_type", "Audio") == "Audio"  # images are such structs too
        is_sound = is_audio and "bytes" in parts and _is_binary(parts["bytes"])
        if is_sound or (_is_binary(field.type) and columns_named([name], KNOWN["file_name"])):
            sounds[name] = field.name
        elif "array" in parts:
            decoded.append(field.name)
    own = own_name("file_name", reading.options.columns)
    if own in sounds:
        return sounds[own]
    if own in map(_row_name, schema.names):
        return ""
    usual = columns_named(sounds, KNOWN["file_name"])
    names = usual if len(usual) == 1 else tuple(sounds)
    if len(names) > 1:
        detail = f"its columns {', '.join(names)} hold sounds; name one in preprocess.columns.file_name"
        raise Refused("ambiguous-audio", detail)
    if not names and decoded:
        detail = f"{decoded[0]} holds arrays of numbers; write it with datasets.Audio(decode=False), as encoded bytes"
        raise Refused("decoded-audio", detail)
    return sounds[names[0]] if names else ""
