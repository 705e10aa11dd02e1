"""Every annotation format, and every kind of dirt in it, one test or row each."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows import speaker_names, speakers
from stages.corpus.rows.utterance import Refused, SplitContents
from tests.support.corpora import options, reading, textgrid, utterance, write, write_audio, write_table


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, **changes) -> SplitContents:
    return registry.read_split(data, "train", options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


# --- transcripts beside recordings


@pytest.mark.parametrize(
    ("audio", "file", "content", "text"),
    [
        ("anna/1.wav", "anna/1.txt", "we call it bear\n", "we call it bear"),
        ("anna/1.FLAC", "anna/1.TRN", "we call\r\nit bear", "we call\nit bear"),
        ("anna/1.wav", "anna/1.txt", "\ufeffwe call it bear", "we call it bear"),
        ("anna/1.wav", "anna/1.txt", "we call".encode("utf-16"), "we call"),
        ("anna/1.wav", "anna/1.txt", "it\u2019s caf\u00e9".encode("cp1252"), "it\u2019s caf\u00e9"),
        ("anna/1.wav", "anna/1.txt", "cafe\u0301\u00a0au lait", "caf\u00e9 au lait"),
        (unicodedata.normalize("NFD", "anna/\u00e9.wav"), "anna/\u00e9.txt", "hi", "hi"),
        (b"anna/caf\xe9.wav", b"anna/caf\xe9.txt", "hi", "hi"),  # names in Latin-1
    ],
)
def test_sidecar(data, audio, file, content, text):
    audio, file = os.fsdecode(audio), os.fsdecode(file)
    write_audio(data / "train/anna/x.wav").rename(data / "train" / audio)
    write(data / "train" / file, content)
    (row,) = read(data).utterances
    assert (row.text_raw, row.speaker, row.speaker_known) == (text, "anna", True)
    row.source.encode()


# Language, and a text in the encoding that Windows has for it.
OTHER_ENCODINGS = [
    ("zh", "\u6211\u4eec\u53eb\u5b83\u718a", "gb18030"),
    ("ja", "\u304f\u307e", "shift_jis"),
    ("ko", "\uc548\ub155", "cp949"),
    ("ru", "\u043c\u0435\u0434\u0432\u0435\u0434\u044c", "cp1251"),
    ("pl", "nied\u017awied\u017a", "cp1250"),
    ("tr", "ay\u0131", "cp1254"),
]


@pytest.mark.parametrize(("language", "text", "encoding"), OTHER_ENCODINGS)
@pytest.mark.parametrize(("name", "content"), [("anna/1.txt", "{}"), ("list.csv", "file_name,text\nanna/1.wav,{}\n")])
def test_text_of_another_encoding_is_not_guessed(data, language, text, encoding, name, content):
    write_audio(data / "train/anna/1.wav")
    write(data / "train" / name, content.format(text).encode(encoding))
    first = content.index("{}")  # of the bytes, which is no UTF-8
    if language in ("pl", "tr"):
        first += next(place for place, letter in enumerate(text) if not letter.isascii())
    message = f"{name} is not UTF-8 (see byte {first}), and its encoding is not known (language: {language}); save it"
    with pytest.raises(UserError, match=re.escape(message)):
        registry.read_split(data, "train", options(), language)
    write(data / "train" / name, content.format(text))
    (row,) = registry.read_split(data, "train", options(), language).utterances
    assert row.text_raw == text


def test_binary_file_is_no_text_in_any_language(data):
    write_audio(data / "train/a.wav")
    write(data / "train/a.txt", b"PK\0\0\xff")
    assert reasons(registry.read_split(data, "train", options(), "ko")) == ["not-text"]


def test_unknown_speakers_warn_once(data):
    for name in ("a", "b"):
        write_audio(data / f"train/{name}.wav")
        write(data / f"train/{name}.txt", "hi")
    reading = read(data)
    assert [(row.speaker, row.speaker_known) for row in reading.utterances] == [("a", False), ("b", False)]
    assert dict(reading.warnings) == {"unknown speakers are one per recording": ["train/a.txt", "train/b.txt"]}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["a.txt"], "missing-audio"),
        (["a.TextGrid"], "broken-textgrid"),
        (["a.txt", "b.wav"], "missing-audio"),
        (["a.txt", "a.wav", "a.flac"], "ambiguous-audio"),
    ],
)
def test_transcript_without_its_audio(data, files, reason):
    for name in files:
        write_audio(data / "train" / name) if name.endswith(("wav", "flac")) else write(data / "train" / name, "hi")
    assert reasons(read(data)) == [reason]


def test_binary_transcript(data):
    write_audio(data / "train/a.wav")
    write(data / "train/a.txt", b"PK\0\0\xff")
    assert reasons(read(data)) == ["not-text"]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (textgrid({"CHI": [(0, 1, "the dog")]}), "rename it to 1.TextGrid"),
        ('File type = "ooTextFile short"\n"TextGrid"\n', "rename it to 1.TextGrid"),
        ("/scratch/run 2/a.wav\t95.1\t48.9\n/scratch/run 2/b.wav\t3.1\t2.9\n", "it is a list"),
        ("tmp/a.wav\t95.1\t48.9\ntmp/b.wav\t3.1\t2.9\n", "it is a list"),
        ("a.mp3 0.31\nb.mp3 0.44\n", "it is a list"),
    ],
)
def test_text_of_another_kind_is_no_transcript(data, content, advice):
    write_audio(data / "train/anna/1.wav")
    write(data / "train/anna/1.txt", content)
    found = registry.read_split(data, "train", options())
    assert found.utterances == []
    (refusal,) = found.refusals
    assert refusal.reason == "other-format"
    assert advice in refusal.detail


@pytest.mark.parametrize("text", ["play song.wav please", "file type = 3", "the dog.flacid"])
def test_text_that_speaks_of_files_is_one(data, text):
    write_audio(data / "train/anna/1.wav")
    write(data / "train/anna/1.txt", text)
    assert [row.text_raw for row in registry.read_split(data, "train", options()).utterances] == [text]


def test_lfs_pointer_for_a_transcript(data):
    write_audio(data / "train/a.wav")
    write(data / "train/a.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(UserError, match=r"data/train/a.txt is only a Git LFS pointer"):
        read(data)


def test_audio_without_transcript_and_papers(data):
    for name in ("a.wav", "b.wav", ".hidden.wav", ".git/c.wav"):
        write_audio(data / "train" / name)
    for name in ("a.txt", "README.txt", "LICENSE.txt", ".DS_Store.txt"):
        write(data / "train" / name, "hi")
    reading = read(data)
    assert (len(reading.utterances), reading.refusals, reading.untranscribed) == (1, [], 1)


def test_better_annotation_wins(data):
    for name in ("a", "b", "c"):
        write_audio(data / f"train/{name}.wav")
        write(data / f"train/{name}.txt", "from txt")
    write(data / "train/a.TextGrid", textgrid({"anna": [(0, 1, "from textgrid")]}))
    write(data / "train/b.trn", "from trn")
    write_table(data / "train", [{"file_name": "c.wav", "text": "from table"}])
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["from textgrid", "from trn", "from table"]
    assert len(reading.warnings["a second transcript of a recording, passed over"]) == 3


# --- links


def test_link_to_a_cache_outside(data, tmp_path):
    """DVC may link what it keeps; whatever else leads out of data/ is not followed."""
    kept = write_audio(tmp_path / "any/cache/files/md5/0f" / f"{15 * 'a1'}.wav").rename(
        tmp_path / "any/cache/files/md5/0f" / (15 * "a1")
    )
    write_table(data / "train", [{"file_name": f"{name}.wav", "text": "hi", "speaker": "x"} for name in "abcd"])
    os.symlink(kept, data / "train/a.wav")
    os.symlink(data / "train", data / "train/loop")
    write_audio(tmp_path / "secrets/b.wav")
    os.symlink(tmp_path / "secrets/b.wav", data / "train/b.wav")
    os.symlink(tmp_path / "secrets", data / "train/elsewhere")
    os.symlink(tmp_path / "nowhere.wav", data / "train/c.wav")
    write_audio(data / "more/d.wav")
    os.symlink(data / "more/d.wav", data / "train/d.wav")
    reading = read(data)
    assert [row.source for row in reading.utterances] == ["train/a.wav", "train/d.wav"]
    assert sorted((row.file, row.reason) for row in reading.refusals if row.reason == "outside-data") == [
        *(("train/b.wav", "outside-data"), ("train/c.wav", "outside-data"), ("train/elsewhere", "outside-data"))
    ]


def test_named_pipe_is_not_opened(data):
    """Opening one would wait for a writer, forever."""
    write_audio(data / "train/anna/1.wav")
    write(data / "train/anna/1.txt", "hi")
    for name in ("2.wav", "2.txt", "metadata.csv", "x.TextGrid"):
        os.mkfifo(data / "train/anna" / name)
    reading = read(data)
    assert len(reading.utterances) == 1
    pipes = sorted(row.file for row in reading.refusals if row.reason == "not-a-file")
    assert pipes == [f"train/anna/{name}" for name in ("2.txt", "2.wav", "metadata.csv", "x.TextGrid")]
    assert len(reading.refusals) == 4


def test_path_through_a_link_out_of_data(data, tmp_path):
    write_audio(tmp_path / "secrets/b.wav")
    (data / "more").mkdir(parents=True)
    os.symlink(tmp_path / "secrets", data / "more/link")
    write_table(data / "train", [{"file_name": "../more/link/b.wav", "text": "hi"}])
    assert reasons(read(data)) == ["missing-audio"]


# --- ids, speakers, splits


def test_ids(data):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    rows = [("a.wav", "x", "1"), ("a.wav", "x", "1"), ("b.wav", "x", "1"), ("b.wav", "y", "1"), ("b.wav", "z", "1-2")]
    rows += [("a.wav", "w", "a.b/c"), ("a.wav", "w", "a_b_c"), ("a.wav", "w", "n" * 300)]
    table = []
    for name, text, id in rows:
        start = "xyzw".index(text) / 10
        table.append({"file_name": name, "text": text, "id": id, "start": start, "end": start + 0.1})
    write_table(data / "train", table)
    reading = read(data)
    ids = {(row.source[-5:], row.text_raw, row.id[:8]) for row in reading.utterances}
    assert {("a.wav", "x", "1"), ("b.wav", "x", "1-3"), ("b.wav", "y", "1-4"), ("b.wav", "z", "1-2")} < ids
    assert reasons(reading) == ["duplicate"]
    assert len({row.id for row in reading.utterances}) == 7
    assert all(len(row.id) < 90 and not set("./") & set(row.id) for row in reading.utterances)


def test_a_row_that_is_refused_as_a_duplicate_does_not_overlap_the_one_that_is_kept(data):
    write_audio(data / "train/a.wav", 9.0)
    times = [("1", 0.0, 2.0), ("1", 0.0, 2.0), ("1", 0.0, 2.0), ("2", 3.0, 5.0), ("3", 3.0, 5.0)]
    rows = [{"file_name": "a.wav", "text": "x", "id": id, "start": start, "end": end} for id, start, end in times]
    write_table(data / "train", rows)
    reading = read(data)
    assert reasons(reading) == ["duplicate"] * 2
    assert reading.spans[data / "train/a.wav"] == [(0.0, 2.0), (3.0, 5.0), (3.0, 5.0)]  # 2 and 3 are kept, and overlap


def test_speaker_list_completes(data):
    for name in ("anna/1", "ben/1"):
        write_audio(data / f"train/{name}.wav")
        write(data / f"train/{name}.txt", "hi")
    write(data / "train/speakers.tsv", "speaker\tage\tgender\nanna\t6\tFemale\n")
    assert [(row.age_months, row.gender) for row in read(data).utterances] == [(72, "f"), (None, None)]


@pytest.mark.parametrize(
    ("file", "speaker", "known"),
    [
        ("wavs/1", "wavs-1", False),
        ("Audio/1", "Audio-1", False),
        ("clips/data/1", "clips-data-1", False),
        ("anna/wav/1", "anna", True),
        ("recordings/anna/1", "anna", True),
    ],
)
def test_folders_that_name_no_speaker(data, file, speaker, known):
    write_audio(data / f"train/{file}.wav")
    write(data / f"train/{file}.txt", "hi")
    assert [(row.speaker, row.speaker_known) for row in read(data).utterances] == [(speaker, known)]


def test_spellings_of_one_name_are_one_speaker(data):
    names = {"train": ["Kid0", " KID0 ", "kid1"], "test": ["\u200bkid0\ufeff", "Kid 1", "kid  1"]}
    for split, speakers_of_split in names.items():
        rows = []
        for number, name in enumerate(speakers_of_split):
            write_audio(data / f"{split}/{number}.wav")
            rows.append({"file_name": f"{number}.wav", "text": "x", "speaker": name})
        write_table(data / split, rows)
    readings = registry.read(data, options())
    assert [row.speaker for row in readings["train"].utterances] == ["Kid0", "Kid0", "kid1"]
    assert [row.speaker for row in readings["test"].utterances] == ["Kid0", "Kid 1", "Kid 1"]
    assert dict(readings["train"].warnings) == {
        "spellings of one speaker's name: KID0 is read as Kid0": ["train/metadata.jsonl:2"]
    }
    with pytest.raises(UserError, match=r"share 1 speaker\(s\): Kid0"):
        speakers.check_apart(readings, allowed=False)


def test_speaker_list_in_another_spelling(data):
    write_audio(data / "train/anna/1.wav")
    write(data / "train/anna/1.txt", "hi")
    write(data / "train/speakers.csv", "Participant ID,age\nANNA ,6\n")
    assert [row.age_months for row in read(data).utterances] == [72]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train.csv": "file,text,nickname,room\na.wav,x,ann,1\nb.wav,y,ben,2\n"},
            "train/train.csv: nickname, room",
        ),
        ({"a.txt": "x", "b.txt": "y"}, "such as data/train/anna/a.wav instead of data/train/a.wav"),
        ({"wav.scp": "a a.wav\nb b.wav\n", "text": "a x\nb y\n"}, "utt2spk"),
        ({"a.TextGrid": textgrid({"CHI": [(0, 1, "x")]}), "b.txt": "y"}, "Folders are speakers"),
    ],
)
def test_split_without_any_speaker(data, files, message):
    for name in ("a", "b"):
        write_audio(data / f"train/{name}.wav")
    for name, content in files.items():
        write(data / "train" / name, content)
    contents = read(data)
    with pytest.raises(UserError) as raised:
        speaker_names.check_known({"train": contents}, is_allowed=False)
    assert message in str(raised.value)
    assert "preprocess.unknown_speakers: per_recording" in str(raised.value)
    speaker_names.check_known({"train": contents}, is_allowed=True)
    assert any("intervals assume" in warning for warning in contents.warnings)


def test_one_recording_needs_no_speaker(data):
    write_audio(data / "train/a.wav")
    write(data / "train/a.txt", "hi")
    contents = read(data)
    speaker_names.check_known({"train": contents}, is_allowed=False)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("train", "test", "data/train and data/test share 12 speaker.*s0, s1, s10, s11, s2, s3, s4, s5, s6, s7, ..."),
        ("dev", "adults", "data/dev and data/adults share 12"),
        ("train", "dev", "data/train and data/dev share 12"),
        ("test", "adults", None),
    ],
)
def test_speakers_are_kept_apart(one, other, message, capsys):
    readings = {split: reading(split) for split in ("train", "dev", "test", "adults")}
    for split in (one, other):
        readings[split].utterances = [utterance(f"s{number}") for number in range(12)]
    if message is None:
        return speakers.check_apart(readings, allowed=False)
    with pytest.raises(UserError, match=message):
        speakers.check_apart(readings, allowed=False)
    speakers.check_apart(readings, allowed=True)
    assert re.search(f"warning: {message}", capsys.readouterr().out)


def test_unknown_speakers_of_one_name_are_no_leak():
    readings = {split: reading(split) for split in ("train", "test")}
    for one in readings.values():
        one.utterances = [utterance("001", speaker_known=False)]
    speakers.check_apart(readings, allowed=False)


def test_splits(data):
    for name in ("zoo", "test", "train", "dev", "adults", ".dvc"):
        (data / name).mkdir(parents=True)
    write(data / "README.md", "hi")
    assert registry.splits(data) == ["train", "dev", "test", "adults", "zoo"]
    (data / "a.b").mkdir()
    with pytest.raises(UserError, match=r"data/a.b: name evaluation sets"):
        registry.splits(data)


@pytest.mark.parametrize("name", ["valid", "Validation", "eval"])
def test_other_names_of_a_development_set(data, name, capsys):
    for split in ("train", "test", name):
        (data / split).mkdir(parents=True)
    assert name in registry.splits(data)
    assert f"/{name} is one more evaluation set; to choose checkpoints by it, rename it to" in capsys.readouterr().out


def test_missing_or_empty_split(data):
    with pytest.raises(UserError, match=r"data/train is missing(.|\n)*docs/data.md"):
        registry.read(data, options())
    write_audio(data / "train/a.wav")
    (data / "test").mkdir()
    with pytest.raises(UserError, match=r"data/train holds no transcripts of children \(1 recordings"):
        registry.read(data, options())


def test_refused_says_why():
    assert str(Refused("bad-time", "no number")) == "bad-time: no number"
