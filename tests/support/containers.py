"""Data sets whose recordings are inside other files: parquet and arrow files, tars."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import soundfile

from stages.corpus.rows.utterance import SplitContents
from stages.cutting import cutting
from tests.support.corpora import RATE, noise


def encoded(seconds: float = 1.0, seed: int = 0, rate: int = RATE, format: str = "WAV") -> bytes:
    """The bytes of a recording."""
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(seconds, seed, rate), rate, format=format)
    return buffer.getvalue()


def write_parquet(path: Path, columns: dict[str, list], features: dict | None = None, group: int = 2) -> Path:
    """A parquet file with a column "audio" of structs {bytes, path}, as datasets writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(arrow_table(columns, features), path, row_group_size=group)
    return path


def arrow_table(columns: dict[str, list], features: dict | None = None) -> pyarrow.Table:
    """pyarrow's table of columns; "audio" holds structs {bytes, path}."""
    sound = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    arrays = {}
    for name, values in columns.items():
        arrays[name] = pyarrow.array(values, sound) if name == "audio" else pyarrow.array(values)
    table = pyarrow.table(arrays)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return table


def write_tar(path: Path, members: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def cut_embedded(reading: SplitContents) -> list[cutting.Cut | cutting.Refusal]:
    """The clip of each utterance, in order; each as if it were the only one of its recording."""
    results = []
    for row in reading.utterances:
        recording = cutting.Recording(row.audio, [row], [], row.embedded)
        results += cutting.cut_recording(recording, reading.options, for_training=False)
    return results
