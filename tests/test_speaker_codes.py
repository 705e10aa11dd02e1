"""Names and codes that say who speaks in child language corpora."""

from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.speaker_codes import ADULT, CHILD, NO_SPEECH, meaning_of
from stages.cutting import accounts
from tests.support.corpora import options, reading, textgrid, write, write_audio


@pytest.mark.parametrize(
    ("names", "meaning"),
    [
        ("CHI|FC1|MC1|UC1|CHN|KCHI|CXN|OCH|Target_Child|Child 2|SIS|kid3|Key child", CHILD),
        ("FA1|MA1|FEM|MAL|FAN|MAN|MAF", ADULT),
        ("MOT*|mommy|daddy|mama|papa|Fa|Mo|Mutter|caregiver|nanny|researcher|tester|SLP|RA|tutor|aunt", ADULT),
        ("Female adult|adult-male|Mom_2|GRANDMA|teacher 1", ADULT),
        ("notes|Comments|noise|background|translation|gloss|IPA|Section|ref|OLN|TVF", NO_SPEECH),
        ("anna|c0012|Manuel|Fanny|k1|Moritz|speaker 3||  |\u592a\u90ce|participant", None),
    ],
)
def test_meaning(names, meaning):
    for name in names.split("|"):
        assert meaning_of(name) == meaning, name


@pytest.mark.parametrize(
    ("names", "child_names", "expected"),
    [
        (("FA1",), ".*", False),
        (("FC1",), ".*", True),
        (("anna",), ".*", True),
        (("CHI", "Mama"), ".*", True),  # a tier by its code and by a name: the child's
        (("notes",), ".*", False),
        (("Man",), "Man|Mia", True),  # the user says who counts
        (("Mia",), "Man|Mia", True),
        (("Teacher",), "Teacher|Mia", False),  # adult_names, a param too, holds beside child_names
    ],
)
def test_who_counts_as_a_child(names, child_names, expected):
    assert reading(child_names=child_names).is_child(*names) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FA01", True),
        ("MA-07", True),
        ("RA12", True),
        ("BG02", True),
        ("Mo", True),
        ("Pere", True),
        ("Note", True),
        ("teacher", False),
        ("Female adult", False),
        ("MOT", False),  # by adult_names
    ],
)
def test_names_in_a_speaker_column(name, expected):
    assert reading().is_child(name, from_column=True) == expected


def test_codes_are_other_people_in_every_recording(tmp_path):
    for name in ("one", "two"):
        write_audio(tmp_path / "train" / f"{name}.wav", seconds=6)
        tiers = {"FC1": [(0, 1, "hello there")], "KCHI": [(2, 3, "bye")], "FA1": [(4, 5, "good")]}
        write(tmp_path / "train" / f"{name}.TextGrid", textgrid(tiers, 6.0))
    contents = registry.read_split(tmp_path, "train", options())
    assert {row.speaker for row in contents.utterances} == {"one", "two", "one-FC1", "two-FC1"}
    assert not any(row.speaker_known for row in contents.utterances)
    assert contents.left_out == {"other speakers: FA1": 2}


NOTE_TIERS = {
    "k1": [(0, 1, "one fish")],
    "notes": [(0.5, 2, "door slams")],
    "IPA": [(0, 1, "w\u028cn f\u026a\u0283")],
    "translation": [(0, 1, "ein Fisch")],
    "noise": [(2, 3, "door")],
}


@pytest.mark.parametrize(
    ("split", "tiers", "texts"),
    [
        ("train", None, ["one fish"]),
        ("adult", None, ["one fish"]),  # everybody counts there; a note is nobody's speech
        ("train", "k1|notes", ["one fish", "door slams"]),
    ],
)
def test_tiers_without_speech(tmp_path, split, tiers, texts):
    write_audio(tmp_path / split / "s.wav", seconds=6)
    write(tmp_path / split / "s.TextGrid", textgrid(NOTE_TIERS, 6.0))
    contents = registry.read_split(tmp_path, split, options(tiers=tiers))
    assert [row.text_raw for row in contents.utterances] == texts
    if tiers is None:
        assert contents.left_out == {f"no speech: {tier}": 1 for tier in ("notes", "IPA", "translation", "noise")}
        assert contents.spans[tmp_path / split / "s.wav"] == [(0, 1)]  # what is noted bounds no context
    printed = accounts.describe({split: contents}, {split: []}, Path("rejected.jsonl"))
    assert "speakers and tiers of sessions: k1 1" in printed
