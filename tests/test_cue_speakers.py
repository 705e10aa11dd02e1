"""Who speaks in each segment of a recording, as an annotation says."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from stages.common import params
from stages.common.errors import UserError
from stages.decoding import spoken_segments, transcription
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Hypothesis
from stages.records.units import SAMPLE_RATE
from tests.support.corpora import write, write_audio
from tools import sources
from tools.transcribe import options, recordings, speakers
from tools.transcribe.options import Options
from tools.transcribe.speakers import SpeakerTurn

SETTINGS = params.load(Path(__file__).parent.parent / "params.yaml")
ANNA, MUM = SpeakerTurn(1.0, 3.0, "Anna"), SpeakerTurn(3.4, 6.0, "Mum")

CHAT = (
    "@UTF8\n@Begin\n@Languages:\teng\n@Participants:\tCHI Anna Target_Child, MOT Mum Mother\n"
    "@ID:\teng|c|CHI|||||Target_Child|||\n@ID:\teng|c|MOT|||||Mother|||\n"
    "*CHI:\ta dog . \x151000_3000\x15\n*MOT:\tyes it is . \x153400_6000\x15\n@End\n"
)
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
9
<exists>
3
"IntervalTier"
"Anna"
0
9
3
0
1
""
1
3
"a dog"
3
9
""
"IntervalTier"
"Mum"
0
9
3
0
3.4
""
3.4
6
"yes it is"
6
9
""
"IntervalTier"
"notes"
0
9
1
0
9
"a noisy room"
"""
RTTM = (
    "SPKR-INFO a 1 <NA> <NA> <NA> unknown Anna <NA>\nSPEAKER a 1 3.4 2.6 <NA> <NA> Mum <NA> <NA>\n"
    "SPEAKER a 1 1.0 2.0 <NA> <NA> Anna <NA> <NA>\n"
)
STM = ";; a comment\na 1 Anna 1.0 3.0 a dog\na 1 inter_segment_gap 3.0 3.4\na 1 Mum 3.4 6.0 <o,f0> yes it is\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Anna>a dog\n\n00:03.400 --> 00:06.000\n<v Mum>yes it is\n"


def read(name: str, content: str, recording: str = "a.wav") -> list[SpeakerTurn]:
    write(Path(name), content)
    return speakers.read(Path(name), Path(recording), SETTINGS)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.cha", CHAT, ("CHI", "MOT")),
        ("a.TextGrid", TEXTGRID, ("Anna", "Mum")),
        ("a.rttm", RTTM, ("Anna", "Mum")),
        ("a.stm", STM, ("Anna", "Mum")),
        ("a.vtt", VTT, ("Anna", "Mum")),
    ],
)
def test_all_speakers_are_read(name, content, names, capsys):
    turns = read(name, content)
    assert turns == [SpeakerTurn(1.0, 3.0, names[0]), SpeakerTurn(3.4, 6.0, names[1])]
    assert capsys.readouterr().err == ""


def test_formats_are_those_that_the_options_name():
    assert tuple(speakers.PARSERS) == options.ANNOTATIONS


def test_only_the_turns_of_the_recording():
    both = RTTM + "SPEAKER b 1 0.0 1.0 <NA> <NA> Kim <NA> <NA>\n"
    assert read("all.rttm", both) == [ANNA, MUM]
    assert read("all.rttm", both, "B.WAV") == [SpeakerTurn(0.0, 1.0, "Kim")]
    with pytest.raises(UserError, match=r"all.rttm is the annotation of a, b, and not of c.wav"):
        read("all.rttm", both, "c.wav")


def test_annotation_of_another_recording():
    """Its times would give the segments wrong names."""
    with pytest.raises(UserError, match=r"b.rttm is the annotation of a, and not of c.wav"):
        read("b.rttm", RTTM, "c.wav")
    assert read("c.rttm", RTTM, "c.wav") == [ANNA, MUM]  # the file is called like the recording
    with pytest.raises(UserError, match=r"a turn at 3.4 s, but the recording ends at 3.4 s; is it its annotation"):
        speakers.check_length([ANNA, MUM], 3.4, Path("a.rttm"))
    speakers.check_length([ANNA, MUM], 3.5, Path("a.rttm"))


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("SPEAKER a 1 x 2.0 <NA> <NA> Anna", "line 4, turn 3: expected: SPEAKER recording channel start duration"),
        ("SPEAKER a 1 1.0", "line 4, turn 3: expected: SPEAKER"),
        ("SPEAKER a 1 4.0 0.0 <NA> <NA> Anna", "line 4, turn 3: from 4.0 to 4.0 s"),
        ("SPEAKER a 1 nan 1.0 <NA> <NA> Anna", "line 4, turn 3: from nan"),
    ],
)
def test_broken_turns_are_named(line, detail, capsys):
    assert read("a.rttm", f"{RTTM}{line}\n") == [ANNA, MUM]
    assert f"warning: a.rttm: 1 turns name no speaker; the first: {detail}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.rttm", "", "a.rttm: no line begins with SPEAKER"),
        ("a.rttm", "SPEAKER a 1 x 2.0 <NA> <NA> Anna", "no turns of a.wav with a speaker and times; the first: line 1"),
        ("a.cha", CHAT.replace("\x151000_3000\x15", "").replace("\x153400_6000\x15", ""), "no turns of a.wav"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:03,000\na dog\n", "no turns of a.wav"),
        ("a.eaf", "<ANNOTATION", "a.eaf: "),
    ],
)
def test_annotation_without_turns(name, content, message):
    with pytest.raises(UserError, match=message):
        read(name, content)


def test_annotation_beside_the_recording():
    write(Path("a.wav"), "")
    assert speakers.beside(Path("a.wav")) is None
    for name in ("a.vtt", "a.json", "a.txt", "b.cha", "ab.eaf"):  # this program may have written the first three
        write(Path(name), "")
    assert speakers.beside(Path("a.wav")) is None
    write(Path("a.TextGrid"), "")
    assert speakers.beside(Path("a.wav")) == Path("a.TextGrid")
    write(Path("a.CHA"), "")
    with pytest.raises(UserError, match=r"a.wav has several annotations beside it: a.CHA, a.TextGrid; name one"):
        speakers.beside(Path("a.wav"))


def recording(seconds: float, quiet: float) -> np.ndarray:
    """Noise with 20 ms of silence at one moment."""
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
    start = round(quiet * SAMPLE_RATE)
    samples[start : start + SAMPLE_RATE // 50] = 0
    return samples


@pytest.mark.parametrize(
    ("turns", "quiet", "near"),
    [
        ([ANNA, MUM], 3.2, [(0.75, 1.25), (3.2, 3.22), (5.75, 6.25)]),  # between two speakers
        ([ANNA, MUM], 2.8, [(0.75, 1.25), (2.8, 2.82), (5.75, 6.25)]),  # the annotation is not exact
        ([SpeakerTurn(1.0, 4.0, "Anna"), MUM], 3.6, [(0.75, 1.25), (3.6, 3.62), (5.75, 6.25)]),  # both at once
        ([ANNA, SpeakerTurn(3.4, 6.0, "Anna")], 3.2, [(0.75, 1.25), (5.75, 6.25)]),  # nobody else
        ([ANNA, SpeakerTurn(2.0, 2.5, "Mum")], 2.2, [(0.75, 1.25), (2.75, 3.25)]),  # "mhm" within a turn
        # A long pause is nobody's, even if the same speaker goes on.
        ([ANNA, SpeakerTurn(7.0, 8.0, "Anna")], 5.0, [(0.75, 1.25), (2.75, 3.25), (6.75, 7.25), (7.75, 8.25)]),
        # Never beyond the middle of a turn, so that borders stay in order.
        (
            [ANNA, SpeakerTurn(3.0, 3.2, "Mum"), SpeakerTurn(3.2, 6.0, "Anna")],
            9,
            [(0.75, 1.25), (2.75, 3.1), (3.1, 3.45), (5.75, 6.25)],
        ),
    ],
)
def test_borders_are_the_quietest_moments(turns, quiet, near):
    times = speakers.borders(turns, recording(10.0, quiet))
    assert len(times) == len(near)
    for time, (first, last) in zip(times, near, strict=True):
        assert first <= time <= last


def test_borders_beyond_the_recording():
    times = speakers.borders([ANNA, MUM], recording(4.0, 3.2))
    assert times == sorted(times)
    assert times[1] == pytest.approx(3.21, abs=0.02)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0.8, 3.2), "Anna"),
        ((3.2, 6.2), "Mum"),
        ((1.0, 6.0), "Mum"),  # a longer part
        ((1.5, 4.5), "Anna"),
        ((6.5, 8.0), ""),
        ((0.0, 0.9), ""),
        ((5.9, 8.0), ""),  # a twentieth of it
    ],
)
def test_speaker_of_a_segment(span, expected):
    assert speakers.speakers_of([span], [ANNA, MUM]) == [expected]


def test_speakers_of_many_segments_are_those_of_each():
    random = np.random.default_rng(0)
    starts = np.sort(random.uniform(0, 100, 60))
    turns = [SpeakerTurn(s, s + random.uniform(0.1, 8), str(random.integers(4))) for s in starts]
    edges = np.sort(random.uniform(0, 100, 50)).tolist()
    spans = list(itertools.pairwise(edges))
    alone = []
    for span in spans:
        alone += speakers.speakers_of([span], turns)
    assert speakers.speakers_of(spans, turns) == alone


def transcribed(monkeypatch, capsys, files: list[str], asked: Options) -> tuple[str, str]:
    """Output and errors of tools.transcribe with a decoder that recognises one word in each segment."""
    given = []

    def transcribe(decoder, samples, everything, borders):
        given.append(borders)
        edges = [0.0, *borders, len(samples) / SAMPLE_RATE]
        return [SpokenSegment(start, end, Hypothesis("hm", -0.1), False) for start, end in itertools.pairwise(edges)]

    class Decoder:
        language = "en"
        max_tokens = 100

    monkeypatch.setattr(sources, "load_checkpoint", lambda *_: None)
    monkeypatch.setattr(transcription, "prepare", lambda *_: Decoder())
    monkeypatch.setattr(spoken_segments, "transcribe", transcribe)
    recordings.transcribe(dict.fromkeys(map(Path, files)), "tiny", SETTINGS, asked)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_segments_hold_one_speaker(monkeypatch, capsys):
    write_audio(Path("a.wav"), 9.0)
    write(Path("a.rttm"), RTTM)
    for asked in ("auto", "a.rttm"):
        output, errors = transcribed(monkeypatch, capsys, ["a.wav"], Options(speakers=asked))
        assert output == "hm\nAnna: hm\nMum: hm\nhm\n"
        assert errors == ""
    output, _ = transcribed(monkeypatch, capsys, ["a.wav"], Options())  # the annotation beside it is not looked for
    assert output == "hm\n"


def test_recordings_without_annotation_are_named(monkeypatch, capsys):
    write_audio(Path("a.wav"), 9.0)
    write_audio(Path("b.wav"), 2.0)
    write(Path("a.rttm"), RTTM)
    output, errors = transcribed(monkeypatch, capsys, ["a.wav", "b.wav"], Options(speakers="auto"))
    assert output == "a.wav\nhm\nAnna: hm\nMum: hm\nhm\nb.wav\nhm\n"
    assert "warning: b.wav has no annotation beside it, so its segments name no speaker" in errors


def test_recording_with_a_wrong_annotation_is_refused_and_the_others_are_not(monkeypatch, capsys):
    write_audio(Path("a.wav"), 3.0)
    write_audio(Path("b.wav"), 9.0)
    write(Path("a.rttm"), RTTM)
    write(Path("b.rttm"), RTTM)
    with pytest.raises(UserError, match=r"could not be transcribed:\na.wav: a.rttm has a turn at 3.4 s"):
        transcribed(monkeypatch, capsys, ["a.wav", "b.wav"], Options(speakers="auto"))
    assert capsys.readouterr().out == "b.wav\nhm\nAnna: hm\nMum: hm\nhm\n"
