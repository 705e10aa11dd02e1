"""When each word of a segment is spoken, and how subtitles and JSON say it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoProcessor

from stages.common import params
from stages.common.errors import UserError
from stages.corpus.formats import subtitles
from stages.corpus.rows.utterance import SplitContents
from stages.decoding import transcription
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Hypothesis
from stages.records.units import SAMPLE_RATE
from stages.whisper import model
from tests.support.checkpoints import SAMPLE, tiny_checkpoint
from tools import token_times
from tools.token_times import TimedTokens
from tools.transcribe import captions, options, words
from tools.transcribe.captions import Caption, Word

PARAMS = Path(__file__).parent.parent / "params.yaml"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoProcessor.from_pretrained(SAMPLE).tokenizer


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The dog's  12 apples", "en", ["The", "dog's", "12", "apples"]),
        ("oh - no, (wait) ...", "en", ["oh -", "no,", "(wait) ..."]),  # punctuation alone is no word
        ("...", "en", ["..."]),
        ("\u6211\u7231\u4f60\u3002iPhone 15", "zh", ["\u6211", "\u7231", "\u4f60\u3002", "iPhone", "15"]),
        ("\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48", "th", ["\u0e17\u0e35\u0e48", "\u0e19\u0e35\u0e48"]),
        ("\u6211\u7231", "en", ["\u6211\u7231"]),  # the language of params.yaml says what a word is
    ],
)
def test_words_and_their_tokens(tokenizer, text, language, expected):
    tokens, places = words.places_of(text, tokenizer, language)
    assert [word for word, _, _ in places] == expected
    for word, first, after in places:
        assert tokenizer.decode(tokens[first:after]).split() == word.split()


def test_space_before_a_word_belongs_to_it(tokenizer):
    """Also where it is a token of its own."""
    tokens, places = words.places_of("one The", tokenizer, "en")
    assert [tokenizer.decode(tokens[first:after]) for _, first, after in places] == [" one", " The"]
    assert "\u0120" in tokenizer.convert_ids_to_tokens(tokens)


def test_letters_that_share_a_token_are_one_word():
    """As those of Whisper's own tokenizer may, which has tokens of several Chinese characters."""

    class Tokenizer:
        def __call__(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
            assert text == " \u6211\u7231\u4f60"
            return SimpleNamespace(input_ids=[0, 1, 2])

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            """A space, two characters, and one."""
            return ["\u0120", "\u00e6\u012a\u0133\u00e7\u012a\u00b1", "\u00e4\u00bd\u0142"]

    _, places = words.places_of("\u6211\u7231\u4f60", Tokenizer(), "zh")
    assert places == [("\u6211\u7231", 0, 2), ("\u4f60", 2, 3)]


def test_no_words_where_the_tokenizer_changes_the_text():
    """Then it cannot be told which tokens are whose."""

    class Tokenizer:
        def __call__(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
            return SimpleNamespace(input_ids=[0])

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return ["\u0120cafe"]

    assert words.places_of("caf\u00e9", Tokenizer(), "en") == ([0], [])


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((1.2, 1.8), (1.2, 1.8)),  # within speech
        ((0.0, 1.5), (1.0, 1.5)),  # the pause before it is no part of it
        ((1.5, 2.4), (1.5, 2.0)),  # nor the pause after it
        ((1.5, 3.5), (1.5, 3.5)),  # spoken on both sides of a pause
        ((2.2, 2.6), (2.2, 2.6)),  # no speech was found there
    ],
)
def test_words_end_where_speech_ends(span, expected):
    assert words.in_speech(span, [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]) == expected
    assert words.in_speech(span, []) == span


@pytest.mark.parametrize(
    ("borders", "expected"),
    [
        ((1.0, 1.9, 3.5), (1.0, 2.0, 3.5)),  # 0.1 s of the second word before the pause are an error
        ((1.0, 3.1, 3.5), (1.0, 3.0, 3.5)),  # as are 0.1 s of the first word after it
        ((1.0, 1.8, 3.5), (1.0, 1.8, 3.5)),  # more of a word may be there
        ((1.0, 1.9, 2.0), (1.0, 1.9, 2.0)),  # a short word that ends with the stretch
        ((3.0, 3.1, 3.5), (3.0, 3.1, 3.5)),  # a short word that begins with it
        ((1.0, 2.5, 3.5), (1.0, 2.5, 3.5)),
    ],
)
def test_words_leave_no_sliver_beyond_a_pause(borders, expected):
    assert words.moved_to_edges(borders, [(1.0, 2.0), (3.0, 4.0)]) == list(expected)
    assert words.moved_to_edges(borders, []) == list(borders)


@pytest.mark.parametrize(("end", "expected"), [(1.7, 2.0), (1.2, 1.2), (2.3, 2.3), (3.0, 3.0), (4.2, 4.2)])
def test_last_word_ends_with_its_stretch(end, expected):
    assert words.end_of_last(end, [(1.0, 2.0), (3.0, 4.0)]) == expected


times = st.floats(-1, 12, allow_nan=False)


@given(st.lists(st.tuples(times, times), max_size=40), st.floats(0.1, 9))
def test_words_follow_each_other_inside_their_segment(spans, end):
    given_words = [Word(str(number), *span, 0.5) for number, span in enumerate(spans)]
    ordered = words.in_order(given_words, 0.05, end)
    assert [word.text for word in ordered] == [word.text for word in given_words]
    edges = [0.05]
    for word in ordered:
        edges += [word.start, word.end]
        assert word.end - word.start > 0.5 * min(0.02, (end - 0.05) / len(ordered))
    assert all(later >= earlier - 1e-9 for earlier, later in zip(edges, [*edges[1:], end + 1e-9], strict=True))


def test_words_that_are_in_order_stay():
    given_words = [Word("one", 1.0, 1.5, 0.9), Word("two", 1.5, 1.9, 0.8), Word("three", 2.4, 3.0, 0.7)]
    assert words.in_order(given_words, 0.8, 3.2) == given_words


@dataclass
class FakeDecoder:
    """What words.py uses of a decoder; a batch is one clip."""

    checkpoint: SimpleNamespace
    max_tokens: int = 40
    language: str = "en"
    window: float = 30.0
    settings: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(batch_seconds=1.0))


@pytest.fixture
def decoder(tokenizer) -> FakeDecoder:
    checkpoint = SimpleNamespace(processor=SimpleNamespace(tokenizer=tokenizer), audio_context="utterance")
    return FakeDecoder(checkpoint)


def test_times_count_from_the_start_of_the_recording(monkeypatch, decoder):
    given_clips = []

    def align(decoder, clips, texts):
        given_clips.extend(map(len, clips))
        starts = [0.3 * number for number in range(len(texts[0]) + 1)]
        return [TimedTokens(starts, [-0.5] * len(starts))]

    monkeypatch.setattr(words, "align_tokens", align)
    segments = [
        SpokenSegment(1.0, 2.0, Hypothesis("", None), False),
        SpokenSegment(5.0, 9.0, Hypothesis("the dog", -0.1), False, ((5.2, 8.8),)),
        SpokenSegment(9.0, 11.0, Hypothesis("no " * 60, -0.1), False),  # more tokens than the decoder has positions
    ]
    nothing, two, too_long = words.words_of(decoder, np.zeros(12 * SAMPLE_RATE, np.float32), segments)
    assert (nothing, too_long) == ([], None)
    assert given_clips == [4 * SAMPLE_RATE]
    tokens, places = words.places_of("the dog", decoder.checkpoint.processor.tokenizer, "en")
    border = 5.0 + 0.3 * places[1][1] + words.LEAD
    end = 5.0 + 0.3 * len(tokens) + words.LEAD
    assert two == [
        Word("the", 5.2, pytest.approx(border), 0.607),
        Word("dog", pytest.approx(border), pytest.approx(end), 0.607),
    ]


def spoken(text: str, start: float, end: float, doubtful: bool = False) -> SpokenSegment:
    return SpokenSegment(start, end, Hypothesis(text, -0.1), doubtful)


CUES = [
    Caption(spoken("I <b> see", 1.0, 3.0), "Anna & B", [Word("I", 1.0, 1.2, 0.9), Word("<b> see", 1.5, 2.5, 0.8)]),
    Caption(spoken("", 3.0, 4.0), "", []),
    Caption(spoken("see, see", 5.0, 6.0, True), "", [Word("see,", 5.1, 5.5, 0.9), Word("see", 5.5, 6.0, 0.9)]),
    Caption(spoken("no times", 7.0, 8.0)),
]


def test_vtt_has_times_within_cues():
    assert captions.vtt("x", CUES) == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:03.000\n<v Anna &amp; B>I <00:00:01.500>&lt;b&gt; see</v>\n\n"
        "00:00:05.000 --> 00:00:06.000\n<c.doubtful><00:00:05.100>see, <00:00:05.500>see</c>\n\n"
        "00:00:07.000 --> 00:00:08.000\nno times\n\n"
    )


def test_srt_underlines_the_word_that_is_spoken():
    assert captions.srt("x", CUES) == (
        "1\n00:00:01,000 --> 00:00:01,200\nAnna & B: <u>I</u> <b> see\n\n"
        "2\n00:00:01,200 --> 00:00:01,500\nAnna & B: I <b> see\n\n"
        "3\n00:00:01,500 --> 00:00:02,500\nAnna & B: I <u><b> see</u>\n\n"
        "4\n00:00:02,500 --> 00:00:03,000\nAnna & B: I <b> see\n\n"
        "5\n00:00:05,000 --> 00:00:05,100\nsee, see\n\n"
        "6\n00:00:05,100 --> 00:00:05,500\n<u>see,</u> see\n\n"
        "7\n00:00:05,500 --> 00:00:06,000\nsee, <u>see</u>\n\n"
        "8\n00:00:07,000 --> 00:00:08,000\nno times\n\n"
    )


def test_json_has_words_and_speakers():
    rows = json.loads(captions.as_json("x", CUES))["segments"]
    assert [row.get("speaker") for row in rows] == ["Anna & B", None, None, None]
    assert rows[0]["words"] == [
        {"word": "I", "start": 1.0, "end": 1.2, "probability": 0.9},
        {"word": "<b> see", "start": 1.5, "end": 2.5, "probability": 0.8},
    ]
    assert rows[1]["words"] == []
    assert "words" not in rows[3]


def test_names_are_before_plain_text():
    assert captions.text("x", CUES) == "Anna & B: I <b> see\nsee, see\nno times\n"


def test_vtt_is_read_back_with_the_same_words(tmp_path):
    (tmp_path / "a.vtt").write_text(captions.vtt("x", CUES[:1]))
    reading = SplitContents("test", params.load(PARAMS).preprocess)
    ((turn,),) = [session.turns for session in subtitles.sessions(tmp_path / "a.vtt", "a.vtt", reading)]
    assert (turn.label, turn.text, turn.start, turn.end) == ("Anna & B", "I <b> see", 1.0, 3.0)
    assert [(word.text, word.start) for word in turn.words] == [("I", 1.0), ("<b> see", 1.5)]


@pytest.mark.parametrize(
    ("asked", "recordings", "message"),
    [
        (options.Options(words=True), 1, "--words: plain text has no times; add --format json, vtt or srt"),
        (options.Options(speakers="none.eaf"), 1, "--speakers none.eaf is not a file"),
        (options.Options(speakers="a.docx"), 1, "speakers are read from .cha, "),
        (options.Options(speakers="a.eaf"), 2, "a.eaf is the annotation of one recording, and there are 2"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, monkeypatch, asked, recordings, message):
    monkeypatch.chdir(tmp_path)
    for name in ("a.docx", "a.eaf"):
        Path(name).write_text("")
    with pytest.raises(UserError, match=message):
        options.check(asked, recordings)


@pytest.mark.slow
@pytest.mark.parametrize(("named", "used"), [(None, [(1, 0), (1, 1)]), ([[1, 0]], [(1, 0)])])
def test_times_of_a_real_decoder(tmp_path, named, used):
    """Also of a checkpoint that does not name its alignment heads."""
    checkpoint = model.load_checkpoint(tiny_checkpoint(tmp_path / "tiny"))
    checkpoint.model.generation_config.alignment_heads = named
    assert token_times.alignment_heads(checkpoint.model) == used
    decoder = transcription.prepare(checkpoint, params.load(PARAMS))
    samples = np.random.default_rng(0).normal(0, 0.1, 8 * SAMPLE_RATE).astype(np.float32)
    segments = [spoken("we call it bear", 0.5, 3.0), spoken("no", 3.0, 3.3), spoken("a dog " * 8, 4.0, 7.5)]
    results = words.words_of(decoder, samples, segments)
    for segment, result in zip(segments, results, strict=True):
        assert [word.text for word in result] == segment.hypothesis.text.split()
        edges = [segment.start]
        for word in result:
            assert 0 <= word.probability <= 1
            assert word.end > word.start
            edges += [word.start, word.end]
        edges.append(segment.end)
        assert edges == sorted(edges)
