"""Parquet files and folders of Dataset.save_to_disk: their sounds are read out of them, row by row."""

import datetime
import decimal
from pathlib import Path

import datasets
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from stages.common.errors import UserError
from stages.common.params import Columns
from stages.corpus.formats import registry
from stages.corpus.rows import arrow_tables
from stages.corpus.rows.embedded import Cell
from stages.corpus.rows.utterance import SplitContents
from stages.cutting import cutting
from tests.support.containers import arrow_table, cut_embedded, encoded, write_parquet
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, split: str = "train", **changes) -> SplitContents:
    return registry.read_split(data, split, options(**changes))


def sounds(*seconds: float, names: tuple[str | None, ...] = ()) -> list[dict]:
    """Cells of a column "audio"."""
    cells = []
    for index, length in enumerate(seconds):
        cells.append({"bytes": encoded(length, seed=index), "path": names[index] if names else f"a/{index}.wav"})
    return cells


def test_parquet(data):
    columns = {
        "audio": sounds(0.7, 1.3, 2.1),
        "sentence": ["one", "two", "three"],
        "client_id": ["anna", "ben", "anna"],
    }
    write_parquet(data / "train/train-00000-of-00001.parquet", {**columns, "age": [6, 7, 6], "gender": ["female"] * 3})
    reading = read(data)
    assert [(row.text_raw, row.speaker, row.age_months, row.gender) for row in reading.utterances] == [
        ("one", "anna", 72, "f"),
        ("two", "ben", 84, "f"),
        ("three", "anna", 72, "f"),
    ]
    file = "train/train-00000-of-00001.parquet"
    assert [(row.source, row.file, row.line) for row in reading.utterances] == [
        (f"{file}::000000/0.wav", file, 1),
        (f"{file}::000001/1.wav", file, 2),
        (f"{file}::000002/2.wav", file, 3),
    ]
    assert [row.duration for row in cut_embedded(reading)] == [0.7, 1.3, 2.1]
    assert reading.untranscribed == 0
    assert not reading.refusals
    assert not reading.warnings


@pytest.mark.parametrize("text", ["text", "sentence", "transcription", "transcript"])
@pytest.mark.parametrize("speaker", ["speaker", "speaker_id", "client_id"])
def test_names_of_columns(data, text, speaker):
    write_parquet(data / "train/0000.parquet", {"audio": sounds(1), text: ["hi"], speaker: [12]})
    (row,) = read(data).utterances
    assert (row.text_raw, row.speaker) == ("hi", "12")


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_sounds_without_names(data, format):
    sound = {"bytes": encoded(1.5, rate=22_050, format=format), "path": None}
    write_parquet(data / "train/0.parquet", {"audio": [sound], "text": ["hi"]})
    (result,) = cut_embedded(read(data))
    assert result.duration == pytest.approx(1.5, abs=0.06 if format == "MP3" else 1e-4)
    assert result.source_rate == 22_050
    assert result.row.source == "train/0.parquet::000000"


def test_embedded_recording_is_decoded_like_a_file(data):
    for suffix in ("wav", "flac", "mp3", "ogg"):
        path = write_audio(data / f"train/{suffix}/a.{suffix}", 1.2, rate=44_100)
        write(path.with_suffix(".txt"), "hi")
        write_parquet(
            data / f"test/{suffix}.parquet", {"audio": [{"bytes": path.read_bytes(), "path": None}], "text": ["hi"]}
        )
    files = []
    for row in read(data).utterances:
        files += cutting.cut_recording(cutting.Recording(row.audio, [row], []), options(), for_training=False)
    embedded = cut_embedded(read(data, "test"))
    assert [row.content for row in files] == [row.content for row in embedded]
    assert len({row.content for row in files}) > 1


def test_classes_are_names(data):
    """datasets stores a ClassLabel as a number: 1 is no age and no speaker."""
    features = {
        "age": {"names": ["6", "9"], "_type": "ClassLabel"},
        "gender": {"names": ["m", "f"], "_type": "ClassLabel"},
    }
    features |= {"speaker": {"names": ["anna", "ben"], "_type": "ClassLabel"}, "audio": {"_type": "Audio"}}
    columns = {"audio": sounds(1, 1), "text": ["one", "two"], "age": [1, -1], "gender": [1, 0], "speaker": [0, 1]}
    write_parquet(data / "train/0.parquet", columns, features)
    rows = read(data).utterances
    assert [(row.speaker, row.age_months, row.gender) for row in rows] == [("anna", 108, "f"), ("ben", None, "m")]


def test_sound_with_a_path_only(data):
    write_audio(data / "train/clips/a.wav", 0.9)
    cells = [{"bytes": None, "path": "/home/x/clips/a.wav"}, *sounds(0.5), {"bytes": None, "path": "gone.wav"}]
    cells.append({"bytes": None, "path": None})
    write_parquet(data / "train/0.parquet", {"audio": cells, "text": ["a", "b", "c", "d"]})
    reading = read(data)
    assert [(result.row.source, result.duration) for result in cut_embedded(reading)] == [
        ("train/0.parquet::000001/0.wav", 0.5),
        ("train/clips/a.wav", 0.9),
    ]
    assert [(row.line, row.reason) for row in reading.refusals] == [(3, "missing-audio"), (4, "no-file-name")]
    assert reading.untranscribed == 0


def test_parquet_without_statistics(data):
    table = arrow_table({"audio": [*sounds(0.5, 0.6), {"bytes": None, "path": "gone.wav"}], "text": ["a", "b", "c"]})
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(table, data / "train/0.parquet", write_statistics=False)
    reading = read(data)
    assert [result.duration for result in cut_embedded(reading)] == [0.5, 0.6]
    assert [row.reason for row in reading.refusals] == ["missing-audio"]


def test_column_of_bytes(data):
    table = pyarrow.table({"wav": [encoded(0.8)], "text": ["hi"]})
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(table, data / "train/0.parquet")
    assert [result.duration for result in cut_embedded(read(data))] == [0.8]


def test_image_is_no_sound(data):
    features = {"image": {"_type": "Image"}, "audio": {"_type": "Audio"}}
    table = arrow_table({"audio": sounds(1.0), "text": ["hi"]}, features).append_column(
        "image", arrow_table({"audio": sounds(2.0)}).column(0)
    )
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(table, data / "train/0.parquet")
    assert [result.duration for result in cut_embedded(read(data))] == [1.0]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"audio": sounds(1), "note": ["x"]}, "no-text-column"),
        ({"note": ["x"], "text": ["hi"]}, "no-sound-column"),
        (
            {"mic1": [{"bytes": b"x", "path": "a"}], "mic2": [{"bytes": b"x", "path": "a"}], "text": ["hi"]},
            "ambiguous-audio",
        ),
        ({"audio": sounds(1), "text": [["hi", "there"]], "sentence": ["what was to be read"]}, "no-text-column"),
        ({"audio_array": [{"array": [0.1], "sampling_rate": 16_000}], "text": ["hi"]}, "decoded-audio"),
    ],
)
def test_unclear_columns_are_refused(data, table, reason):
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(table), data / "train/0.parquet")
    (refusal,) = read(data).refusals
    assert (refusal.reason, refusal.file) == (reason, "train/0.parquet")


def test_column_of_texts_named_by_the_user(data):
    columns = {"audio": sounds(1), "text": [["hi", "there"]], "sentence": ["hi"]}
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), data / "train/0.parquet")
    own = Columns(**{name: None for name in Columns.model_fields}).model_copy(update={"text": "sentence"})
    assert [row.text_raw for row in read(data, columns=own).utterances] == ["hi"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (decimal.Decimal("2.50"), decimal.Decimal("64")),
        (datetime.timedelta(seconds=2.5), datetime.timedelta(minutes=1, seconds=4)),
        (datetime.time(0, 0, 2, 500_000), datetime.time(0, 1, 4)),
    ],
)
def test_types_of_times(data, start, end):
    """Times that were no numbers were taken for blank cells, and the whole recording for the row's stretch."""
    write_audio(data / "train/a.wav", 70)
    columns = {"file": ["a.wav"], "text": ["hi"], "speaker": ["anna"], "start": [start], "end": [end]}
    pyarrow.parquet.write_table(pyarrow.table(columns), data / "train/0.parquet")
    reading = read(data)
    assert [(row.start, row.end) for row in reading.utterances] == [(2.5, 64.0)]
    assert not reading.refusals


def test_times_that_cannot_be_read_are_no_blank_cells(data):
    write_audio(data / "train/a.wav")
    columns = {"file": ["a.wav"], "text": ["hi"], "start": [datetime.datetime(2020, 1, 1)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), data / "train/0.parquet")
    reading = read(data)
    assert not reading.utterances
    assert [refusal.reason for refusal in reading.refusals] == ["bad-time"]


def test_column_of_sounds_named_by_the_user(data):
    columns = {"mic1": sounds(1), "mic2": sounds(2), "text": ["hi"]}
    (data / "train").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), data / "train/0.parquet")
    own = Columns(**{name: None for name in Columns.model_fields}).model_copy(update={"file_name": "mic2"})
    assert [result.duration for result in cut_embedded(read(data, columns=own))] == [2.0]


def test_times_of_clips_in_their_recordings(data):
    """Clips are taken as a whole: their times were those of another recording."""
    columns = {"audio": sounds(1.5, 4.0), "text": ["one", "two"], "begin_time": [100.0, 1.0], "end_time": [101.5, 2.0]}
    write_parquet(data / "train/0.parquet", columns)
    whole, other = cut_embedded(read(data))
    assert (whole.duration, whole.row.start) == (1.5, None)
    assert (other.reason, "4.000 s" in other.detail) == ("unclear-times", True)
    own = options().columns.model_copy(update={"start": "begin_time", "end": "end_time"})
    write_parquet(data / "train/0.parquet", {name: cells[1:] for name, cells in columns.items()})
    (stretch,) = read(data, columns=own).utterances
    assert (stretch.start, stretch.end, stretch.clip_seconds) == (1.0, 2.0, None)


def test_files_of_other_splits(data):
    for name in ("train-00000-of-00001", "test-00000-of-00001", "validation/0000", "default/train/0000"):
        write_parquet(data / f"train/{name}.parquet", {"audio": sounds(1), "text": [name]})
    reading = read(data)
    assert sorted(row.text_raw for row in reading.utterances) == ["default/train/0000", "train-00000-of-00001"]
    assert reading.warnings["a file of another split, passed over"] == [
        "train/test-00000-of-00001.parquet",
        "train/validation/0000.parquet",
    ]
    assert len(read(data).utterances) == 2
    assert reading.left_out == {"files of the test split": 1, "files of the dev split": 1}


def saved(lengths: tuple[float, ...], speaker: str) -> datasets.Dataset:
    columns = {
        "audio": sounds(*lengths),
        "text": [f"text {length}" for length in lengths],
        "speaker": [1] * len(lengths),
    }
    features = {"audio": datasets.Audio(decode=False), "text": datasets.Value("string")}
    features["speaker"] = datasets.ClassLabel(names=["x", speaker])
    info = datasets.DatasetInfo(features=datasets.Features(features))
    # Not Dataset.from_dict: it imports torch, which starts a process.
    return datasets.Dataset(datasets.table.InMemoryTable(arrow_table(columns)), info=info)


def test_saved_data_set(data):
    saved((0.7, 1.3, 2.1), "anna").save_to_disk(data / "train/corpus", num_shards=2)
    reading = read(data)
    assert [(row.text_raw, row.speaker) for row in reading.utterances] == [
        ("text 0.7", "anna"),
        ("text 1.3", "anna"),
        ("text 2.1", "anna"),
    ]
    assert [result.duration for result in cut_embedded(reading)] == [0.7, 1.3, 2.1]
    assert not reading.warnings
    assert not reading.refusals


def test_saved_data_sets_are_splits(data):
    both = datasets.DatasetDict({"train": saved((0.7,), "anna"), "test": saved((1.3,), "ben")})
    both.save_to_disk(data)
    readings = registry.read(data, options())
    assert readings.keys() == {"train", "test"}
    assert [row.speaker for row in readings["train"].utterances] == ["anna"]
    assert [row.speaker for row in readings["test"].utterances] == ["ben"]
    both.save_to_disk(data / "train/all")
    assert [row.speaker for row in read(data).utterances] == ["anna", "anna"]  # never the test split of the second copy


def test_cache_of_a_saved_data_set(data):
    saved((0.7,), "anna").save_to_disk(data / "train")
    (source,) = (data / "train").glob("data-*.arrow")
    write(data / "train/cache-1234.arrow", source.read_bytes())
    reading = read(data)
    assert len(reading.utterances) == 1
    assert reading.warnings["an arrow file that is not part of its data set, passed over"] == ["train/cache-1234.arrow"]


def test_missing_arrow_file(data):
    saved((0.7, 1.3), "anna").save_to_disk(data / "train", num_shards=2)
    (data / "train/data-00001-of-00002.arrow").unlink()
    with pytest.raises(UserError, match=r"data-00001-of-00002\.arrow, which is not beside it"):
        read(data)


def test_arrow_file_format(data):
    table = arrow_table({"audio": sounds(0.7, 1.3), "text": ["one", "two"]})
    (data / "train").mkdir(parents=True)
    with pyarrow.ipc.new_file(data / "train/0.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    assert [result.duration for result in cut_embedded(read(data))] == [0.7, 1.3]


@pytest.mark.parametrize("name", ["0.parquet", "data.arrow"])
def test_truncated_file(data, name):
    saved((0.7, 1.3), "anna").save_to_disk(data / "whole")
    (arrow,) = (data / "whole").glob("*.arrow")
    parquet = write_parquet(data / "whole/0.parquet", {"audio": sounds(0.7, 1.3), "text": ["one", "two"]})
    content = {"0.parquet": parquet, "data.arrow": arrow}[name].read_bytes()
    for end in (1, 8, len(content) // 2, len(content) - 100, len(content) - 8, len(content) - 1):
        write(data / f"train/{name}", content[:end])
        with pytest.raises(UserError, match=f"data/train/{name} is damaged or incomplete .*copy or download it again"):
            read(data)
    write(data / f"train/{name}", "")
    with pytest.raises(UserError, match=f"data/train/{name} is empty"):
        read(data)
    write(data / f"train/{name}", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(UserError, match="git lfs pull"):
        read(data)


def test_damaged_sounds_are_refused(data):
    path = write_parquet(data / "train/0.parquet", {"audio": sounds(1, 1, 1), "text": ["a", "b", "c"]}, group=1)
    content = bytearray(path.read_bytes())
    place = content.find(b"RIFF", content.find(b"RIFF") + 4)  # the sound of the second row
    content[place - 40 : place + 4000] = bytes(4040)
    reading = read(data)
    path.write_bytes(bytes(content))
    first, second, third = cut_embedded(reading)
    assert (first.duration, third.duration) == (1.0, 1.0)
    assert second.reason == "unreadable-audio"


def test_rows_are_read_in_any_order(data):
    cells = sounds(*(0.3 + index / 10 for index in range(9)))
    path = write_parquet(data / "train/0.parquet", {"audio": cells, "text": ["x"] * 9}, group=4)
    order = [0, 1, 5, 4, 8, 2, 3, 8, 0]
    assert [Cell(path, "audio", row).read() for row in order] == [cells[row]["bytes"] for row in order]


def test_sounds_are_not_read_for_their_texts(data, monkeypatch):
    """Sounds may be larger than memory: their column is not even looked at where the file counts its empty cells."""
    write_parquet(data / "train/0.parquet", {"audio": sounds(1, 1), "text": ["one", "two"]})
    asked = []
    batches = arrow_tables.ParquetTable.batches

    def spy(table, columns, *rest):
        asked.extend(columns)
        return batches(table, columns, *rest)

    monkeypatch.setattr(arrow_tables.ParquetTable, "batches", spy)
    assert len(read(data).utterances) == 2
    assert sorted(asked) == ["audio.path", "text"]


def test_damaged_arrow_file(data):
    """Offsets that lead out of the file are an error, and do not end the process."""
    table = arrow_table({"audio": sounds(0.7, 1.3), "text": ["one", "two"]})
    (data / "train").mkdir(parents=True)
    path = data / "train/0.arrow"
    with pyarrow.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)
    content = path.read_bytes()
    offsets = bytes.fromhex("000000000300000006000000")  # of "one" and "two"
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, bytes.fromhex("0000000003000000f0ffff7f")))
    with pytest.raises(UserError, match=r"data/train/0\.arrow is damaged or incomplete"):
        read(data)
