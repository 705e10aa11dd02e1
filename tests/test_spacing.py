# ruff: noqa: RUF001 (full-width punctuation)
"""Texts that preprocess joins or cuts: with spaces between words, without in scripts that write none."""

import json
from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.markup import cleaning
from stages.corpus.rows.utterance import SplitContents, Utterance, Word
from stages.cutting import segmentation
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Hypothesis
from stages.preprocess import clean_transcripts
from stages.records import error_unit, spacing
from tests.support.corpora import options, reading, textgrid, utterance, write, write_audio
from tools.transcribe import captions

# Language, texts, and what they make together.
JOINED = [
    ("en", ["one", "two", "", "three"], "one two  three"),
    ("ko", ["안녕", "세계"], "안녕 세계"),
    ("vi", ["xin", "chào"], "xin chào"),
    ("zh", ["你好", "世界"], "你好世界"),
    ("zh", ["你好，", "世界。", "好"], "你好，世界。好"),
    ("zh", ["你好, ok?", "世界"], "你好, ok? 世界"),
    ("zh", ["你好,", "世界"], "你好,世界"),
    ("zh", ["看", "iPhone", "Pro", "吧"], "看 iPhone Pro 吧"),
    ("zh", ["15", "20", "个"], "15 20 个"),
    ("zh", ["你", "", "好"], "你好"),
    ("zh", ["你好", "，", "世界"], "你好，世界"),
    ("zh", ["我 想", "去"], "我 想去"),  # a space of the transcriber's stays
    ("zh", ["ok！", "你"], "ok！你"),
    ("zh", ["<laugh>", "你"], "<laugh> 你"),
    ("zh", ["『你』", "「好」"], "『你』「好」"),
    ("yue", ["佢哋", "\U00020bb7"], "佢哋\U00020bb7"),
    ("ja", ["スーパー", "へ", "行く"], "スーパーへ行く"),
    ("ja", ["ｶﾞ", "ｷﾞ"], "ｶﾞｷﾞ"),  # half-width Kana, with marks of their own
    ("ja", ["か\u3099", "っこう"], "か\u3099っこう"),
    ("ja", ["安녕", "녕"], "安녕 녕"),
    ("th", ["ที่", "บ้าน"], "ที่บ้าน"),  # the first ends in a tone mark
    ("th", ["เด็ก\u200b", "ดี"], "เด็ก\u200bดี"),
    ("th", ["๑๒", "๓"], "๑๒ ๓"),
    ("lo", ["ພາສາ", "ລາວ"], "ພາສາລາວ"),
    ("km", ["ខ្មែ", "រ"], "ខ្មែរ"),
    ("my", ["မြန်", "မာ"], "မြန်မာ"),
    ("bo", ["བོད", "ཡིག"], "བོད་ཡིག"),  # each syllable ends with a tsheg
    ("bo", ["བོད་", "ཡི", "གོ།", "ང"], "བོད་ཡི་གོ།ང"),
    ("zh", [], ""),
]


@pytest.mark.parametrize(("language", "texts", "expected"), JOINED)
def test_join(language, texts, expected):
    assert spacing.join(iter(texts), language) == expected


@pytest.mark.parametrize(("language", "texts", "expected"), [row for row in JOINED if row[0] != "en"])
def test_joined_text_has_the_units_of_its_parts(language, texts, expected):
    apart = sum(error_unit.count(text, language) for text in texts)
    assert error_unit.count(expected, language) == apart


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "One, two - three?", ["One, ", "two ", "- ", "three?"]),
        ("zh", "你好，世 界。", ["你", "好，", "世 ", "界。"]),
        ("zh", "看iPhone 15“好”。", ["看", "iPhone ", "15", "“好”。"]),
        ("zh", "(你) ok", ["(你) ", "ok"]),
        ("th", "ที่บ้าน", ["ที่", "บ้", "า", "น"]),
        ("zh", "", []),
    ],
)
def test_pieces(language, text, expected):
    assert spacing.pieces(text, language) == expected
    assert "".join(spacing.pieces(text, language)) == text


AUDIO = Path("a.wav")
WORDS = (Word(0.5, 2, "我们"), Word(2.1, 4, "去"), Word(6, 8, "iPhone"), Word(8.2, 9.5, "商店"))


def contents(language: str, *rows: Utterance, **changes) -> SplitContents:
    of_language = reading(**changes)
    of_language.language = language
    for row in rows:
        of_language.add(row)
    return of_language


def spoken(text: str, start: float, end: float, **changes) -> Utterance:
    return utterance(audio=AUDIO, text=text, text_raw=text, start=start, end=end, **changes)


def test_long_utterances_are_split_between_characters():
    row = spoken("“我们，去！iPhone 商店。”", 0, 10, words=WORDS)
    split = contents("zh", row, max_seconds=5)
    segmentation.split_long(split)
    assert [(row.text, row.text_raw, row.start, row.end) for row in split.utterances] == [
        ("“我们，去！", "我们去", 0.5, 4),
        ("iPhone 商店。”", "iPhone 商店", 6, 9.5),
    ]


def test_long_utterance_with_word_times_of_other_characters_stays():
    row = spoken("我们来iPhone商店。", 0, 10, words=WORDS)
    split = contents("zh", row, max_seconds=5)
    segmentation.split_long(split)
    assert split.utterances == [row]


@pytest.mark.parametrize(
    ("language", "texts", "expected"),
    [
        ("en", ("one", "two"), "one two"),
        ("zh", ("你好。", "世界"), "你好。世界"),
        ("ja", ("見て", "iPad"), "見て iPad"),
    ],
)
def test_merged_neighbours(language, texts, expected):
    rows = [spoken(texts[0], 1, 2), spoken(texts[1], 2.4, 3)]
    merged = contents(language, *rows, merge_gap_seconds=0.5)
    segmentation.merge_neighbours(merged)
    assert [(row.text, row.text_raw) for row in merged.utterances] == [(expected, expected)]


CHAT = """@UTF8
@Begin
@Languages:\tzho
@Participants:\tCHI Target_Child
@ID:\tzho|invented|CHI|4;00.|||||Target_Child|||
@Media:\ta, audio
*CHI:\t我们
\t去iPad
\tshop . \x150_900\x15
@End
"""
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="900"/></TIME_ORDER>
<TIER TIER_ID="ref@CHI"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>001</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="tx@CHI" PARENT_REF="ref@CHI">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a2" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>我们</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a2">
<ANNOTATION_VALUE>去iPad</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a3">
<ANNOTATION_VALUE>shop</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
</TIER></ANNOTATION_DOCUMENT>
"""
WORD_TIER = [(0, 0.2, "我们"), (0.3, 0.4, "去"), (0.4, 0.6, "iPad"), (0.6, 0.8, "shop")]
FILES = {
    "a.cha": CHAT,
    "a.eaf": ELAN,
    "a.srt": "1\n00:00:00,000 --> 00:00:00,900\n我们\n去iPad\nshop\n",
    "a.TextGrid": textgrid(
        {"CHI - words": [(0, 0.2, "我们"), (0.3, 0.4, "去"), (0.4, 0.6, "iPad"), (0.6, 0.8, "shop")]}
    ),
    "a.txt": "我们\n去iPad\nshop\n",
}


@pytest.mark.parametrize(("name", "content"), FILES.items())
@pytest.mark.parametrize("language", ["zh", "en"])
def test_rows_of_files_are_joined_as_the_language_writes(tmp_path, name, content, language):
    write_audio(tmp_path / "data/train/anna/a.wav")
    write(tmp_path / "data/train/anna" / name, content)
    split = registry.read_split(tmp_path / "data", "train", options(), language)
    clean_transcripts(split, language)
    (row,) = split.utterances
    has_words = name == "a.TextGrid"
    if language == "zh":
        assert row.text.rstrip(".") == ("我们去 iPad shop" if has_words else "我们去iPad shop")
    else:
        assert row.text.rstrip(".") == ("我们 去 iPad shop" if has_words else "我们 去iPad shop")


@pytest.mark.parametrize(
    ("language", "raw", "expected"),
    [
        ("zh", "我想<laugh>去", "我想去"),
        ("zh", "我想 <laugh> 去", "我想 去"),  # has spaces, and it is not known why
        ("en", "我想<laugh>去", "我想 去"),
        ("zh", "我想\n去 \n ok\nyes", "我想去 ok yes"),
    ],
)
def test_marks_leave_no_space_where_none_is_written(language, raw, expected):
    (cleaned,) = cleaning.clean_all([(raw, "plain")], "verbatim", "keep", {}, language)
    assert cleaned.text == expected


@pytest.mark.parametrize(("language", "expected"), [("zh", "你好世界"), ("en", "你好 世界")])
def test_json_of_a_recording(language, expected):
    segments = [
        captions.Caption(SpokenSegment(0, 1, Hypothesis("你好", -0.1), False)),
        captions.Caption(SpokenSegment(1, 2, Hypothesis("世界", -0.1), False)),
    ]
    assert json.loads(captions.as_json("a.wav", segments, language))["text"] == expected
