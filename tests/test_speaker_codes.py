"""Names and codes that say who speaks in child language corpora."""

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.speaker_codes import ADULT, CHILD, NO_SPEECH, meaning_of
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


def test_codes_are_other_people_in_every_recording(tmp_path):
    for name in ("one", "two"):
        write_audio(tmp_path / "train" / f"{name}.wav", seconds=6)
        tiers = {"FC1": [(0, 1, "hello there")], "KCHI": [(2, 3, "bye")], "FA1": [(4, 5, "good")]}
        write(tmp_path / "train" / f"{name}.TextGrid", textgrid(tiers, 6.0))
    contents = registry.read_split(tmp_path, "train", options())
    assert {row.speaker for row in contents.utterances} == {"one", "two", "one-FC1", "two-FC1"}
    assert not any(row.speaker_known for row in contents.utterances)
    assert contents.left_out == {"other speakers: FA1": 2}
