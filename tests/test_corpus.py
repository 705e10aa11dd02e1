"""Every annotation format, and every kind of dirt in it, one test or row each."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from stages import corpus, transcript
from stages.corpus import kaldi, speakers
from stages.corpus.utterance import Reading, Refused
from stages.errors import UserError
from tests.corpora import options, reading, textgrid, utterance, write, write_audio, write_table


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, **changes) -> Reading:
    return corpus.read_split(data, "train", options(**changes))


def reasons(reading: Reading) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


# --- Kaldi directories


def write_kaldi(folder: Path, **tables: str) -> None:
    for name, text in {"text": "u1 HELLO\n", "wav_scp": "u1 u1.wav\n", "utt2spk": "u1 anna\n", **tables}.items():
        write(folder / name.replace("_", "."), text)


def test_kaldi(data):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", spk2age="anna 6\n", spk2gender="anna f\n")
    (row,) = read(data).utterances
    assert (row.id, row.text_raw, row.speaker, row.speaker_known, row.age_months, row.gender) == (
        *("u1", "HELLO", "anna", True),
        *(72, "f"),
    )
    assert (row.source, row.start, row.end, row.file, row.line) == ("train/u1.wav", None, None, "train/text", 1)


def test_kaldi_segments(data):
    write_audio(data / "train/wav/rec.wav")
    write_kaldi(
        data / "train/lists",
        wav_scp="rec wav/rec.wav\n",  # relative to the split, not to the Kaldi directory
        text="u1 one\nu2 two\nu3 three\nu4 four\n",
        utt2spk="u1 a\nu2 a\nu3 a\nu4 a\n",
        segments="u1 rec 0.5 1.5\nu2 rec 2 -1\nu3 rec x 3\nu5 rec 3 4\n",
    )
    reading = read(data)
    assert [(row.id, row.start, row.end) for row in reading.utterances] == [("u1", 0.5, 1.5), ("u2", 2.0, None)]
    assert reasons(reading) == ["bad-time", "missing-segment"]
    # u5 has no text, but somebody speaks there
    assert reading.spans[data / "train/wav/rec.wav"] == [(0.5, 1.5), (2.0, float("inf")), (3.0, 4.0)]


def test_kaldi_without_speakers(data):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", utt2spk="")
    reading = read(data)
    assert (reading.utterances[0].speaker, reading.utterances[0].speaker_known) == ("u1", False)
    assert list(reading.warnings) == ["unknown speakers are one per recording"]


@pytest.mark.parametrize(
    ("entry", "file"),
    [
        ("a b.wav", "a b.wav"),
        ("flac -c -d -s /x/a.flac |", "/x/a.flac"),
        ("sph2pipe -f wav -p /x/a.sph |", "/x/a.sph"),
        ("/opt/kaldi/tools/sph2pipe -f wav '/x/a b.sph' |", "/x/a b.sph"),
        ("sox a.mp3 -t wav -r 16000 -b 16 - |", "a.mp3"),
        ("sox -t wav a.wav -r 16k -c 1 -t wav - |", "a.wav"),
    ],
)
def test_wav_scp_entry(entry, file):
    assert kaldi.file_of(entry) == file


@pytest.mark.parametrize(
    "entry",
    [
        "sox  -r  16000  -b16  -c  1  --null  -t  wav  -  synth  174160s  sine  300-3300  |",
        "sph2pipe -f wav -p -c 2 a.sph |",  # one of two channels
        "sox a.wav -t wav - speed 1.1 |",  # an effect
        "sox a.wav b.wav |",
        "cat a.wav; rm -rf / |",
        "touch owned |",
        "flac -c -d -s $(touch owned) |",
        "sph2pipe a.sph | sox - -t wav - |",
        "flac -c -d -s 'a |",
        "flac |",
        "|",
    ],
)
def test_wav_scp_command_is_refused_and_not_run(data, entry):
    write_kaldi(data / "train", wav_scp=f"u1 {entry}\n")
    reading = read(data)
    assert reasons(reading) == ["wav-scp-command"]
    assert not list(data.rglob("owned")) + list(Path.cwd().glob("owned"))


@pytest.mark.parametrize(
    ("entry", "files", "found"),
    [
        ("/other/machine/wav/u1.wav", ["wav/u1.wav"], "train/wav/u1.wav"),
        ("C:\\corpus\\wav\\u1.wav", ["wav/u1.wav"], "train/wav/u1.wav"),
        ("/other/anna/u1.wav", ["anna/u1.wav", "ben/u1.wav"], "train/anna/u1.wav"),
        ("/other/u1.wav", ["anna/u1.wav", "ben/u1.wav"], "ambiguous-audio"),
        ("/other/u2.wav", ["anna/u1.wav"], "missing-audio"),
        ("../../../etc/u1.wav", ["u2.wav"], "missing-audio"),
        ("wav/u1.wav", ["wav/u1.WAV"], "train/wav/u1.WAV"),
        ("WAVE/u1.wav", ["../WAVE/u1.wav"], "WAVE/u1.wav"),  # speechocean762: relative to the corpus
    ],
)
def test_audio_of_a_moved_corpus(data, entry, files, found):
    for name in files:
        write_audio(data / "train" / name)
    write_kaldi(data / "train/lists", wav_scp=f"u1 {entry}\n")
    reading = read(data)
    assert [row.source for row in reading.utterances] + reasons(reading) == [found]


# --- tables


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
    rows = [{"start": 1, "end": 2.5}, {"end": "0.5"}, {"start": 3}]
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
        ('{"file_name": "a.wav", "text": "hi", "start": NaN, "end": 1}', "bad-time"),
        ('{"file_name": "a.wav", "text": "hi", "start": 0, "end": Infinity}', "bad-time"),
        ('{"file_name": "a.wav", "text": "hi", "start": 2, "end": 1}', "end-before-start"),
        ('{"file_name": "a.wav", "text": "hi", "start": 1, "end": 1}', "end-before-start"),
        ('{"file_name": "a.wav", "text": "hi", "start": -0.05, "end": 1}', "start-before-zero"),
    ],
)
def test_row_is_refused_with_its_line(data, line, reason):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.jsonl", '{"file_name": "a.wav", "text": "good"}\n\n' + line + "\n")
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["good"]
    assert [(row.reason, row.file, row.line) for row in reading.refusals] == [(reason, "train/metadata.jsonl", 3)]


def test_unquoted_comma_is_refused(data):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.csv", 'file_name,text\na.wav,yes, please\na.wav,"yes,\nplease"\na.wav,a,b\n')
    reading = read(data)
    assert [row.text_raw for row in reading.utterances] == ["yes,\nplease"]
    assert [(row.reason, row.line) for row in reading.refusals] == [("broken-row", 2), ("broken-row", 5)]


def test_table_without_a_text_column(data):
    write_audio(data / "train/a.wav")
    write(data / "train/metadata.csv", "file_name;text\na.wav;hi\n")
    with pytest.raises(
        UserError, match=r"data/train/metadata.csv has no column file_name .*its columns are file_name;text"
    ):
        read(data)


def test_link_to_a_cache_outside(data, tmp_path):
    write_audio(tmp_path / "cache/00ff.wav")
    write_table(data / "train", [{"file_name": "a.wav", "text": "hi"}])
    os.symlink(tmp_path / "cache/00ff.wav", data / "train/a.wav")
    os.symlink(data / "train", data / "train/loop")
    assert [row.source for row in read(data).utterances] == ["train/a.wav"]


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
        (["a.TextGrid"], "missing-audio"),
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


# --- ids, speakers, splits


def test_ids(data):
    write_audio(data / "train/a.wav")
    write_audio(data / "train/b.wav")
    rows = [("a.wav", "x", "1"), ("a.wav", "x", "1"), ("b.wav", "x", "1"), ("b.wav", "y", "1"), ("b.wav", "z", "1-2")]
    rows += [("a.wav", "w", "a.b/c"), ("a.wav", "w", "a_b_c"), ("a.wav", "w", "n" * 300)]
    write_table(data / "train", [{"file_name": name, "text": text, "id": id} for name, text, id in rows])
    reading = read(data)
    ids = {(row.source[-5:], row.text_raw, row.id[:8]) for row in reading.utterances}
    assert {("a.wav", "x", "1"), ("b.wav", "x", "1-3"), ("b.wav", "y", "1-4"), ("b.wav", "z", "1-2")} < ids
    assert reasons(reading) == ["duplicate"]
    assert len({row.id for row in reading.utterances}) == 7
    assert all(len(row.id) < 90 and not set("./") & set(row.id) for row in reading.utterances)


def test_speaker_list_completes(data):
    for name in ("anna/1", "ben/1"):
        write_audio(data / f"train/{name}.wav")
        write(data / f"train/{name}.txt", "hi")
    write(data / "train/speakers.tsv", "speaker\tage\tgender\nanna\t6\tFemale\n")
    assert [(row.age_months, row.gender) for row in read(data).utterances] == [(72, "f"), (None, None)]


def test_drawn_for_dev_is_stable():
    names = [f"child{number}" for number in range(30)]
    drawn = speakers.drawn_for_dev(names, 0.1, seed=1)
    assert len(drawn) == 3
    assert drawn == speakers.drawn_for_dev(reversed(names), 0.1, seed=1)
    assert drawn != speakers.drawn_for_dev(names, 0.1, seed=2)
    assert len(drawn & speakers.drawn_for_dev([*names, "new"], 0.1, seed=1)) >= 2
    assert len(speakers.drawn_for_dev(["a", "b"], 0.9, seed=1)) == 1
    with pytest.raises(UserError, match="data/dev"):
        speakers.drawn_for_dev(["a", "a"], 0.1, seed=1)


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
    assert corpus.splits(data) == ["train", "dev", "test", "adults", "zoo"]
    (data / "a.b").mkdir()
    with pytest.raises(UserError, match=r"data/a.b: name evaluation sets"):
        corpus.splits(data)


def test_missing_or_empty_split(data):
    with pytest.raises(UserError, match=r"data/train is missing(.|\n)*wav.scp"):
        corpus.read(data, options())
    write_audio(data / "train/a.wav")
    (data / "test").mkdir()
    with pytest.raises(UserError, match=r"data/train holds no transcripts of children \(1 recordings"):
        corpus.read(data, options())


# --- transcripts


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  a\t b\n\nc ", "a b c"),
        ("it\u2019s \u201cso\u201d", 'it\'s "so"'),
        ("cafe\u0301\u00a0\u2009au", "caf\u00e9 au"),
        (" \n ", ""),
    ],
)
def test_clean(raw, text):
    assert transcript.clean(raw) == text


@pytest.mark.parametrize(
    ("letter_case", "texts", "expected"),
    [
        ("auto", ["WE CALL", "IT bear"], ["WE CALL", "IT bear"]),
        ("auto", ["WE CALL IT", "BEAR OR McKAY"], ["we call it", "bear or mckay"]),
        ("auto", ["Anna 123"], ["Anna 123"]),
        ("auto", ["123"], ["123"]),
        ("keep", ["WE CALL"], ["WE CALL"]),
        ("lower", ["We Call"], ["we call"]),
    ],
)
def test_letter_case(letter_case, texts, expected):
    assert transcript.clean_all(texts, letter_case) == expected


def test_refused_says_why():
    assert str(Refused("bad-time", "no number")) == "bad-time: no number"
