"""Praat TextGrids, as people and forced aligners write them."""

import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.formats import registry
from stages.corpus.formats import textgrid as format
from stages.corpus.rows.utterance import SplitContents, Word
from tests.support.corpora import options, textgrid, write, write_audio
from tests.support.damaged_files import damaged, read_damaged

SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
10
<exists>
1
"IntervalTier"
"CHI"
0
10
2
0
1
""
1
2.5
"a ""big"" bear"
"""

TWO_SPEAKERS = {"CHI": [(0, 1, ""), (1, 2.5, 'a ""big""\nbear'), (3, 4, "  ")], "MOT": [(2.6, 3, "what")]}


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/anna/a.wav")
    return tmp_path / "data"


def read(data: Path, content: str | bytes, **changes) -> SplitContents:
    write(data / "train/anna/a.TextGrid", content)
    return registry.read_split(data, "train", options(**changes))


def reasons(reading: SplitContents) -> list[str]:
    return [refusal.reason for refusal in reading.refusals]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", [textgrid(TWO_SPEAKERS), SHORT, textgrid(TWO_SPEAKERS).replace("\n", "\r\n")])
def test_textgrid(data, content, encoding):
    reading = read(data, content.encode(encoding))
    assert [(row.id, row.text_raw, row.speaker, row.start, row.end) for row in reading.utterances] == [
        ("anna-a-CHI-0001", 'a "big" bear', "anna", 1.0, 2.5)
    ]
    assert not reading.refusals


def test_adults_are_left_out_and_still_occupy_time(data):
    reading = read(data, textgrid(TWO_SPEAKERS))
    assert reading.left_out == {"other speakers: MOT": 1}
    assert reading.spans[data / "train/anna/a.wav"] == [(1.0, 2.5), (2.6, 3.0)]
    everybody = read(data, textgrid(TWO_SPEAKERS), everyone_in=["train"])
    assert [(row.speaker, row.text_raw) for row in everybody.utterances][1] == ("anna-MOT", "what")


def test_children_by_name(data):
    chosen = {"child_names": "mot", "adult_names": ""}
    assert [row.speaker for row in read(data, textgrid(TWO_SPEAKERS), **chosen).utterances] == ["anna-MOT"]
    assert not read(data, textgrid(TWO_SPEAKERS), child_names="C").utterances  # the whole name has to match


def test_tiers_of_one_name_are_one_speaker(data):
    twice = {"CHI": [(0, 1, "one")], "second": [(0, 1, "two"), (2, 3, "three")]}
    rows = read(data, textgrid(twice).replace("second", "CHI")).utterances
    assert [(row.id, row.text_raw) for row in rows] == [
        ("anna-a-CHI-0001", "one"),
        ("anna-a-CHI-0002", "two"),
        ("anna-a-CHI-0003", "three"),
    ]


ALIGNED = {
    "ben - utterances": [(0, 2, "hello you")],
    "ben - words": [(0, 0.5, "hello"), (0.6, 2, "you")],
    "ben - phones": [(0, 0.2, "h")],
}


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ({"ben": ALIGNED["ben - utterances"], **ALIGNED}, [("ben", "hello you", 2)]),
        ({"ben - words": ALIGNED["ben - words"], "ben - phones": ALIGNED["ben - phones"]}, [("ben", "hello you", 2)]),
        ({"words": ALIGNED["ben - words"], "phones": ALIGNED["ben - phones"]}, [("anna", "hello you", 2)]),
        ({"CHI": ALIGNED["ben - utterances"], "words": ALIGNED["ben - words"]}, [("anna", "hello you", 2)]),
        # With two speakers nobody knows whose words these are.
        (
            {"ben": [(0, 2, "hello you")], "carl": [(3, 4, "hi")], "words": ALIGNED["ben - words"]},
            [("ben", "hello you", 0), ("carl", "hi", 0)],
        ),
    ],
)
def test_word_tiers(data, tiers, expected):
    tiers = {name: entries for name, entries in tiers.items() if name != "ben - utterances"}
    rows = read(data, textgrid(tiers)).utterances
    assert [(row.speaker, row.text_raw, len(row.words)) for row in rows] == expected
    if expected[0][2]:
        assert rows[0].words == (Word(0, 0.5, "hello"), Word(0.6, 2, "you"))


TIME = st.integers(0, 9).map(float) | st.just(math.nan)


@given(st.lists(st.tuples(TIME, TIME)), st.lists(st.tuples(TIME, TIME)))
def test_words_of_an_interval_are_those_whose_middle_is_in_it(intervals, times):
    words = [Word(start, end, str(number)) for number, (start, end) in enumerate(times)]
    entries = [(str(start), str(end), "x") for start, end in intervals]
    turns = list(format.turns_of([("anna", entries)], {"anna": words}))
    for (start, end), turn in zip(intervals, turns, strict=True):
        assert turn.words == tuple(word for word in words if start <= (word.start + word.end) / 2 <= end)


def test_time_for_many_intervals_and_words_is_not_their_product():
    words = [Word(number, number + 0.5, "x") for number in range(20_000)]
    entries = [(str(word.start), str(word.end), "x") for word in words]
    before = time.process_time()
    assert all(len(turn.words) == 1 for turn in format.turns_of([("anna", entries)], {"anna": words}))
    assert time.process_time() - before < 5  # one after the other: half a minute


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["001", "002"], "a tier that holds only numbers; is another the transcript?"),
        (["\u0256\u0254g", "h\u028ct"], "a tier in phonetic letters; is another the transcript?"),
        (["2 dogs", "3"], None),
        (["the hat", "a dog"], None),
        (["\u025bvi", "\u0254na"], None),  # Ewe
        ([], None),
    ],
)
def test_tiers_that_hold_no_words(data, labels, message):
    intervals = [(index, index + 1, label) for index, label in enumerate(labels)]
    reading = read(data, textgrid({"k1": intervals, "notes": [(0, 1, "001")]}))
    assert len(reading.utterances) == len(labels)
    if message:
        assert reading.warnings[message] == ["train/anna/a.TextGrid k1"]
    else:
        assert not any("is another" in warning for warning in reading.warnings)


def test_chosen_tiers(data):
    reading = read(data, textgrid({"CHI": [(0, 1, "hi")], "notes": [(0, 9, "rainy day")]}), tiers="CHI|MOT")
    assert [row.text_raw for row in reading.utterances] == ["hi"]
    assert reading.left_out == {"tier notes": 1}
    assert reading.spans[data / "train/anna/a.wav"] == [(0, 1)]  # a note is nobody who speaks


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not a TextGrid", "broken-textgrid"),
        ("", "broken-textgrid"),
        ("7", "broken-textgrid"),
        (textgrid(TWO_SPEAKERS)[:-40], "broken-textgrid"),
        (textgrid({"CHI": [(2, 1, "backwards")]}), "end-before-start"),
        (SHORT.replace("2.5", "soon"), "bad-time"),
        (SHORT.replace("2.5", "nan"), "bad-time"),
        (SHORT[:-20], "broken-textgrid"),  # praatio would drop the last interval
        (textgrid({"CHI": [(-3, 4, "before")]}), "broken-textgrid"),  # praatio would lose the minus sign
    ],
)
def test_broken_textgrid(data, content, reason):
    assert reasons(read(data, content)) == [reason]


CHRONOLOGICAL = """"Praat chronological TextGrid text file"
0 3   ! Time domain.
2   ! Number of tiers.
"IntervalTier" "anna" 0 3
"IntervalTier" "ben" 0 3

1 0 1
""

2 0.5 2.5
"me ""too"" now"

1 1 2.5
"a bear"
"""


def test_chronological(data):
    rows = read(data, CHRONOLOGICAL).utterances
    assert [(row.speaker, row.text_raw, row.start, row.end) for row in rows] == [
        ("ben", 'me "too" now', 0.5, 2.5),
        ("anna", "a bear", 1.0, 2.5),
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content", [textgrid(TWO_SPEAKERS), SHORT, CHRONOLOGICAL])
def test_utf16_without_a_byte_order_mark(data, content, encoding):
    texts = [row.text_raw for row in read(data, content).utterances]
    assert [row.text_raw for row in read(data, content.encode(encoding)).utterances] == texts


@pytest.mark.parametrize(
    "label",
    [
        "item [1]:",
        "item [2]: class",
        "intervals [1]: xmin = 3",
        "intervals: size = 3",
        "xmin = 5",
        'text = ""a""',
        'class = ""IntervalTier""',
        "IntervalTier",
        'a ""TextTier"" b',
        "! no comment 7 <exists>",
    ],
)
@pytest.mark.parametrize("form", ["long", "short"])
def test_labels_with_words_of_the_format(data, label, form):
    long = textgrid({"anna": [(0, 1, label), (1, 2, "hi")], "ben": [(0, 1, "yo")]})
    content = long if form == "long" else SHORT.replace('"a ""big"" bear"', f'"{label}"')
    rows = read(data, content).utterances
    expected = [label.replace('""', '"'), "yo", "hi"] if form == "long" else [label.replace('""', '"')]
    assert [row.text_raw for row in rows] == expected


def test_numbers_as_programs_write_them(data):
    content = textgrid({"anna": [(0, "1e-05", ""), ("1e-05", "2.5E+0", "hi")]}).replace("xmin = 0", "xmin = 0 ! s", 1)
    (row,) = read(data, content).utterances
    assert (row.text_raw, row.start, row.end) == ("hi", 1e-05, 2.5)


def test_tier_name_in_quotes(data):
    (row,) = read(data, textgrid({'""ben""': [(0, 1, "hi")]})).utterances
    assert row.speaker == "ben"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"ooBinaryFile\x08TextGrid" + bytes(16), "open it in Praat and save it as a text file"),
        (b'File type = "ooTextFile"\n"TextGrid"\n0\n1\n<absent>\n', "it has no tiers"),
        (CHRONOLOGICAL[:-10].encode(), "it ends before a label of tier anna"),
        (CHRONOLOGICAL.replace("2 0.5", "3 0.5").encode(), "3 is given as the tier of an interval"),
        (textgrid({"anna": [(0, 1, "item [1]:"), (1, 2, "hi")]})[:-20].encode(), "it ends before"),
        (textgrid(TWO_SPEAKERS).replace("xmin = 1\n", "xmin = 1,0\n").encode(), "where a time of tier CHI should be"),
    ],
)
def test_what_to_do_with_a_textgrid_that_cannot_be_read(data, content, detail):
    (refusal,) = read(data, content).refusals
    assert (refusal.reason, refusal.file) == ("broken-textgrid", "train/anna/a.TextGrid")
    assert detail in refusal.detail
    assert "Error" not in refusal.detail


@pytest.mark.parametrize(
    ("path", "tier", "speaker", "known"),
    [
        ("a", "CHI", "a", False),
        ("anna/a", "CHI", "anna", True),
        ("school/anna/a", "CHI", "school-anna", True),
        ("anna/a", "Target_Child", "anna", True),
        ("anna/a", "utterances", "anna", True),
        ("anna/a", "spk1", "anna", True),
        ("anna/a", "spk2", "anna-spk2", True),
        ("anna/a", "SIS", "anna-SIS", True),
        ("x/a", "ben", "ben", True),
        ("a", "c23", "c23", True),
    ],
)
def test_speakers(tmp_path, path, tier, speaker, known):
    data = tmp_path / "data"
    write_audio(data / f"train/{path}.wav")
    write(data / f"train/{path}.TextGrid", textgrid({tier: [(0, 1, "hi")]}))
    (row,) = registry.read_split(data, "train", options()).utterances
    assert (row.speaker, row.speaker_known) == (speaker, known)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged(textgrid(TWO_SPEAKERS)) | damaged(SHORT))
def test_rubbish(content):
    read_damaged(format, "a.TextGrid", content)
