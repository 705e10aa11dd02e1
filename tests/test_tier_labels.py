"""Tiers that hold no transcript although nothing but their labels says so: codes, numbers, names, single words."""

from pathlib import Path

import pytest

from stages.corpus.formats import registry, tier_labels
from stages.corpus.rows.speaker_codes import NO_SPEECH, meaning_of
from stages.corpus.rows.utterance import SplitContents
from stages.preprocess import clean_transcripts
from tests.support.corpora import options, textgrid, write, write_audio

NAMES_PASSED_OVER = "a tier that holds only names of other tiers, passed over"
NUMBERS_PASSED_OVER = "a tier that holds only numbers, beside one of words, passed over"


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/anna/a.wav", 40)
    return tmp_path / "data"


def elan_tier(name: str, labels: list[str], participant: str = "") -> str:
    """A tier with an annotation in every second, called name-0, name-1 ..."""
    rows = []
    for number, label in enumerate(labels):
        rows.append(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}-{number}" TIME_SLOT_REF1="ts{number}"'
            f' TIME_SLOT_REF2="ts{number + 1}"><ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
            "</ANNOTATION>"
        )
    return f'<TIER TIER_ID="{name}" PARTICIPANT="{participant}">{"".join(rows)}</TIER>'


def elan_codes(name: str, parent: str, labels: list[str]) -> str:
    """A tier of codes for the annotations of the tier `parent`."""
    rows = []
    for number, label in enumerate(labels):
        rows.append(
            f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}-{number}" ANNOTATION_REF="{parent}-{number}">'
            f"<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        )
    return f'<TIER TIER_ID="{name}" PARENT_REF="{parent}">{"".join(rows)}</TIER>'


def read_elan(data: Path, *tiers: str, **changes) -> SplitContents:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{second}" TIME_VALUE="{second}000"/>' for second in range(31))
    content = f"<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>{''.join(tiers)}</ANNOTATION_DOCUMENT>"
    write(data / "train/anna/a.eaf", content)
    return registry.read_split(data, "train", options(**changes))


def read_textgrid(data: Path, labels_of: dict[str, list[str]], **changes) -> SplitContents:
    """The contents of a TextGrid whose tiers, by name, have a label in every second."""
    content = {}
    for name, labels in labels_of.items():
        content[name] = [(second, second + 1, label) for second, label in enumerate(labels)]
    write(data / "train/anna/a.TextGrid", textgrid(content, 40))
    return registry.read_split(data, "train", options(**changes))


def texts(reading: SplitContents) -> list[str]:
    return [row.text_raw for row in reading.utterances]


@pytest.mark.parametrize("code_tier", ["vcm@CHI", "lex@CHI", "kind of sound"])
def test_codes_below_a_tier_without_words_are_no_transcript(data, code_tier):
    # ACLEW's template: 0. is a sound that is no word, coded below
    reading = read_elan(data, elan_tier("CHI", ["0.", "0.", "0."]), elan_codes(code_tier, "CHI", ["C", "N", "0"]))
    assert texts(reading) == ["0.", "0.", "0."]
    assert reading.left_out[f"tier {code_tier}"] == 1
    clean_transcripts(reading, "en")
    assert reading.utterances == []
    assert {row.reason for row in reading.refusals} == {"empty-text"}


def test_codes_below_a_tier_of_blank_labels_are_no_transcript(data):
    reading = read_elan(data, elan_tier("UC1", ["", ""]), elan_codes("new@UC1", "UC1", ["Y", "N"]))
    assert texts(reading) == []
    assert reading.spans[data / "train/anna/a.wav"] == [(0, 1), (1, 2)]  # somebody speaks there


@pytest.mark.parametrize("name", ["code_num_periodic", "context_random", "on_off", "tocode", "xds@CHI", "ref@k1"])
def test_names_of_coding_tiers(data, name):
    assert meaning_of(name) == NO_SPEECH
    reading = read_elan(data, elan_tier("CHI", ["look there"]), elan_tier(name, ["periodic1"]))
    assert texts(reading) == ["look there"]
    assert reading.left_out == {f"no speech: {name}": 1}
    assert not reading.warnings or name == "ref@k1"


@pytest.mark.parametrize("name", ["anna@home", "Codey", "tx@k1"])
def test_names_that_are_no_coding_tiers(name):
    assert meaning_of(name) is None


def test_tier_of_names_of_tiers_is_passed_over(data):
    tiers = {"CHI": ["the dog"], "MOT": ["yes"], "who": ["CHI", "MOT", "CHI"]}
    for reading in (read_elan(data, *(elan_tier(*tier) for tier in tiers.items())), read_textgrid(data, tiers)):
        assert texts(reading) == ["the dog"]
        assert reading.left_out["no speech: who"] == 3
        assert len(reading.warnings[NAMES_PASSED_OVER]) == 1
        (data / "train/anna/a.eaf").unlink(missing_ok=True)


def test_turns_of_a_speaker_who_has_only_words(data):
    reading = read_textgrid(data, {"ben - words": ["a", "dog"], "ben - turns": ["ben", "ben"]})
    assert texts(reading) == ["a dog"]
    assert reading.warnings[NAMES_PASSED_OVER] == ["train/anna/a.TextGrid ben - turns"]


def test_chosen_tiers_of_names_and_numbers_are_read(data):
    tiers = {"who": ["MOT", "MOT"], "MOT": ["yes"], "n": ["1"], "words": ["yes"]}
    assert texts(read_textgrid(data, tiers, tiers="who|n")) == ["1", "MOT", "MOT"]


@pytest.mark.parametrize("labels", [["Mama"], ["Mama", "ball"]])
def test_child_who_calls_somebody_is_read(data, labels):
    assert texts(read_textgrid(data, {"Lena": labels, "Mama": ["ja"]})) == labels


def test_numbers_beside_the_only_tier_of_words_are_passed_over(data):
    reading = read_textgrid(data, {"words": ["a", "dog"], "range": ["110-250"]})
    assert texts(reading) == ["a dog"]
    assert reading.warnings[NUMBERS_PASSED_OVER] == ["train/anna/a.TextGrid range"]


def test_digits_that_have_word_times_are_read(data):
    reading = read_textgrid(data, {"words": ["2", "7"], "k1": ["2", "7"]})
    assert texts(reading) == ["2", "7"]


@pytest.mark.parametrize("participant", ["MULTI", "multiple", "unknown", "n/a", "-"])
def test_participant_that_names_nobody(data, participant):
    (row,) = read_elan(data, elan_tier("MC1", ["the dog"], participant)).utterances
    assert row.speaker == "anna-MC1"


@pytest.mark.parametrize(
    ("labels", "doubt"),
    [
        (["1", "2"], "only numbers"),
        (["trial1", "trial22"], "only numbers"),
        (["0.", "0."], ""),
        (["0"], ""),
        (["h\u028ct"], "phonetic letters"),
        (["T", "", "x"], "single letters"),
        (["I"], ""),
        (["I", "I want"], ""),
        (["CDS", "ADS"] * 5, "few words that repeat"),
        (["CDS", "ADS"] * 4, ""),
        (["yes", "no", "more", "look here"] * 5, ""),
        ([], ""),
        (["", " "], ""),
    ],
)
def test_doubt(labels, doubt):
    message = tier_labels.doubt(labels)
    assert doubt in message if doubt else message == ""


@pytest.mark.parametrize(("gap", "warned"), [(0, True), (0.5, False)])
def test_tier_of_words_that_is_not_called_so(data, gap, warned):
    words = "this is a test of the tool that we have".split()
    intervals = [(number, number + 1 - gap, word) for number, word in enumerate(words)]
    write(data / "train/anna/a.TextGrid", textgrid({"k1": intervals}, 40))
    reading = registry.read_split(data, "train", options())
    assert texts(reading) == words
    message = "a tier of single words that follow each other; if they are word times, call it words"
    assert (message in reading.warnings) == warned
