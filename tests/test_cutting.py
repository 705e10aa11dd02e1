"""One recording and what is cut out of it."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.corpus.rows.utterance import Utterance
from stages.cutting import cutting
from stages.cutting.cutting import Cut
from tests.support.corpora import noise, options, utterance, write


def results(
    path: Path, rows: list[Utterance], others=(), for_training: bool = True, **changes
) -> list[Cut | cutting.Refusal]:
    spans = [(row.start, float("inf") if row.end is None else row.end) for row in rows if row.start is not None]
    recording = cutting.Recording(path, rows, [*spans, *others])
    return cutting.cut_all([recording], options(**changes), for_training)[0]


def reasons(found: list) -> list[str]:
    return ["cut" if isinstance(one, Cut) else one.reason for one in found]


@pytest.fixture
def wav(tmp_path) -> Path:
    soundfile.write(tmp_path / "a.wav", noise(10), 16_000)
    return tmp_path / "a.wav"


def at(start: float | None, end: float | None, **changes) -> Utterance:
    return utterance(start=start, end=end, **changes)


def test_clip_and_context(wav):
    (found,) = results(wav, [at(1, 2)])
    assert (found.duration, found.source_rate, found.row.flags) == (1.2, 16_000, ())


@pytest.mark.parametrize("for_training", [True, False])
@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [
        (1, 5, 4.2),
        (1, 5.8, 5.0),  # exactly as long as is allowed
        (1, 5.9, 5.0),  # with all of the context, it would be longer
        (1, 6, 5.0),
        (1.2, 6.2, 5.0),
        (3.3, 8.3, 5.0),  # 5.000000000000001 s apart as floats
        (0, 4.95, 5.0),  # context on one side only
        (1.00003, 5.97003, 5.0),
    ],
)
def test_context_does_not_make_an_utterance_too_long(wav, start, end, duration, for_training):
    (found,) = results(wav, [at(start, end)], for_training=for_training, max_seconds=5.0)
    assert found.duration <= 5.0
    assert found.duration == pytest.approx(duration, abs=0.0002)


def test_context_gives_way_on_both_sides(wav):
    (found,) = results(wav, [at(1, 5.9)], max_seconds=5.0)
    samples = soundfile.read(io.BytesIO(found.flac))[0]
    expected = soundfile.read(wav)[0][round(0.95 * 16_000) : round(5.95 * 16_000)]
    assert abs(len(samples) - len(expected)) <= 2
    assert any(np.array_equal(samples[2:-2], expected[shift:][: len(samples) - 4]) for shift in range(5))


def test_utterance_that_is_too_long_keeps_its_context_in_an_evaluation_set(wav):
    assert reasons(results(wav, [at(1, 6.1)], max_seconds=5.0)) == ["too-long"]
    (found,) = results(wav, [at(1, 6.1)], for_training=False, max_seconds=5.0)
    assert found.duration == 5.3


@pytest.mark.parametrize(
    ("others", "max_overlap", "for_training", "expected"),
    [
        ([], 1.0, True, ()),
        ([(1.5, 3)], 1.0, True, ("overlap",)),
        ([(1.5, 3)], 0.4, True, "overlap"),
        ([(1.5, 3)], 0.4, False, ("overlap",)),  # evaluation sets are not filtered
        ([(1.9, 3)], 0.4, True, ("overlap",)),
    ],
)
def test_overlap(wav, others, max_overlap, for_training, expected):
    (found,) = results(wav, [at(1, 2)], others, for_training, max_overlap=max_overlap)
    assert (found.row.flags if isinstance(found, Cut) else found.reason) == expected


@pytest.mark.parametrize(
    ("text", "for_training", "changes", "expected"),
    [
        ("ten chars!", True, {"max_characters_per_second": 9.0}, "speech-rate"),
        ("ten chars!", False, {"max_characters_per_second": 9.0}, "cut"),
        ("ten chars!", True, {"max_characters_per_second": 10.0}, "cut"),
        ("ten chars!", True, {"min_characters_per_second": 11.0}, "speech-rate"),
        ("x" * 9999, True, {}, "cut"),
    ],
)
def test_speech_rate(wav, text, for_training, changes, expected):
    assert reasons(results(wav, [at(1, 2, text=text)], (), for_training, **changes)) == [expected]


@pytest.mark.parametrize(
    ("stated", "expected"), [(None, "cut"), (10.0, "cut"), (10.4, "cut"), (9.0, "cut"), (10.6, "truncated-audio")]
)
def test_stated_length(wav, stated, expected):
    assert reasons(results(wav, [at(None, None, stated_seconds=stated)])) == [expected]


@pytest.mark.parametrize(
    ("stated", "format", "asks"), [(10_000.0, "table", True), (900.0, "table", False), (10_000.0, "kaldi", False)]
)
def test_stated_length_in_milliseconds(wav, stated, format, asks):
    (refusal,) = results(wav, [at(None, None, stated_seconds=stated, format=format)])
    assert ("is it in milliseconds? then call the column duration_ms" in refusal.detail) == asks


def test_truncated_recording(wav):
    write(wav, wav.read_bytes()[: 44 + 2 * 16_000 * 5])
    rows = [at(1, 2, id="x"), at(7, 8, id="y"), at(None, None, id="z")]
    refusals = results(wav, rows, for_training=False)
    assert [refusal.reason for refusal in refusals] == ["truncated-audio"] * 3
    assert "its header promises 10.000 s, and 5.000 s can be read" in refusals[0].detail


def test_recorder_that_was_killed(wav):
    content = wav.read_bytes()
    write(wav, content[:4] + bytes(4) + content[8:40] + bytes(4) + content[44:])
    (cut,) = results(wav, [at(8, 9)])
    assert cut.row.flags == ("unfinished-header",)


def test_annotation_of_another_recording(wav):
    found = results(wav, [at(1, 2), at(30, 31), at(40, 41)])
    assert reasons(found) == ["annotation-mismatch"] * 3
    assert "2 of 3 utterances lie beyond its end (10.0 s)" in found[0].detail
    assert "milliseconds" not in found[0].detail
    assert reasons(results(wav, [at(1, 2), at(3, 4), at(40, 41)])) == ["cut", "cut", "start-beyond-audio"]


def test_milliseconds_for_seconds(wav):
    found = results(wav, [at(100, 900), at(1000, 2000), at(3000, 4000)])
    assert "the times look like milliseconds" in found[0].detail


def test_clipped_and_narrowband(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.clip(5 * noise(2, rate=8_000), -1, 1), 8_000)
    (found,) = results(tmp_path / "a.wav", [at(None, None)])
    assert found.row.flags == ("clipped", "narrowband")
    assert found.source_rate == 8_000


def test_each_speaker_in_a_channel(tmp_path):
    left, right = noise(4, seed=1), noise(4, seed=2)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16_000, subtype="FLOAT")
    rows = [at(0, 1, channel=2), at(1, 2, channel=1), at(2, 3, channel=3), at(2, 3)]
    found = results(tmp_path / "a.wav", rows, context_seconds=0.0)
    assert reasons(found) == ["cut", "cut", "cut", "no-such-channel"]
    assert [one.row.channel for one in found] == [None, 1, 2, 3]
    alone = {}
    for name, samples in (("left", left), ("right", right)):
        soundfile.write(tmp_path / "b.wav", samples, 16_000, subtype="FLOAT")
        alone[name] = results(tmp_path / "b.wav", [at(0, 1), at(1, 2)], context_seconds=0.0)
    assert found[1].content == alone["left"][1].content
    assert found[2].content == alone["right"][0].content


def test_content_is_the_sound_and_not_the_file(tmp_path, wav):
    soundfile.write(tmp_path / "b.flac", soundfile.read(wav)[0], 16_000)
    (one,), (other,) = (results(path, [at(1, 2)]) for path in (wav, tmp_path / "b.flac"))
    assert (one.content, one.recording) == (other.content, other.recording)
    (later,) = results(wav, [at(1.5, 2.5)])
    assert later.content != one.content
    assert later.recording == one.recording


def test_nothing_is_lost_of_a_broken_recording(tmp_path):
    write(tmp_path / "a.wav", b"<html>")
    found = results(tmp_path / "a.wav", [at(1, 2, id="x"), at(2, 3, id="y")])
    assert [(one.row.id, one.reason) for one in found] == [("x", "unreadable-audio"), ("y", "unreadable-audio")]
