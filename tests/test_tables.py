"""Tables of utterances, as people and well-known corpora write them."""

import json
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.errors import UserError
from stages.common.params import Columns
from stages.corpus.formats import registry
from stages.corpus.rows import near_names
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_audio, write_table


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, **changes) -> SplitContents:
    return registry.read_split(data, "train", options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "a.wav", "text": "hi, \\"you\\"", "speaker": "anna", "age": 6.5}\n'),
        (
            "metadata.jsonl",
            '{"audio_path": ".\\/a.wav", "transcript": "hi, \\"you\\"", "child_id": "anna", "age_months": 78}',
        ),
        ("metadata.csv", 'file_name,text,speaker,age\na.wav,"hi, ""you""",anna,6.5\n'),
        ("metadata.csv", '\ufeffpath,sentence,client_id,age\r\na.wav,"hi, ""you""",anna,6.5\r\n'),
        ("METADATA.TSV", 'Path\tSentence\tSpeaker_ID\tAge\na.wav\thi, "you"\tanna\t6.5\n'),
        ("metadata.csv", ',file_name,text,speaker,age\n0,a.wav,"hi, ""you""",anna,6.5\n'),  # with a data frame's index
        ("metadata.tsv", 'file\ttranscription\tspeaker\tage\na.wav\thi, "you"\tanna\t6.5\n'.encode("utf-16")),
    ],
)
def test_table(data, name, text):
    write_audio(data / "train/clips/a.wav")
    write(data / "train/clips" / name, text)
    (row,) = read(data).utterances
    assert (row.id, row.text_raw, row.speaker, row.age_months) == ("clips-a", 'hi, "you"', "anna", 78)


def test_timed_rows(data):
    write_audio(data / "train/a.wav")
    rows = [{"start": 1, "end": 2.5}, {"start": 0, "end": "0.5"}, {"start": 3}]
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", **times} for times in rows])
    assert [(row.id, row.start, row.end) for row in read(data).utterances] == [
        ("a-000000", 0.0, 0.5),
        ("a-001000", 1.0, 2.5),
        ("a-003000", 3.0, None),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "broken-row"),
        ('["a.wav", "hi"]', "broken-row"),
        ('{"file_name": "a.wav", "text": "\\ud83d"}', "broken-row"),  # half of an emoji
        ('{"text": "hi"}', "no-file-name"),
        ('{"file_name": "nowhere.wav", "text": "hi"}', "missing-audio"),
        ('{"file_name": "' + "words " * 99 + '", "text": "a.wav"}', "missing-audio"),  # columns swapped
        ('{"file_name": "a\\u0000.wav", "text": "hi"}', "missing-audio"),
        ('{"file_name": "/etc/passwd", "text": "hi"}', "outside-data"),
        ('{"file_name": "../../secret.wav", "text": "hi"}', "outside-data"),
        ('{"file_name": "a.wav", "text": "hi", "start": "soon"}', "bad-time"),
        ('{"file_name": "a.wav", "text": "hi", "start": 0, "end": Infinity}', "bad-time"),
        ('{"file_name": "a.wav", "text": "hi", "start": 2, "end": 1}', "end-before-start"),
        ('{"file_name": "a.wav", "text": "hi", "start": 1, "end": 1}', "end-before-start"),
        ('{"file_name": "a.wav", "text": "hi", "start": -0.05, "end": 1}', "start-before-zero"),
    ],
)
def test_row_is_refused_with_its_line(data, line, reason):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    write(data / "train/metadata.jsonl", '{"file_name": "b.wav", "text": "good"}\n\n' + line + "\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["good"]
    assert [(row.reason, row.file, row.line) for row in reading.refusals] == [(reason, "train/metadata.jsonl", 3)]


def test_unquoted_comma_is_refused(data):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.csv", 'file_name,text\na.wav,yes, please\na.wav,"yes,\nplease"\na.wav,a,b\n')
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["yes,\nplease"]
    assert [(row.reason, row.line) for row in reading.refusals] == [("broken-row", 2), ("broken-row", 5)]


@pytest.mark.parametrize(
    ("lines", "refused", "texts"),
    [
        (["b.wav,yes, please", "a.wav,good"], [2], ["good"]),
        (['b.wav,"never closed', "a.wav,good"], [2], ["good"]),  # and not one transcript of two lines
        (["a.wav,good", 'b.wav,"never closed'], [3], ["good"]),
        (['b.wav,"yes" she said', 'a.wav,"good, good"'], [2], ["good, good"]),
        (['a.wav,she said "yes"'], [], ['she said "yes"']),
        (["a.wav"], [], [""]),  # found to be empty later
        (["", " , ", "a.wav,good"], [], ["good"]),
        (["b.wav," + "x" * 200_000, "a.wav,good"], [2], ["good"]),
    ],
)
def test_damage_stays_in_its_row(data, lines, refused, texts):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    write(data / "train/metadata.csv", "\n".join(["file_name,text", *lines]) + "\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == texts
    assert [(row.reason, row.line) for row in reading.refusals] == [("broken-row", line) for line in refused]


def test_columns_of_later_rows(data):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    write(data / "train/x.jsonl", '{"file_name": "a.wav"}\n{"file_name": "b.wav", "text": "hi"}\n')
    reading = read(data)
    assert [(row.source, row.text_raw) for row in reading.utterances] == [("train/a.wav", ""), ("train/b.wav", "hi")]
    assert not reading.refusals


@pytest.mark.parametrize("content", ["child,remark\n1,shy, tired\n2,none\n", 'child,remark\n1,"shy\n2,none\n'])
def test_broken_rows_of_what_is_no_table_of_utterances(data, content):
    write(data / "train/notes.csv", content)
    reading = read(data)
    assert list(reading.warnings) == ["a table that names no recordings, passed over"]
    assert not reading.refusals


def test_table_without_a_text_column(data):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.csv", "file_name;words\na.wav;hi\n")
    with pytest.raises(
        UserError, match=r"data/train/metadata.csv has no column text .*its columns are file_name, words"
    ):
        read(data)


# --- delimiters, headers, JSON


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("list.csv", "file_name;text;speaker\na.wav;one, two;k1\n", "semicolons"),
        ("list.csv", 'file_name;text;speaker\na.wav;"one, two";k1\n', "semicolons"),
        ("list.csv", "file_name\ttext\tspeaker\na.wav\tone, two\tk1\n", "tabs"),
        ("list.csv", "file_name|text|speaker\na.wav|one, two|k1\n", "pipes"),
        ("list.tsv", 'file_name,text,speaker\na.wav,"one, two",k1\n', "commas"),
        ("list.csv", 'a.wav,"one, two"\nb.wav,three\n', "without header"),
        ("list.csv", '"file_name","text; raw","text"\na.wav,x,"one, two"\n', None),
        ("list.tsv", "a.wav\tone, two\nb.wav\tthree\n", "without header"),
        ("list.tsv", "wavs/a.wav\tone, two\n", "without header"),
        ("metadata.csv", "a|one, two\nb|three\n", "without header"),
        ("metadata.csv", "a|one, two|one, two\nb|3|three\nc|so|so\n", "without header"),  # LJSpeech
        ("manifest.json", '{"audio_filepath": "a.wav", "text": "one, two"}\n', None),
        (
            "manifest.json",
            '{"audio_filepath": "a.wav", "text": "one, two"}\n{"audio_filepath": "b.wav", "text": "x"}',
            None,
        ),
        ("x.json", '[\n  {"audio": "a.wav", "text": "one, two"},\n  {"audio": "b.wav", "text": "x"}\n]\n', None),
        ("metadata.jsonl", '{"audio": {"path": "a.wav", "sampling_rate": 16000}, "sentence": "one, two"}', None),
        ("metadata.jsonl", '{"audio": {"path": "/root/.cache/x/a.wav", "bytes": null}, "text": "one, two"}', None),
    ],
)
def test_shapes_of_tables(data, name, content, note):
    for recording in ("a", "b", "c"):
        write_audio(data / f"train/wavs/{recording}.wav")
    write(data / "train" / name, content)
    reading = read(data)
    assert not reading.refusals
    assert reading.utterances[0].source == "train/wavs/a.wav"
    assert reading.utterances[0].text_raw == "one, two"
    assert len(reading.utterances) == content.count(".wav" if ".wav" in content else "\n")
    notes = [warning for warning in reading.warnings if "table without" in warning or "separated" in warning]
    assert (note is None and not notes) or any(note in warning for warning in notes)


def test_lines_of_a_json_array(data):
    write_audio(data / "train/a.wav")
    write(data / "train/x.json", '[\n{"audio": "a.wav",\n "text": "x"},\n{"audio": "b.wav", "text": "y"}, 3, {broken')
    reading = read(data)
    assert [row.line for row in reading.utterances] == [2]
    assert [(row.reason, row.line) for row in reading.refusals] == [
        ("broken-row", 4),
        ("broken-row", 4),
        ("missing-audio", 4),
    ]


ROW = '{"audio": "%s.wav", "text": "x"}'


@pytest.mark.parametrize(
    ("content", "lines", "detail"),
    [
        (f"[{ROW % 'a'}]\n[{ROW % 'b'},\n{ROW % 'c'}]\n", [1, 2, 3], None),  # two files in one
        (f"[{ROW % 'a'}][]\n[\n{ROW % 'b'}]", [1, 3], None),
        (f"[{ROW % 'a'},\n{ROW % 'b'}", [1, 2], (2, "the array does not end")),
        (f"[{ROW % 'a'},\n{ROW % 'b'},\n", [1, 2], (2, "the array does not end")),
        (f"[{ROW % 'a'}]\n{ROW % 'b'}\n", [1], (2, "after the end of the array, and not read: '{")),
        (f"[{ROW % 'a'}]]", [1], (1, "after the end of the array, and not read: ']'")),
    ],
)
def test_nothing_of_a_json_file_is_lost_without_a_word(data, content, lines, detail):
    for name in ("a", "b", "c"):
        write_audio(data / f"train/{name}.wav")
    write(data / "train/x.json", content)
    found = read(data)
    assert [row.line for row in found.utterances] == lines
    assert [row.reason for row in found.refusals] == (["broken-row"] if detail else [])
    for refusal in found.refusals:
        assert refusal.line == detail[0]
        assert detail[1] in refusal.detail


@pytest.mark.parametrize(
    "content", ['{"a": 1}', '{\n "path": "a.wav"\n}\n', "[1, 2]", '{"segments": [{"text": "x"}]}', "[]", ""]
)
def test_json_that_is_no_table_of_utterances(data, content):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.json", content)
    assert not read(data).utterances


@pytest.mark.parametrize(
    "content", ["a.wav|k1|one two\nb.wav|k2|three\n", "a.wav,1,2,one\n", "a.wav,3.2\n", "a.wav,anna\nb.wav,anna\n"]
)
def test_no_header_and_no_sign_of_the_text_column(data, content):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    write(data / "train/list.csv", content)
    reading = read(data)
    assert not reading.utterances
    assert reasons(reading) == ["no-header"]


@pytest.mark.parametrize(
    ("name", "source", "detail"),
    [
        ("u1", "train/wavs/u1.wav", None),
        ("wavs/u1", "train/wavs/u1.wav", None),
        ("U1.WAV", "train/wavs/u1.wav", None),
        ("u1.mp3", "train/wavs/u1.wav", None),
        ("u1.v2", "train/wavs/u1.v2.wav", None),
        ("y/twice", "train/y/twice.wav", None),
        ("twice", None, "did you mean train/x/twice.wav or train/y/twice.wav?"),
        ("speakers1.wav", None, "did you mean train/wavs/speaker1.wav?"),
        ("nowhere", None, "nowhere is not in data/"),
    ],
)
def test_names_of_recordings_that_differ_a_little(data, name, source, detail):
    for recording in ("wavs/u1", "wavs/u1.v2", "x/twice", "y/twice", "wavs/speaker1"):
        write_audio(data / f"train/{recording}.wav")
    write_table(data / "train", [{"file_name": name, "text": "hi"}])
    reading = read(data)
    assert [row.source for row in reading.utterances] == ([source] if source else [])
    assert [detail in refusal.detail for refusal in reading.refusals] == ([] if source else [True])


@pytest.mark.parametrize(
    ("name", "recordings", "source"),
    [
        ("anna/0001.wav", ["ben/0001.wav"], None),
        ("anna/0001.wav", ["ben/0001.wav", "anna/0002.wav"], None),
        ("anna/0001.mp3", ["ben/0001.wav", "anna/0002.wav"], None),
        ("anna/0001", ["ben/0001.wav"], None),
        ("anna/wav/0001.wav", ["ben/wav/0001.wav"], None),
        ("anna/s1/0001.wav", ["ben/s1/0001.wav"], None),
        ("anna/0001.wav", ["0001.wav"], None),
        ("clips/0001.wav", ["ben/0001.wav"], None),
        ("/home/x/corpus/anna/0001.wav", ["ben/0001.wav"], None),
        ("/home/x/anna/s1/0001.wav", ["ben/s1/0001.wav", "anna/s1/0002.wav"], None),
        # A loose recording is nobody else's; but where ben has a folder, ben's recordings are in it.
        ("/home/x/anna/0001.wav", ["0001.wav", "ben/0002.wav"], "0001.wav"),
        ("/home/x/ben/0001.wav", ["0001.wav", "ben/0002.wav"], None),
        ("anna/0001.wav", ["ben/0001.wav", "anna/0001.flac"], "anna/0001.flac"),
        ("/home/x/corpus/anna/0001.wav", ["anna/0001.wav", "ben/0001.wav"], "anna/0001.wav"),
        ("/home/x/corpus/Anna/0001.wav", ["anna/0001.wav"], "anna/0001.wav"),
        ("/home/x/corpus/anna/0001.wav", ["release/anna/0001.wav"], "release/anna/0001.wav"),
        ("/home/x/corpus/Anna/S1/0001.mp3", ["anna/s1/0001.wav", "ben/s1/0001.wav"], "anna/s1/0001.wav"),
        ("Anna/0001", ["release/anna/0001.flac", "release/ben/0001.wav"], "release/anna/0001.flac"),
        ("anna/0001.wav", ["anna/wav/0001.wav"], "anna/wav/0001.wav"),
        ("corpus/anna/0001.wav", ["anna/0001.wav"], "anna/0001.wav"),
        ("clips/0001.wav", ["0001.wav"], "0001.wav"),
        ("clips/0001.wav", ["corpus/clips/0001.wav"], "corpus/clips/0001.wav"),
        ("/home/x/corpus/0001.wav", ["wav/0001.wav"], "wav/0001.wav"),
        ("0001.wav", ["ben/0001.wav"], "ben/0001.wav"),
    ],
)
def test_recording_of_another_folder(data, name, recordings, source):
    for recording in recordings:
        write_audio(data / "train" / recording)
    write_table(data / "train/lists", [{"audio_filepath": name, "text": "hi"}])
    reading = read(data)
    assert [row.source for row in reading.utterances] == ([f"train/{source}"] if source else [])
    assert reasons(reading) == ([] if source else ["missing-audio"])
    assert all(f"did you mean train/{recordings[0]}?" in refusal.detail for refusal in reading.refusals)


def test_time_for_recordings_of_one_name_is_not_their_square(tmp_path):
    """Every folder has its audio.wav, and the annotation names them without extension."""
    folders = [f"s{number}" for number in range(1500)]
    for folder in folders:
        write(tmp_path / "train" / folder / "audio.wav", "")
    files = Files(tmp_path / "train", tmp_path)
    before = time.process_time()
    for folder in folders:
        recording = files.resolve(f"/home/x/{folder}/audio", tmp_path / "train", foreign=True)
        assert recording == tmp_path / "train" / folder / "audio.wav"
    assert time.process_time() - before < 2  # each compared with all of the name: 7 s


def test_similar_names_are_searched_for_a_few_missing_names(data, monkeypatch):
    for number in range(3):
        write_audio(data / f"train/recording{number}.wav")
    searches = []
    monkeypatch.setattr(near_names.difflib, "get_close_matches", lambda *args, **kwargs: searches.append(args) or [])
    write_table(data / "train", [{"file_name": f"missing{number}.wav", "text": "x"} for number in range(2000)])
    assert len(read(data).refusals) == 2000
    assert len(searches) == near_names.SEARCHES


# --- times


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("start,end", "1.5,3.0", "4,6"),
        ("Start Time,End Time", "1.5,3.0", "4,6"),
        ("startTime,endTime", "1.5,3.0", "4,6"),
        ("begin,end", "1.5,3.0", "4,6"),
        ("onset,offset", "1.5,3.0", "4,6"),
        ("Onset_Time,Offset_Time", "1.5,3.0", "4,6"),
        ("onset,offset,duration", "1.5,3.0,1.5", "4,6,2"),
        ("onset,duration", "1.5,1.5", "4,2"),
        ("offset,duration", "1.5,1.5", "4,2"),  # NeMo
        ("offset,duration,end", "1.5,1.5,3", "4,2,6"),
        ("xmin,xmax", "1.5,3.0", "4,6"),
        ("tmin,tmax", "1.5,3.0", "4,6"),
        ("start_sec,end_sec", "1.5,3.0", "4,6"),
        ("start (s),end (s)", "1.5,3.0", "4,6"),
        ("start_ms,end_ms", "1500,3000", "4000,6000"),
        ("startMs,endMs", "1500,3000", "4000,6000"),
        ("begin msec,end msec", "1500,3000", "4000,6000"),
        ("start_milliseconds,stop_milliseconds", "1500,3000", "4000,6000"),
        ("onset [ms],duration [ms]", "1500,1500", "4000,2000"),
        ("offset_ms,duration_ms", "1500,1500", "4000,2000"),
        ("segment_start,segment_end", "1.5,3.0", "4,6"),
        ("segment_onset,segment_offset", "1500,3000", "4000,6000"),  # ChildProject
        ("segment_onset_sec,segment_offset_sec", "1.5,3.0", "4,6"),
        ("start,start_ms,end", "1.5,1500,3.0", "4,4000,6"),
        ("onset,offset,audio_duration", "1.5,3.0,20", "4,6,20"),
    ],
)
def test_names_and_units_of_times(data, header, first, second):
    write_audio(data / "train/a.wav")
    write(data / "train/x.csv", f"file,text,{header}\na.wav,one two,{first}\na.wav,three four,{second}\n")
    reading = read(data)
    assert [(row.text_raw, row.start, row.end) for row in reading.utterances] == [
        ("one two", 1.5, 3.0),
        ("three four", 4.0, 6.0),
    ]
    assert not reading.refusals
    assert not [message for message in reading.warnings if "times" in message]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ({"start": 1, "end": 3, "duration": 1}, "contradicting-times"),
        ({"start": 1, "end": 3, "duration": 2.5}, "contradicting-times"),
        ({"start": 1, "end": 3, "duration": 5}, None),  # the recording's
        ({"start": 1, "end": 3, "duration": 2.95}, None),
        ({"start": 1, "end": 3, "duration": 2.09}, None),
        ({"start": 1, "end": 3, "duration": "?"}, None),
        ({"start": 1, "start_ms": 2000, "end": 3}, "contradicting-times"),
        ({"onset": 1, "offset": 3, "duration": 1}, "contradicting-times"),
        ({"start": 1, "offset": 3}, "unclear-times"),  # and not to the end of the recording
        ({"start": 1, "offset": 0}, "unclear-times"),
        ({"start": 1, "offset": 3, "end": 3}, None),
        ({"start": 1, "offset": 0.5, "duration": 2}, None),
        ({"offset": 1}, "bad-time"),  # NeMo's start without duration, or an end without onset
        ({"segment_offset": 1000, "duration": "?"}, "bad-time"),
        ({"end": 3}, "bad-time"),  # and not from the beginning of the recording
        ({"onset": 1, "duration": "?"}, "bad-time"),
    ],
)
def test_contradicting_times_are_refused(data, times, reason):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", **times}])
    reading = read(data)
    assert reasons(reading) == ([reason] if reason else [])
    assert [(row.start, row.end) for row in reading.utterances] == ([] if reason else [(1.0, 3.0)])


def test_unused_columns_that_look_like_times(data):
    write_audio(data / "train/a.wav")
    columns = {
        "From": 1,
        "to": 2,
        "t_start": 1,
        "time_stamp": 1,
        "gendered": "x",
        "tone": 3,
        "stopwords": 1,
        "weekend": 0,
    }
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", **columns}])
    assert dict(read(data).warnings) == {
        "columns that look like times and are not used: from, t_start, time_stamp, to": ["train/metadata.jsonl"],
        "unknown speakers are one per recording": ["train/metadata.jsonl:1"],
    }


def test_own_columns_of_times(data):
    write_audio(data / "train/a.wav")
    rows = [{"file_name": "a.wav", "text": "x", "von_ms": 1000, "offset": 3, "start": "a place"}]
    write_table(data / "train", rows)
    columns = Columns(**{**dict.fromkeys(Columns.model_fields), "start": "von_ms", "end": "offset"})
    assert [(row.start, row.end) for row in read(data, columns=columns).utterances] == [(1.0, 3.0)]


def test_several_untimed_rows_of_a_recording(data):
    for name in ("a", "b", "c"):
        write_audio(data / f"train/{name}.wav")
    rows = [("a", "one two"), ("a", "three four"), ("b", "Same text."), ("b", "same text"), ("c", "alone")]
    write_table(data / "train", [{"file_name": f"{name}.wav", "text": text, "anfang": 1} for name, text in rows])
    reading = read(data)
    assert [row.source for row in reading.utterances] == ["train/b.wav", "train/b.wav", "train/c.wav"]
    assert [(row.reason, row.line) for row in reading.refusals] == [("unclear-times", 1), ("unclear-times", 2)]
    assert "columns that are not used: anfang" in reading.refusals[0].detail


def test_row_without_end_before_another(data):
    write_audio(data / "train/a.wav")
    rows = [{"start": 1}, {"start": 3, "text": "y"}]
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", **row} for row in rows])
    reading = read(data)
    assert [(row.start, row.end) for row in reading.utterances] == [(3.0, None)]
    assert [(row.reason, row.line) for row in reading.refusals] == [("unclear-times", 1)]


@pytest.mark.parametrize(
    ("header", "timed", "blank", "detail"),
    [
        ("start,end", "0,2", ",", "start and end are blank"),
        ("start,end", "0,2", ",6", "start is blank, and end is 6 s"),
        ("start,end", "soon,2", ",", "start and end are blank"),  # beside a row whose times cannot be read
        ("start,end", ",2", ",", "start and end are blank"),
        ("start,end,duration", "0,2,9", ",,9", "start and end are blank"),
        ("onset,duration", "0,2", ",6", "onset is blank, and duration is 6 s"),
        ("offset,duration", "0,2", ",6", "offset is blank, and duration is 6 s"),
    ],
)
def test_blank_start_beside_timed_rows(data, header, timed, blank, detail):
    write_audio(data / "train/a.wav")
    write(data / "train/x.csv", f"file,text,{header}\na.wav,one,{timed}\na.wav,two,{blank}\n")
    reading = read(data)
    assert "two" not in [row.text_raw for row in reading.utterances]
    refusal = next(refusal for refusal in reading.refusals if refusal.line == 3)
    assert refusal.reason == "unclear-times"
    assert detail in refusal.detail


@pytest.mark.parametrize(
    ("header", "times", "reason"),
    [
        ("start,end", ",", None),  # the whole recording
        ("start,end,duration", ",,1", None),
        ("start,end", ",6", "unclear-times"),
        ("start,duration", ",6", "unclear-times"),
    ],
)
def test_blank_start_of_the_only_row_of_a_recording(data, header, times, reason):
    for name in ("a", "b"):
        write_audio(data / f"train/{name}.wav")
    others = ",".join("011"[: header.count(",") + 1])
    write(data / "train/x.csv", f"file,text,{header}\na.wav,one,{times}\nb.wav,two,{others}\n")
    reading = read(data)
    assert reasons(reading) == ([reason] if reason else [])
    assert [row.start for row in reading.utterances if row.text_raw == "one"] == ([] if reason else [None])


def test_transcript_of_a_recording_beside_a_table_of_its_stretches(data):
    write_audio(data / "train/a.wav")
    write(data / "train/whole.csv", "file,text\na.wav,one two\n")
    write(data / "train/stretches.csv", "file,text,start,end\na.wav,one,0,1\na.wav,two,1,2\n")
    assert not read(data).refusals


def test_columns_of_times_that_only_later_rows_have(data):
    rows = []
    for number in range(30):
        write_audio(data / f"train/{number}.wav")
        rows.append({"file_name": f"{number}.wav", "text": "x"})
    rows[25] |= {"onset": 1, "offset": 3}
    write_table(data / "train", rows)
    assert [row.start for row in read(data).utterances if row.source == "train/25.wav"] == [1.0]


# --- speakers


@pytest.mark.parametrize(
    "name",
    [
        "speaker",
        "SPEAKER_ID",
        "speakerID",
        "Speaker ID",
        "speaker-id",
        "participant",
        "Participant ID",
        "participant_id",
        "spk",
        "spk_id",
        "subject",
        "Subject_ID",
        "child",
        "ChildID",
        "student",
        "student_id",
        "user",
        "user_id",
        "kid",
        "client_id",
    ],
)
def test_names_of_the_speaker_column(data, name):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", name: " Kid0 "}])
    assert [(row.speaker, row.speaker_known) for row in read(data).utterances] == [("Kid0", True)]


@pytest.mark.parametrize("name", ["", "unknown", "N/A", None])
def test_cells_that_name_no_speaker(data, name):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "x", "speaker": name}])
    assert [(row.speaker, row.speaker_known) for row in read(data).utterances] == [("a", False)]


# --- the tables of well-known corpora (invented rows)

COMMON_VOICE = """client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents
c0ffee\tcommon_voice_en_1.mp3\tShe said "no\t2\t0\tteens\tfemale_feminine\t
"""
SAMROMUR = """id\tspeaker_id\tfilename\tsentence\tsentence_norm\tgender\tage\tis_valid\tempty\tduration\tstatus
0000007\t000003\t000003-0000007.flac\tHann f\u00f3r heim.\thann f\u00f3r heim\tfemale\t8\t1.0\t0\t1.0\ttrain
0000008\t000003\t000003-0000008.flac\tJ\u00e1.\tj\u00e1\tfemale\t8\t0.0\t0\t1.0\ttrain
0000009\t000004\t000004-0000009.flac\tNei.\tnei\tmale\t9\t1.0\t0\t1.0\ttest
"""


def test_common_voice(data):
    write_audio(data / "train/clips/common_voice_en_1.mp3", rate=48_000)
    for name in ("train", "test", "validated", "invalidated", "other"):
        write(data / f"train/{name}.tsv", COMMON_VOICE)
    reading = read(data)
    (row,) = reading.utterances
    assert (row.text_raw, row.speaker, row.age, row.age_months) == ('She said "no', "c0ffee", "teens", 198)
    assert len(reading.warnings["a table of another split, passed over"]) == 4
    (data / "train/train.tsv").unlink()
    assert read(data).utterances[0].file == "train/validated.tsv"


def test_samromur(data):
    write(data / "train/metadata.tsv", SAMROMUR)
    write_audio(data / "train/train/000003/000003-0000007.flac")
    write_audio(data / "train/train/000003/000003-0000008.flac")
    reading = read(data)
    (row,) = reading.utterances
    assert (row.id, row.text_raw, row.speaker, row.age_months) == ("0000007", "Hann f\u00f3r heim.", "000003", 96)
    assert (row.gender, row.stated_seconds) == ("f", 1.0)
    assert reasons(reading) == ["marked-invalid"]
    assert reading.left_out == {"rows of the test split": 1}


def test_pasketti(data):
    row = {"utterance_id": "U_1", "child_id": "C_1", "session_id": "S_1", "audio_path": "audio\\/U_1.flac"}
    row |= {"audio_duration_sec": 1.0, "age_bucket": "5-7", "orthographic_text": "i like it"}
    write_audio(data / "train/audio/U_1.flac")
    write(data / "train/train_word_transcripts.jsonl", json.dumps(row).replace("\\\\/", "\\/") + "\n")
    write(
        data / "train/train_phon_transcripts.jsonl",
        json.dumps({**row, "phonetic": "x"}).replace("orthographic_text", "phonetic_text"),
    )
    reading = read(data)
    (found,) = reading.utterances
    assert reasons(reading) == ["no-text-column"]
    assert (found.id, found.speaker, found.age, found.age_months) == ("U_1", "C_1", "5-7", 78)


def test_nemo(data):
    write_audio(data / "train/a.wav", 5)
    write_audio(data / "train/b.wav", 5)
    rows = [{"audio_filepath": "a.wav", "text": "hi", "duration": 2.0, "offset": 1.0, "speaker": "x"}]
    rows += [{"audio_filepath": "b.wav", "text": "all", "duration": 5.0, "speaker": "x"}]
    write(data / "train/manifest.jsonl", "\n".join(map(json.dumps, rows)))
    found = {row.text_raw: (row.start, row.end, row.stated_seconds) for row in read(data).utterances}
    assert found == {"hi": (1.0, 3.0, None), "all": (None, None, 5.0)}


def test_nemo_names_files_of_another_machine(data):
    write_audio(data / "train/wav/a.wav")
    write(data / "train/manifest.jsonl", '{"audio_filepath": "/corpora/x/wav/a.wav", "text": "hi", "duration": 1.0}\n')
    assert [row.source for row in read(data).utterances] == ["train/wav/a.wav"]


def test_two_releases_of_common_voice(data):
    for release in ("one", "two"):
        write_audio(data / f"train/{release}/clips/common_voice_en_1.mp3", rate=48_000)
        write(data / f"train/{release}/train.tsv", COMMON_VOICE)
    reading = read(data)
    assert [row.source.split("/")[1] for row in reading.utterances] == ["one", "two"]
    assert not reading.refusals


@pytest.mark.parametrize(
    ("row", "split"),
    [
        ({"split": "train"}, None),
        ({"set": "Training"}, None),
        ({"split": "everything"}, None),
        ({"partition": "validation"}, "dev"),
        ({"Split Name": "dev"}, "dev"),
        ({"SET": "test"}, "test"),
        ({"set": "Evaluation"}, "test"),
        ({"status": "approved", "partition": "test"}, "test"),  # not every status is a split
    ],
)
def test_rows_of_another_split(data, row, split):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", **row}])
    reading = read(data)
    assert reading.left_out == ({f"rows of the {split} split": 1} if split else {})
    assert len(reading.utterances) == (0 if split else 1)


@pytest.mark.parametrize(
    ("row", "age", "months"),
    [
        ({"Age Group": "5-7"}, "5-7", 78),
        ({"Age (months)": 75}, "75 months", 75),
        ({"age_in_months": 75}, "75 months", 75),
        ({"Months": 75}, "75 months", 75),
        ({"Age (years)": 6}, "6", 72),
        ({"age_years": 6.0}, "6", 72),
        ({"Grade Level": 3}, "grade 3", 108),
    ],
)
def test_names_of_the_age_columns(data, row, age, months):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", "speaker": "anna", **row}])
    assert [(row.age, row.age_months) for row in read(data).utterances] == [(age, months)]


@pytest.mark.parametrize("row", [{"Age (years)": 25}, {"Age (months)": 300}])
def test_adults_by_other_age_columns(data, row):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", "speaker": "anna", **row}])
    assert read(data).left_out == {"speakers of 18 years or more": 1}


@pytest.mark.parametrize("header", ["Speaker,Age (years),Sex", "Speaker ID,Age in years,Gender"])
def test_columns_of_the_list_of_speakers(data, header):
    for name in ("a", "b"):
        write_audio(data / f"train/{name}.wav")
    write_table(data / "train", [{"file_name": f"{name}.wav", "text": "hi", "speaker": name} for name in "ab"])
    write(data / "train/speakers.csv", f"{header}\na,25,f\nb,6,girl\n")
    reading = read(data)
    assert [(row.speaker, row.age_months, row.gender) for row in reading.utterances] == [("b", 72, "f")]
    assert reading.left_out == {"speakers of 18 years or more": 1}


def list_speakers(data: Path, rows: list[str], name: str = "speakers.csv") -> SplitContents:
    """A corpus of anna and ben with a list of speakers."""
    for speaker in ("anna", "ben"):
        write_audio(data / f"train/{speaker}/1.wav")
        write(data / f"train/{speaker}/1.txt", "hi")
    write(data / "train" / name, "speaker,age,gender\n" + "".join(f"{row}\n" for row in rows))
    return read(data)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["anna,6,f", "ben,7,m", "Anna,8,f"], "line 4: Anna is listed before with another age: 8 and 6"),
        (["anna,6,f", "anna,6,m"], "line 3: anna is listed before with another gender: m and f"),
        (["anna,6,", "anna,19 years,"], "line 3: anna is listed before with another age: 19 years and 6"),
    ],
)
def test_speaker_who_is_listed_twice_and_differently(data, rows, message):
    with pytest.raises(UserError, match=f"data/train/speakers.csv, {re.escape(message)}"):
        list_speakers(data, rows)


def test_speaker_who_is_listed_twice_in_the_same_way(data):
    found = list_speakers(data, ["anna,6,f", "anna,6 years,girl", "ANNA,,", "ben,,m", "ben,7,"])
    assert [(row.speaker, row.age_months, row.gender) for row in found.utterances] == [
        ("anna", 72, "f"),
        ("ben", 84, "m"),
    ]


@pytest.mark.parametrize(
    ("rows", "is_warned"),
    [
        (["1,6,f", "2,35 years,m"], True),  # 001 and 002, as a spreadsheet writes them
        (["anna,6,f", "carl,35 years,m"], False),  # carl is in another split
        ([], False),
    ],
)
def test_list_of_speakers_of_whom_none_is_here(data, rows, is_warned):
    found = list_speakers(data, rows)
    message = "a list of speakers of whom none is in this split, so it gives nobody an age: names have to be the same"
    assert dict(found.warnings) == ({message: ["train/speakers.csv: 1, 2"]} if is_warned else {})


@pytest.mark.parametrize("row", [{"Is Valid": 0}, {"isValid": False}, {"is_valid": "0.0"}, {"Empty": True}])
def test_marked_invalid(data, row):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", **row}])
    assert reasons(read(data)) == ["marked-invalid"]


def test_cells_of_a_data_frame(data):
    write_audio(data / "train/a.wav")
    empty = dict.fromkeys(("age", "gender", "start", "end", "duration", "split", "is_valid", "id"), float("nan"))
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", "speaker": 12.0, **empty}])
    reading = read(data)
    (row,) = reading.utterances
    assert (row.id, row.speaker, row.age, row.gender, row.start, row.end) == ("a", "12", None, None, None, None)
    assert not reading.warnings


@pytest.mark.parametrize(
    ("cells", "texts", "speakers"),
    [
        ({"text": True}, [""], ["anna"]),
        ({"text": float("nan")}, [""], ["anna"]),
        ({"text": False, "sentence": "hi"}, ["hi"], ["anna"]),
        ({"text": "hi", "speaker": True}, ["hi"], ["a"]),
        ({"text": "hi", "speaker": float("nan")}, ["hi"], ["a"]),
    ],
)
def test_cells_that_are_no_text(data, cells, texts, speakers):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "speaker": "anna", **cells}])
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == texts
    assert [row.speaker for row in reading.utterances] == speakers


@pytest.mark.parametrize("time", [[1.5], {"seconds": 1.5}, True])
def test_times_that_are_no_cells_are_refused(data, time):
    write_audio(data / "train/a.wav", 4)
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", "start": time, "end": 2.5}])
    assert reasons(read(data)) == ["bad-time"]


@pytest.mark.parametrize("stated", ["soon", "nan", "inf"])
def test_unreadable_length_does_not_cost_the_row(data, stated):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", "duration": stated}])
    reading = read(data)
    assert [row.stated_seconds for row in reading.utterances] == [None]
    assert reading.warnings["a duration that is no number of seconds, passed over"] == ["train/metadata.jsonl:1"]


@pytest.mark.parametrize(
    ("name", "row", "months"),
    [
        ("alter", {"alter": "6", "age_months": 90}, 72),  # the user's column goes first
        ("alter", {"age_months": 90}, 90),  # another table
        ("age_months", {"age_months": 75, "age": "9"}, 75),
        ("grade", {"grade": 3, "age": "9"}, 108),
    ],
)
def test_own_age_column(data, name, row, months):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi", **row}])
    columns = Columns(**{**dict.fromkeys(Columns.model_fields), "age": name})
    assert [row.age_months for row in read(data, columns=columns).utterances] == [months]


def test_own_column_in_another_unicode_form(data):
    write_audio(data / "train/a.wav")
    write_table(data / "train", [{"file_name": "a.wav", "\u00c4u\u00dferung": "hallo"}])
    columns = Columns(**{**dict.fromkeys(Columns.model_fields), "text": "A\u0308u\u00dferung"})
    assert [row.text_raw for row in read(data, columns=columns).utterances] == ["hallo"]


def test_own_column_names(data):
    write_audio(data / "train/a.wav")
    own = {"wavfile": "a.wav", "Was gesagt wurde": "hallo", "Kind": "anna", "Alter": "6", "text": "not this"}
    write_table(data / "train", [own])
    names = {"file_name": "wavfile", "text": "was gesagt wurde", "speaker": "Kind", "age": "ALTER"}
    columns = Columns(**{**dict.fromkeys(Columns.model_fields), **names})
    (row,) = read(data, columns=columns).utterances
    assert (row.text_raw, row.speaker, row.age_months) == ("hallo", "anna", 72)


def test_table_without_text_is_reported(data):
    write_audio(data / "train/a.wav")
    write(data / "train/list.jsonl", '{"audio_path": "a.wav", "age_bucket": "unknown"}\n')
    write(data / "train/questionnaire.csv", "child,answer\n1,yes\n")
    reading = read(data)
    assert reasons(reading) == ["no-text-column"]
    assert list(reading.warnings) == ["a table that names no recordings, passed over"]


def test_adults_by_name_and_age(data):
    rows = [("1", "anna", 6), ("2", "Mother", None), ("3", "carl", "30 years"), ("4", "dora", 18), ("5", "eve", 17.9)]
    for name, _, _ in rows:
        write_audio(data / f"train/{name}.wav")
    write_table(data / "train", [{"file_name": f"{n}.wav", "text": "x", "speaker": s, "age": a} for n, s, a in rows])
    reading = read(data)
    assert [row.speaker for row in reading.utterances] == ["anna", "eve"]
    assert reading.left_out == {"other speakers: Mother": 1, "speakers of 18 years or more": 2}
    assert len(read(data, everyone_in=["train"]).utterances) == 5
    assert len(read(data, child_max_age=None).utterances) == 4


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(("metadata.jsonl", "metadata.csv", "metadata.tsv", "x.csv")),
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)),
    st.sampled_from(
        (b"", b"file_name,text\na.wav,hi\n", b"file_name\ttext\n", b'{"file_name": "a.wav", "text": "x"}\n')
    ),
)
def test_rubbish(name, content, head):
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_audio(data / "train/a.wav")
        write(data / "train" / name, head + content)
        try:
            read(data)
        except UserError:
            pass


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (
            [{"id": "c1", "type": "MonoCut", "supervisions": [], "recording": {}}],
            "a manifest of lhotse in .json (write it as .jsonl)",
        ),
        (
            [{"id": "s1", "recording_id": "r1", "start": 0, "duration": 1, "text": "hi"}],
            "a manifest of lhotse in .json (write it as .jsonl)",
        ),
        (
            {"u1": {"wav": "{data_root}/a.wav", "wrd": "hi"}, "u2": {"wav": "{data_root}/b.wav", "wrd": "yes"}},
            "an object with a row under each id (if it has transcripts, write it as a list of rows)",
        ),
        (
            {"anna": {"age": 6}},
            "an object with a row under each id (if it has transcripts, write it as a list of rows)",
        ),
        ([{"name": "anna"}], "a table that names no recordings"),
    ],
)
def test_json_that_is_not_read_is_named_for_what_it_is(tmp_path, content, warning):
    write(tmp_path / "train/corpus.json", json.dumps(content))
    write(tmp_path / "train/anna/a.wav", "")
    reading = registry.read_split(tmp_path, "train", options())
    assert reading.utterances == []
    assert reading.warnings[f"{warning}, passed over"] == ["train/corpus.json"]
