"""Subtitles, STM, label tracks and word times: formats of plain lines."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from stages import corpus
from stages.corpus import audacity, stm, subtitles
from stages.corpus.utterance import Reading, Word
from tests.corpora import options, write, write_audio, write_table
from tests.rubbish import damaged, read_rubbish

VTT = """WEBVTT - a title

NOTE this is
not spoken

STYLE
::cue { color: red }

first
00:00.500 --> 00:02.000 align:start position:0%
<v Anna>Hello <b>you</b> &amp; me</v>

00:00:02.000 --> 01:00:03.000
<v.loud Ben>no
no
"""

SRT = """1
00:00:01,000 --> 00:00:02,500
We call it
bear

2
00:00:03,000 --> 00:00:04,000
{\\an8}<i>yes</i>
"""

ROLLING = """WEBVTT

00:00:01.000 --> 00:00:01.500
yeah

00:00:01.500 --> 00:00:03.000
yeah
what<00:00:02.000><c> is</c><00:00:02.500><c> it</c>
00:00:03.000 --> 00:00:03.400
what is it

00:00:04.000 --> 00:00:05.000
no
"""

STM = """;; a comment
rec 1 anna 1.00 2.50 <O,F,C1> (%HESITATION) I {like / love} it
rec 1 ben 2.60 3.00 <O,M,C1> IGNORE_TIME_SEGMENT_IN_SCORING
rec 1 inter_segment_gap 3.00 4.00
rec 1 ben 4.00 5.00 yes
"""


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/kim/rec.wav", 9)
    return tmp_path / "data"


def read(data: Path, name: str, content: str | bytes, **changes) -> Reading:
    write(data / "train/kim" / name, content)
    return corpus.read_split(data, "train", options(**changes))


def rows(found: Reading) -> list[tuple]:
    return [(row.text_raw, row.speaker, row.start, row.end) for row in found.utterances]


def reasons(found: Reading) -> list[str]:
    return [row.reason for row in found.refusals]


# --- subtitles


@pytest.mark.parametrize("content", [VTT, "\ufeff" + VTT, VTT.replace("\n", "\r\n"), VTT.encode("utf-16")])
def test_vtt(data, content):
    found = read(data, "rec.vtt", content)
    assert rows(found) == [("Hello you & me", "Anna", 0.5, 2.0), ("no no", "Ben", 2.0, 3603.0)]
    assert [row.line for row in found.utterances] == [10, 13]


def test_srt(data):
    assert rows(read(data, "rec.srt", SRT)) == [("We call it bear", "kim", 1.0, 2.5), ("yes", "kim", 3.0, 4.0)]


def test_speakers_in_the_text(data):
    named = SRT.replace("We call", "ANNA: We call").replace("<i>yes", "<i>MOM: yes")
    found = read(data, "rec.srt", named)
    assert rows(found) == [("We call it bear", "ANNA", 1.0, 2.5)]
    assert found.left_out == {"other speakers: MOM": 1}
    one = SRT.replace("<i>yes", "<i>Look: yes") + SRT.replace("00:00:0", "00:00:1").replace("1\n", "3\n", 1)
    assert rows(read(data, "rec.srt", one))[1] == ("Look: yes", "kim", 3.0, 4.0)  # too rare for a speaker


def test_rolling_captions(data):
    found = read(data, "rec.vtt", ROLLING)
    assert [row[0] for row in rows(found)] == ["yeah", "what is it", "no"]
    assert found.utterances[1].words == (Word(1.5, 2.0, "what"), Word(2.0, 2.5, "is"), Word(2.5, 3.0, "it"))
    assert found.left_out == {"repeated captions": 1}


def test_the_same_word_again_is_no_rolling_caption(data):
    again = SRT.replace("{\\an8}<i>yes</i>", "bear")
    assert [row[0] for row in rows(read(data, "rec.srt", again))] == ["We call it bear", "bear"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("00:00:03,000 --> 00:00:04,000", "00:00:0x,000 --> 00:00:04,000", "bad-time"),
        ("00:00:03,000 --> 00:00:04,000", "--> 4", "bad-time"),
        ("00:00:03,000 --> 00:00:04,000", "00:00:04,000 --> 00:00:03,000", "end-before-start"),
    ],
)
def test_broken_cue_is_refused_and_not_glued_to_another(data, old, new, reason):
    found = read(data, "rec.srt", SRT.replace(old, new))
    assert rows(found) == [("We call it bear", "kim", 1.0, 2.5)]
    assert [(row.reason, row.line) for row in found.refusals] == [(reason, 7)]


def test_text_outside_of_cues_is_counted(data):
    found = read(data, "rec.srt", SRT.replace("bear\n", "bear\n\nlost line\n"))
    assert found.left_out == {"text outside of cues": 1}
    assert len(found.utterances) == 2


@pytest.mark.parametrize("content", ["", "WEBVTT\n", "hello"])
def test_no_subtitles(data, content):
    assert reasons(read(data, "rec.vtt", content)) == ["broken-subtitles"]


# --- STM


def test_stm(data):
    found = read(data, "anything.stm", STM)
    assert rows(found) == [
        ("(%HESITATION) I {like / love} it", "anna", 1.0, 2.5),
        ("yes", "ben", 4.0, 5.0),
    ]
    assert [(row.gender, row.channel, row.line) for row in found.utterances] == [("f", None, 2), (None, None, 5)]
    assert found.left_out == {"stretches that are ignored in scoring": 2}
    assert (2.6, 3.0) in found.spans[data / "train/kim/rec.wav"]


def test_stm_of_several_recordings(data):
    write_audio(data / "train/kim/two.wav", 9)
    found = read(data, "rec.stm", STM + "two A anna 1 2 hi\ntwo B ben 1 2 ho\nthree 1 x 1 2 gone\n")
    assert {(row.source, row.channel) for row in found.utterances} == {
        *(("train/kim/rec.wav", None), ("train/kim/two.wav", 1), ("train/kim/two.wav", 2)),
    }
    assert reasons(found) == ["missing-audio"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("rec 1 anna x 2 hi", "bad-time"),
        ("rec 1 anna 3 2 hi", "end-before-start"),
        ("rec 1 anna", "broken-row"),
        ("rec 1 anna nan inf hi", "bad-time"),
    ],
)
def test_broken_stm(data, line, reason):
    found = read(data, "rec.stm", STM + line + "\n")
    assert [(row.reason, row.line) for row in found.refusals] == [(reason, 6)]


# --- Audacity


@pytest.mark.parametrize("name", ["rec.txt", "rec.labels.txt"])
@pytest.mark.parametrize(
    "content",
    [
        "0.5\t1.5\thello\n\\\t200.0\t4000.0\n2.0\t3.0\t\n4.0\t5.0\tyou\n",
        "0,5\t1,5\thello\r\n2,0\t3,0\t\r\n4,000000\t5,000000\tyou",
        "\ufeff0.5\t1.5\thello\n2.0\t3.0\n4\t5\tyou\n",
    ],
)
def test_label_track(data, name, content):
    found = read(data, name, content)
    assert rows(found) == [("hello", "kim", 0.5, 1.5), ("you", "kim", 4.0, 5.0)]
    assert (2.0, 3.0) in found.spans[data / "train/kim/rec.wav"]  # somebody speaks there


def test_broken_label(data):
    found = read(data, "rec.txt", "0.5\t1.5\thello\n2.0 3.0 no tabs\n3.0\t2.0\tback\n")
    assert [(row.reason, row.line) for row in found.refusals] == [("bad-time", 2), ("end-before-start", 3)]


def test_other_texts_are_no_label_tracks(data):
    assert rows(read(data, "rec.txt", "1 2 buckle my shoe\n")) == [("1 2 buckle my shoe", "kim", None, None)]


# --- the same session in all of them


def test_formats_agree(tmp_path):
    turns = [(0.0, 2.68, "From here"), (2.68, 5.88, "to there,"), (6.0, 7.25, "and back.")]
    srt = "\n".join(f"{n}\n00:00:0{a:.3f} --> 00:00:0{b:.3f}\n{text}\n" for n, (a, b, text) in enumerate(turns, 1))
    contents = {
        "srt": srt.replace(".", ",").replace("back,", "back."),
        "vtt": "WEBVTT\n\n" + srt,
        "txt": "".join(f"{a}\t{b}\t{text}\n" for a, b, text in turns),
        "stm": "".join(f"rec 1 kim {a} {b} {text}\n" for a, b, text in turns),
    }
    found = {}
    for suffix, content in contents.items():
        data = tmp_path / suffix
        write_audio(data / "train/kim/rec.wav", 9)
        found[suffix] = rows(read(data, f"rec.{suffix}", content))
    assert found["srt"] == [(text, "kim", a, b) for a, b, text in turns]
    assert all(one == found["srt"] for one in found.values())


# --- CTM

CTM = """;; comment
rec 1 1.0 0.5 one
rec 1 2.0 <ALT_BEGIN>
rec 1 2.0 0.5 <ALT_BEGIN>
rec 1 2.0 0.5 two
rec 1 2.0 0.5 <ALT>
rec 1 2.0 0.5 too
rec 1 2.0 0.5 <ALT_END>
rec 1 6.0 0.5 three 0.9
"""


def test_word_times(data):
    write(data / "train/words.ctm", CTM)
    found = read(data, "rec.srt", SRT.replace("00:00:02,500", "00:00:02,300"))
    assert found.utterances[0].words == (Word(1.0, 1.5, "one"), Word(2.0, 2.5, "two"))
    assert found.utterances[1].words == ()
    assert found.warnings["a broken line of word times, passed over"] == ["train/words.ctm:3"]


def test_word_times_by_utterance(data):
    write_table(
        data / "train/kim", [{"file_name": "rec.wav", "id": "u1", "text": "x", "speaker": "k", "start": 3, "end": 5}]
    )
    found = read(data, "words.ctm", "u1 1 0.5 0.5 x\nu2 1 0 1 y\n")
    assert found.utterances[0].words == (Word(3.5, 4.0, "x"),)
    assert found.warnings["word times of a recording that has no utterances"] == ["train/kim/words.ctm:2 (u2)"]


def test_word_times_of_a_whole_recording(data):
    write(data / "train/kim/rec.txt", "one two three")
    found = read(data, "words.ctm", CTM)
    assert [word.text for word in found.utterances[0].words] == ["one", "two", "three"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(damaged(VTT) | damaged(SRT) | damaged(ROLLING))
def test_rubbish_in_subtitles(content):
    read_rubbish(subtitles, "a.vtt", content)
    read_rubbish(subtitles, "a.srt", content)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(damaged(STM))
def test_rubbish_in_stm(content):
    read_rubbish(stm, "a.stm", content)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(damaged("0.5\t1.5\thello\n\\\t200.0\t4000.0\n"))
def test_rubbish_in_label_tracks(content):
    read_rubbish(audacity, "a.txt", content)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(damaged(CTM))
def test_rubbish_in_word_times(tmp_path_factory, content):
    data = tmp_path_factory.getbasetemp() / "ctm"
    write_audio(data / "train/kim/rec.wav", 0.1)
    write(data / "train/kim/rec.txt", "one two three")
    write(data / "train/kim/rec.ctm", content)
    corpus.read_split(data, "train", options())
