"""Where a long recording is decoded, and what happens to doubtful texts."""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from stages.common import params
from stages.common.params import Transcribe
from stages.decoding import long_recordings, retries, spoken_segments, voice
from stages.decoding.long_recordings import Segment
from stages.decoding.transcription import Hypothesis
from stages.records.transcripts import compression_ratio
from stages.records.units import SAMPLE_RATE
from tools.transcribe import captions

PARAMS = Path(__file__).parent.parent / "params.yaml"
LOOP = "bear bear " * 30


@dataclass(frozen=True)
class FakeDecoder:
    """What spoken_segments.py uses of a decoder."""

    settings: Transcribe
    window: float = 30.0


@pytest.fixture
def decoder() -> FakeDecoder:
    return FakeDecoder(params.load(PARAMS).transcribe)


def recording(seconds: float) -> np.ndarray:
    return np.full(round(seconds * SAMPLE_RATE), 0.1, np.float32)


def spans_in_seconds(speech: list, seconds: float, borders: tuple[float, ...] = ()) -> list[tuple[float, float]]:
    spans = spoken_segments.spoken_spans(recording(seconds), speech, 15.0, borders)
    return [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in spans]


def test_only_speech_is_decoded_with_a_margin():
    spans = spans_in_seconds([(5.0, 6.0), (20.0, 22.0)], 30.0)
    assert spans == [(4.8, 6.2), (19.8, 22.2)]


def test_margins_end_with_the_recording():
    assert spans_in_seconds([(0.1, 2.9)], 3.0) == [(0.0, 3.0)]


def test_speech_across_short_pauses_is_one_segment():
    assert spans_in_seconds([(1.0, 2.0), (2.5, 3.0), (4.0, 5.0)], 9.0) == [(0.8, 3.2), (3.8, 5.2)]


def test_longer_speech_than_half_a_window_is_cut():
    spans = spans_in_seconds([(10.0, 50.0)], 60.0)
    assert (spans[0][0], spans[-1][1]) == (9.8, 50.2)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert all(end - start <= 15.0 for start, end in spans)


def test_no_speech():
    assert spans_in_seconds([], 3.0) == []


@pytest.mark.parametrize(
    ("borders", "spans"),
    [
        ((), [(0.8, 5.2), (5.8, 8.2)]),
        ((2.25,), [(0.8, 2.2), (2.3, 5.2), (5.8, 8.2)]),  # in a pause
        ((2.01,), [(0.8, 2.2), (2.3, 5.2), (5.8, 8.2)]),  # the margin stays
        ((4.0,), [(0.8, 4.0), (4.0, 5.2), (5.8, 8.2)]),  # within a stretch
        ((4.9,), [(0.8, 5.2), (5.8, 8.2)]),  # 0.1 s of speech are no segment of their own
        ((2.6,), [(0.8, 2.2), (2.3, 5.2), (5.8, 8.2)]),  # nor at the start of a stretch
        ((0.1, 1.1, 5.5, 9.0), [(0.8, 5.2), (5.8, 8.2)]),  # where nobody speaks
        ((3.5, 4.0, 4.0), [(0.8, 3.5), (3.5, 4.0), (4.0, 5.2), (5.8, 8.2)]),
    ],
)
def test_segments_are_cut_at_borders(borders, spans):
    assert spans_in_seconds([(1.0, 2.0), (2.5, 5.0), (6.0, 8.0)], 9.0, borders) == spans


@pytest.mark.parametrize(
    ("seconds", "borders", "spans"),
    [
        (9.0, (), [(0.0, 9.0)]),
        (9.0, (2.0, 7.5), [(0.0, 2.0), (2.0, 7.5), (7.5, 9.0)]),
        (9.0, (0.0, 9.0), [(0.0, 9.0)]),  # nothing is before or after them
    ],
)
def test_everything_is_cut_at_borders(monkeypatch, decoder, seconds, borders, spans):
    decoded = []
    monkeypatch.setattr(
        long_recordings, "transcribe_spans", lambda decoder, samples, spans: decoded.extend(spans) or []
    )
    spoken_segments.transcribe(decoder, recording(seconds), True, borders)
    assert [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in decoded] == spans


@pytest.mark.parametrize(
    ("text", "log_probability", "doubtful"),
    [
        ("we call it bear", -0.2, False),
        ("we call it bear", -1.0, False),
        ("we call it bear", -1.01, True),
        (LOOP, -0.1, True),
        ("", -5.0, False),
        ("", None, False),
    ],
)
def test_doubtful_texts(text, log_probability, doubtful):
    assert retries.is_doubtful(Hypothesis(text, log_probability)) == doubtful


ORDINARY = {
    "hi": (
        "एक समय की बात है एक छोटे से गाँव में एक लड़का रहता था जिसका नाम राजू थ"
        "ा। वह हर दिन स्कूल जाता था और अपने दोस्तों के साथ खेलता था। एक दिन उसन"
        "े जंगल में एक छोटा सा कुत्ता देखा जो बहुत भूखा था और उसने उसे अपनी रोट"
        "ी दे दी।"
    ),
    "th": (
        "กาลครั้งหนึ่งนานมาแล้วมีเด็กผู้ชายคนหนึ่งอาศัยอยู่ในหมู่บ้านเล็กๆ เขาไ"
        "ปโรงเรียนทุกวันและเล่นกับเพื่อนของเขา วันหนึ่งเขาเห็นสุนัขตัวเล็กในป่า"
        "ที่หิวมากและเขาก็ให้ขนมปังแก่มัน"
    ),
    "my": (
        "တစ်ခါက ရွာငယ်လေးတစ်ရွာမှာ ကောင်လေးတစ်ယောက်ရှိတယ်။ သူက နေ့တိုင်း ကျောင်"
        "းသွားပြီး သူ့သူငယ်ချင်းတွေနဲ့ ကစားတယ်။ တစ်နေ့မှာ သူ တောထဲမှာ ဗိုက်ဆာနေ"
        "တဲ့ ခွေးလေးတစ်ကောင်ကို တွေ့ပြီး သူ့ပေါင်မုန့်ကို ပေးလိုက်တယ်။"
    ),
    "ta": (
        "ஒரு காலத்தில் ஒரு சிறிய கிராமத்தில் ஒரு சிறுவன் வாழ்ந்து வந்தான். அவன்"
        " தினமும் பள்ளிக்குச் சென்று தன் நண்பர்களுடன் விளையாடுவான். ஒரு நாள் அவ"
        "ன் காட்டில் ஒரு சிறிய நாயைக் கண்டான்."
    ),
    "ka": (
        "ერთხელ ერთ პატარა სოფელში ცხოვრობდა ბიჭი რომელსაც ერქვა გიორგი. ის ყოვ"
        "ელდღე დადიოდა სკოლაში და თამაშობდა თავის მეგობრებთან ერთად. ერთ დღეს მ"
        "ან ტყეში ნახა პატარა ძაღლი."
    ),
    "zh": (
        "从前有一个小男孩住在一个小村庄里他每天都去上学和他的朋友们一起玩。有一天他在森林里看见一只很饿的小狗就把自己的面包给了它。"
    ),
    "en": (
        "Once upon a time there was a little boy who lived in a small village a"
        "nd he went to school every day and played with his friends. One day he"
        " saw a small dog in the forest that was very hungry and gave it his br"
        "ead."
    ),
}


@pytest.mark.parametrize("language", ORDINARY)
def test_ordinary_text_of_no_alphabet_seems_to_repeat_itself(language):
    """In UTF-8, 177 letters of Tamil compress 2.6 times: as much as an English text that is said twice."""
    text = ORDINARY[language]
    assert not retries.is_doubtful(Hypothesis(text, -0.3))
    assert retries.is_doubtful(Hypothesis(5 * text, -0.3))
    assert retries.is_doubtful(Hypothesis(text + 60 * text[:5], -0.3))


def test_compression_of_english_is_that_of_openai_whisper():
    text = ORDINARY["en"]
    assert compression_ratio(text) == len(text) / len(zlib.compress(text.encode()))
    assert compression_ratio("") == 0
    every_letter = "".join(map(chr, range(0xA1, 0x500)))  # more than there are bytes
    assert 0.5 < compression_ratio(every_letter) < 2.4


def decoded(monkeypatch, decoder, by_temperature: dict[float, list[Hypothesis]]) -> list[spoken_segments.SpokenSegment]:
    """The segments of two stretches of speech, of which each temperature gives some hypotheses."""
    monkeypatch.setattr(voice, "speech", lambda samples, longest: [(1.0, 2.0), (5.0, 6.0)])

    def transcribe_spans(decoder, samples, spans):
        hypotheses = by_temperature[decoder.settings.temperature]
        assert len(hypotheses) == len(spans)
        segments = []
        for (start, end), hypothesis in zip(spans, hypotheses, strict=True):
            segments.append(Segment(start / SAMPLE_RATE, end / SAMPLE_RATE, hypothesis))
        return segments

    monkeypatch.setattr(long_recordings, "transcribe_spans", transcribe_spans)
    return spoken_segments.transcribe(decoder, recording(8.0))


def test_sure_texts_are_decoded_once(monkeypatch, decoder):
    segments = decoded(monkeypatch, decoder, {0.0: [Hypothesis("one", -0.1), Hypothesis("two", -0.2)]})
    assert [(segment.hypothesis.text, segment.doubtful) for segment in segments] == [("one", False), ("two", False)]


def test_a_doubtful_text_is_decoded_at_higher_temperatures(monkeypatch, decoder):
    by_temperature = {
        0.0: [Hypothesis("one", -0.1), Hypothesis(LOOP, -0.2)],
        0.2: [Hypothesis("tow", -1.5)],
        0.4: [Hypothesis("two", -0.4)],
    }
    segments = decoded(monkeypatch, decoder, by_temperature)
    assert [(segment.hypothesis.text, segment.doubtful) for segment in segments] == [("one", False), ("two", False)]
    assert [(segment.start, segment.end) for segment in segments] == [(0.8, 2.2), (4.8, 6.2)]
    assert [segment.stretches for segment in segments] == [((1.0, 2.0),), ((5.0, 6.0),)]


def test_improbable_text_is_better_than_a_repetition(monkeypatch, decoder):
    by_temperature = {0.0: [Hypothesis("one", -0.1), Hypothesis(LOOP, -0.2)], 0.2: [Hypothesis(LOOP, -0.3)]}
    by_temperature |= {0.4: [Hypothesis("bear", -1.5)], 0.6: [Hypothesis("be", -1.2)], 0.8: [Hypothesis(LOOP, -0.1)]}
    by_temperature[1.0] = [Hypothesis("bore", -2.0)]
    segments = decoded(monkeypatch, decoder, by_temperature)
    assert [(segment.hypothesis.text, segment.doubtful) for segment in segments] == [("one", False), ("bear", True)]


@pytest.mark.parametrize(("first", "expected"), [(("too", -1.2), ("too", True)), ((LOOP, -0.2), ("bear", True))])
def test_improbable_empty_text_replaces_nothing(monkeypatch, decoder, first, expected):
    """At a high temperature, the end may be drawn by chance: the words of a stretch of speech would be lost."""
    by_temperature = {0.0: [Hypothesis("one", -0.1), Hypothesis(*first)], 1.0: [Hypothesis("", -4.0)]}
    by_temperature |= {0.2: [Hypothesis("", -1.01)], 0.4: [Hypothesis("bear", -1.5)]}
    by_temperature |= {0.6: [Hypothesis("bear", -1.5)], 0.8: [Hypothesis("", -5.0)]}
    segments = decoded(monkeypatch, decoder, by_temperature)
    assert (segments[1].hypothesis.text, segments[1].doubtful) == expected


@pytest.mark.parametrize(
    ("first", "then"), [(0.0, [0.2, 0.4, 0.6, 0.8, 1.0]), (0.5, [0.6, 0.8, 1.0]), (0.8, [1.0]), (1.0, [])]
)
def test_further_tries_are_at_higher_temperatures_than_the_first(decoder, first, then):
    settings = decoder.settings.model_copy(update={"temperature": first})
    temperatures = []

    def decode(decoder, numbers):
        temperatures.append(decoder.settings.temperature)
        return [Hypothesis(LOOP, -0.2)]

    retries.decode_again(replace(decoder, settings=settings), [Hypothesis(LOOP, -0.2)], decode)
    assert temperatures == then


def test_probable_empty_text_replaces_a_doubtful_one(monkeypatch, decoder):
    by_temperature = {0.0: [Hypothesis("one", -0.1), Hypothesis(LOOP, -0.2)], 0.2: [Hypothesis("", -0.3)]}
    segments = decoded(monkeypatch, decoder, by_temperature)
    assert [(segment.hypothesis.text, segment.doubtful) for segment in segments] == [("one", False), ("", False)]


def test_what_stays_doubtful_is_kept_and_marked(monkeypatch, decoder):
    worse = [Hypothesis("tow", -1.5)]
    by_temperature = {0.0: [Hypothesis("one", -0.1), Hypothesis("too <b>", -1.2)]}
    by_temperature |= dict.fromkeys(retries.TEMPERATURES, worse)
    segments = decoded(monkeypatch, decoder, by_temperature)
    assert [(segment.hypothesis.text, segment.doubtful) for segment in segments] == [("one", False), ("too <b>", True)]
    cues = [captions.Caption(segment) for segment in segments]
    assert "\n<c.doubtful>too &lt;b&gt;</c>\n" in captions.vtt("x", cues)
    rows = json.loads(captions.as_json("x", cues))["segments"]
    assert [row["doubtful"] for row in rows] == [False, True]
