"""CHAT files: participants, times, word times, and what is wrong with most of them."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from stages.corpus.formats import chat, registry
from stages.corpus.rows.utterance import SplitContents, Word
from tests.support.corpora import options, write, write_audio
from tests.support.damaged_files import damaged, read_damaged

CHAT = """@UTF8
@Begin
@Languages:\teng
@Participants:\tCHI Target_Child, MOT Mother, SIS Ella Sister
@ID:\teng|Providence|CHI|4;07.07|female|||Target_Child|||
@ID:\teng|Providence|MOT|||||Mother|||
@ID:\teng|Providence|SIS|7;|female|||Sister|||
@Media:\tsession1, audio
@Comment:\tinvented for
\tthis test
*CHI:\tI want &-um the (t)ruck . \x150_1500\x15
%wor:\tI \x15100_200\x15 want \x15200_600\x15 um \x15600_700\x15 the \x15700_800\x15 truck \x15900_1400\x15 .
*MOT:\twhich one ? \x151600_2400\x15
*CHI:\tthe red
\tone . \x152500_3000\x15 \x153000_3900\x15
*CHI:\tno time here .
*SIS:\tme too ! \x154000_4800\x15
@End
"""


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/alex/session1.wav", 6)
    return tmp_path / "data"


def read(data: Path, content: str | bytes = CHAT, name: str = "alex/s.cha", **changes) -> SplitContents:
    write(data / "train" / name, content)
    return registry.read_split(data, "train", options(**changes))


def test_chat(data):
    found = read(data)
    first, second = found.utterances
    assert (first.id, first.text_raw, first.start, first.end) == (
        *("alex-s-CHI-0001", "I want &-um the (t)ruck ."),
        *(0.0, 1.5),
    )
    assert (first.speaker, first.speaker_known, first.age, first.age_months, first.gender) == (
        *("alex", True),
        *("4;07.07", 55, "f"),
    )
    assert (first.source, first.file, first.line, first.markup) == (
        *("train/alex/session1.wav", "train/alex/s.cha"),
        *(11, "chat"),
    )
    assert first.words[:2] == (Word(0.1, 0.2, "I"), Word(0.2, 0.6, "want"))
    assert (second.text_raw, second.start, second.end, second.words) == ("the red one .", 2.5, 3.9, ())
    assert [(row.reason, row.line) for row in found.refusals] == [("untimed", 16)]
    assert found.left_out == {"other speakers: Mother": 1, "other speakers: Sister": 1}
    assert found.warnings["utterances without times"] == ["train/alex/s.cha (1 of 5)"]
    assert (1.6, 2.4) in found.spans[data / "train/alex/session1.wav"]


def test_roles_are_the_users_choice(data):
    rows = read(data, child_roles=["Sister"]).utterances
    assert [(row.text_raw, row.speaker, row.age_months) for row in rows] == [("me too !", "Providence-Ella", 84)]
    assert len(read(data, everyone_in=["train"]).utterances) == 4


@pytest.mark.parametrize(
    "content",
    [
        CHAT.replace("\n", "\r\n"),
        "\ufeff" + CHAT,
        CHAT.replace("@UTF8\n", ""),
        CHAT.replace("@End\n", ""),
        CHAT.replace("session1, audio", "session1, audio, unlinked"),
        CHAT.replace("Comment:\tinvented", "Comment:\tcaf\u00e9").encode("cp1252"),
    ],
)
def test_as_found_in_the_wild(data, content):
    assert [row.text_raw for row in read(data, content).utterances] == ["I want &-um the (t)ruck .", "the red one ."]


@pytest.mark.parametrize(
    ("media", "audio", "found"),
    [
        ("session1, audio", "alex/session1.wav", "train/alex/session1.wav"),
        ("SESSION1, video", "alex/session1.wav", "train/alex/session1.wav"),
        ("other, audio", "alex/s.mp3", "train/alex/s.mp3"),
        ("far, audio", "wav/far.wav", "train/wav/far.wav"),
        ("nowhere, audio", "wav/far.wav", "missing-audio"),
    ],
)
def test_media(tmp_path, media, audio, found):
    data = tmp_path / "data"
    write_audio(data / "train" / audio, 6)
    reading = read(data, CHAT.replace("session1, audio", media))
    got = {row.source for row in reading.utterances} | {row.reason for row in reading.refusals} - {"untimed"}
    assert got == {found}


def test_media_is_not_the_recording_of_another_child(tmp_path):
    data = tmp_path / "data"
    write_audio(data / "train/alex/other.wav", 6)
    write_audio(data / "train/ben/session1.wav", 6)
    reading = read(data, CHAT)
    assert not reading.utterances
    assert {row.reason for row in reading.refusals} == {"missing-audio"}
    assert "did you mean train/ben/session1.wav?" in reading.refusals[0].detail


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("*CHI:\thello . \x15900_100\x15", "end-before-start"),
        ("*CHI:\thello . \x15100_100\x15", "end-before-start"),
        ("*CHI:\thello . \x15soon\x15", "untimed"),
    ],
)
def test_broken_lines(data, line, reason):
    assert [row.reason for row in read(data, CHAT.replace("*CHI:\tno time here .", line)).refusals] == [reason]


OLD = """@UTF8
@Begin
@Participants:\tCHI Target_Child
*CHI:\twant that .{bullet}
{tier}
@End
"""


@pytest.mark.parametrize(
    ("bullet", "tier"),
    [
        (' \x15%snd:"session1"_500_1500\x15', "%com:\tolder"),
        (' \x15%mov:"session1"_500_1500\x15', "%com:\tolder"),
        ("", '%snd:\t"session1.aiff"_500_1500'),
        ("", '%snd:\t"session1.aiff" 500 1500'),
        ("", '%snd:\t\x15%snd:"session1"_500_1500\x15'),
        (' \x15%snd:"session1.aif"_500_1500\x15', '%mov:\t"session1.mov"_500_1500'),
    ],
)
def test_times_of_older_files(data, bullet, tier):
    (row,) = read(data, OLD.format(bullet=bullet, tier=tier)).utterances
    assert (row.source, row.text_raw, row.start, row.end) == ("train/alex/session1.wav", "want that .", 0.5, 1.5)


def test_times_of_several_recordings(data):
    found = read(
        data, OLD.format(bullet=' \x15%snd:"session1"_1_1500\x15', tier='*CHI:\ta . \x15%snd:"tape"_1_900\x15')
    )
    assert [(row.reason, row.detail) for row in found.refusals] == [
        ("several-recordings", "its times are of 2 recordings, such as session1 and tape; make a file for each")
    ]


@pytest.mark.parametrize("content", ["", "no chat at all", "@UTF8\n@Begin\n@End\n", b"\0\xff\xfe"])
def test_no_chat(data, content):
    assert [row.reason for row in read(data, content).refusals] == ["broken-chat"]


@pytest.mark.parametrize(
    ("path", "speaker", "known"), [("s", "s", False), ("alex/s", "alex", True), ("prov/alex/s", "prov-alex", True)]
)
def test_children_of_different_folders_are_different(tmp_path, path, speaker, known):
    data = tmp_path / "data"
    write_audio(data / f"train/{path}.wav", 6)
    rows = read(data, CHAT, f"{path}.cha").utterances
    assert {(row.speaker, row.speaker_known) for row in rows} == {(speaker, known)}


@pytest.mark.parametrize(
    ("name", "speakers"),
    [
        ("Ella", {("Providence-Ella", True)}),
        ("Mary Ann", {("Providence-Mary Ann", True)}),  # not Mary, as Mary Lou would be too
        *(
            (name, {("a", True), ("b", True)})
            for name in ("Child", "CHI", "Target_Child", "Participant", "Boy", "Child1")
        ),
    ],
)
def test_only_proper_names_are_one_child_in_several_folders(tmp_path, name, speakers):
    data = tmp_path / "data"
    for folder in ("a", "b"):
        write_audio(data / f"train/{folder}/session1.wav", 6)
        write(data / f"train/{folder}/session1.cha", CHAT.replace("CHI Target_Child", f"CHI {name} Target_Child"))
    rows = registry.read_split(data, "train", options()).utterances
    assert {(row.speaker, row.speaker_known) for row in rows} == speakers


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged(CHAT))
def test_rubbish(content):
    read_damaged(chat, "a.cha", content)


def test_headers_on_which_the_parser_breaks_off(data):
    """pylangacq is written in Rust, whose panics are no Exceptions and ended the run with a traceback."""
    broken = CHAT.replace(
        "@ID:\teng|Prov", "@Participants:\tCHI Target_C|||Target_Child|||\n@ID:\teng|x|MOT\n@ID:\teng|Prov", 1
    )
    reading = read(data, broken)
    assert not reading.utterances
    assert [refusal.reason for refusal in reading.refusals] == ["broken-chat"]
