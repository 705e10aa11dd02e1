"""Kaldi directories: tables, segments, and commands that are never run."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.errors import UserError
from stages.corpus.formats import registry, wav_scp
from stages.corpus.rows import speaker_names
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_audio


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def read(data: Path, **changes) -> SplitContents:
    return registry.read_split(data, "train", options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


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
        ("a b.wav", ("a b.wav", None)),
        ("flac -c -d -s /x/a.flac |", ("/x/a.flac", None)),
        ("sph2pipe -f wav -p /x/a.sph |", ("/x/a.sph", None)),
        ("sph2pipe -f wav -p -c 2 a.sph |", ("a.sph", 2)),
        ("sph2pipe -c1 a.sph |", ("a.sph", 1)),
        ("/opt/kaldi/tools/sph2pipe -f wav '/x/a b.sph' |", ("/x/a b.sph", None)),
        ("sox a.mp3 -t wav -r 16000 -b 16 - |", ("a.mp3", None)),
        ("sox -t wav a.wav -r 16k -c 1 -t wav - |", ("a.wav", None)),
        ("ffmpeg -v 8 -i a.m4a -f wav -ar 16000 -acodec pcm_s16le -|", ("a.m4a", None)),
        ("ffmpeg -nostdin -i 'a b.mp4' -vn -ac 1 -f wav pipe:1 |", ("a b.mp4", None)),
    ],
)
def test_wav_scp_entry(entry, file):
    assert wav_scp.file_of(entry) == file


@pytest.mark.parametrize(
    "entry",
    [
        "sox  -r  16000  -b16  -c  1  --null  -t  wav  -  synth  174160s  sine  300-3300  |",
        "sph2pipe -f wav -p -c 3 a.sph |",
        "sph2pipe -c |",
        "sox a.wav -t wav - speed 1.1 |",  # an effect
        "sox a.wav b.wav |",
        "ffmpeg -ss 10 -i a.mp4 -f wav - |",  # a part of it
        "ffmpeg -i a.mp4 -af atempo=2 -f wav - |",
        "ffmpeg -i a.mp4 -i b.mp4 -f wav - |",
        "ffmpeg -i a.mp4 b.wav |",
        "ffmpeg -i a.mp4 |",
        "ffmpeg - -i |",
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


def test_channels_and_lengths(data):
    write_audio(data / "train/rec.wav")
    write_kaldi(
        data / "train",
        wav_scp="rec sph2pipe -f wav -p -c 2 rec.wav |\n",
        text="u1 one\nu2 two\n",
        utt2spk="u1 a\nu2 b\n",
        segments="u1 rec 0 1\nu2 rec 1 2 A\n",
        reco2dur="rec 2.5\n",
        utt2dur="u1 1.0\n",
    )
    assert [(row.channel, row.stated_seconds) for row in read(data).utterances] == [(2, 2.5), (1, 2.5)]


@pytest.mark.parametrize(
    ("column", "channels"),
    [
        (("0", "1"), [1, 2]),  # as Kaldi's extract-segments counts
        (("1", "2"), [1, 2]),
        (("a", "B"), [1, 2]),
        (("1", ""), [1, None]),
        (("7", "both"), [None, None]),
    ],
)
def test_channels_of_segments(data, column, channels):
    write_audio(data / "train/rec.wav")
    segments = "".join(f"u{number} rec {number} {number + 1} {name}\n" for number, name in enumerate(column))
    write_kaldi(data / "train", wav_scp="rec rec.wav\n", text="u0 one\nu1 two\n", segments=segments)
    assert [row.channel for row in read(data).utterances] == channels


@pytest.mark.parametrize(
    ("tables", "age", "months"),
    [
        ({"spk2age": "anna 6\n"}, "6", 72),
        ({"spk2grade": "anna 3\n"}, "grade 3", 108),
        ({"spk2age": "anna 6\n", "spk2grade": "anna 3\n"}, "6", 72),
        ({"spk2age": "anna NA\n", "spk2grade": "anna K\n"}, "grade K", 72),
        ({"spk2age": "anna NA\n"}, None, None),
    ],
)
def test_age_or_grade(data, tables, age, months):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", **tables)
    reading = read(data)
    assert [(row.age, row.age_months) for row in reading.utterances] == [(age, months)]
    assert not reading.warnings


def test_ids_of_utterances_are_no_speakers(data):
    """As Kaldi's documentation says to write utt2spk where speakers are not known."""
    for name in ("r1", "r2"):
        write_audio(data / f"train/{name}.wav", 3)
    ids = ("r1-1", "r1-2", "r2-1")
    write_kaldi(
        data / "train",
        text="".join(f"{id} HELLO\n" for id in ids),
        wav_scp="r1 r1.wav\nr2 r2.wav\n",
        segments="r1-1 r1 0 1\nr1-2 r1 1 2\nr2-1 r2 0 1\n",
        utt2spk="".join(f"{id} {id}\n" for id in ids),
        spk2age="r1-1 6\n",
    )
    found = read(data)
    assert [(row.speaker, row.speaker_known) for row in found.utterances] == [
        ("r1", False),
        ("r1", False),
        ("r2", False),
    ]
    assert found.utterances[0].age_months == 72
    message = "utt2spk has each utterance's id as its speaker, which in Kaldi means that speakers are not known"
    assert found.warnings[message] == ["train/utt2spk"]
    with pytest.raises(UserError, match=r"names no speaker of its 2 recordings.* not the ids of the utterances"):
        speaker_names.check_known({"train": found}, is_allowed=False)


@pytest.mark.parametrize("utt2spk", ["u1 u1\nu2 anna\n", "u1 u1\n"])
def test_speaker_who_is_called_like_an_utterance(data, utt2spk):
    for name in ("u1", "u2"):
        write_audio(data / f"train/{name}.wav")
    write_kaldi(data / "train", text="u1 HELLO\nu2 YOU\n", wav_scp="u1 u1.wav\nu2 u2.wav\n", utt2spk=utt2spk)
    assert (read(data).utterances[0].speaker, read(data).utterances[0].speaker_known) == ("u1", True)


def test_two_texts_of_one_utterance_are_refused(data):
    for name in ("u1", "u2"):
        write_audio(data / f"train/{name}.wav")
    write_kaldi(
        data / "train",
        text="u1 HELLO\nu2 YES\nu1 HELLO YOU\nu2 YES\n",
        wav_scp="u1 u1.wav\nu2 u2.wav\n",
        utt2spk="u1 anna\nu2 anna\n",
    )
    found = read(data)
    assert [(row.id, row.text_raw) for row in found.utterances] == [("u2", "YES")]
    assert [(row.id, row.line, row.reason) for row in found.refusals] == [
        ("u1", 1, "ambiguous-text"),
        ("u1", 3, "ambiguous-text"),
        ("u2", 4, "duplicate"),
    ]
    assert found.refusals[0].detail == "u1 has 2 different texts; keep the right line"
    assert data / "train/u1.wav" in found.named  # so that it does not count as without a transcript


def test_segment_with_two_texts_is_speech_all_the_same(data):
    write_audio(data / "train/rec.wav", 3)
    segments, speakers = "u1 rec 0 1\nu2 rec 1 2\n", "u1 anna\nu2 anna\n"
    text = "u1 HELLO\nu1 HELLO YOU\nu2 YES\n"
    write_kaldi(data / "train", wav_scp="rec rec.wav\n", text=text, segments=segments, utt2spk=speakers)
    found = read(data)
    assert [row.id for row in found.utterances] == ["u2"]
    assert sorted(found.spans[data / "train/rec.wav"]) == [(0.0, 1.0), (1.0, 2.0)]


def test_two_entries_for_one_id_are_reported(data):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", utt2spk="u1 anna\nu1 anna\nu1 ben\n")
    reading = read(data)
    assert reading.utterances[0].speaker == "anna"
    assert dict(reading.warnings) == {
        "a Kaldi table has two entries for one id, the first is taken": ["train/utt2spk:3"]
    }


def test_byte_order_mark_and_dos_line_ends(data):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", text="\ufeffu1 HELLO YOU\r\n", wav_scp="\ufeffu1 u1.wav\r\n", utt2spk="u1 anna\r\n")
    (row,) = read(data).utterances
    assert (row.id, row.text_raw, row.speaker) == ("u1", "HELLO YOU", "anna")


def test_byte_order_marks_in_a_table_that_was_joined_of_several(data):
    for name in ("u1", "u2"):
        write_audio(data / f"train/{name}.wav")
    tables = {"text": "HELLO", "utt2spk": "anna", "wav_scp": "{}.wav"}
    joined = {}
    for name, value in tables.items():
        joined[name] = "".join(f"\ufeff{id} {value.format(id)}\n" for id in ("u1", "u2"))
    write_kaldi(data / "train", **joined)
    assert [(row.id, row.text_raw, row.speaker) for row in read(data).utterances] == [
        ("u1", "HELLO", "anna"),
        ("u2", "HELLO", "anna"),
    ]


@pytest.mark.parametrize(
    ("stated", "expected"), [("u1 1.5\n", 1.5), ("u1 long\n", None), ("u1 inf\n", None), ("", None)]
)
def test_stated_length_without_segments(data, stated, expected):
    write_audio(data / "train/u1.wav")
    write_kaldi(data / "train", utt2dur=stated)
    assert read(data).utterances[0].stated_seconds == expected


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(("wav_scp", "text", "utt2spk", "segments", "spk2age")), st.text(max_size=60)))
def test_rubbish(tables):
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_audio(data / "train/u1.wav")
        write_kaldi(data / "train", **tables)
        read(data)
