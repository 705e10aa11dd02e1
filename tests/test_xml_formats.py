"""ELAN and Transcriber files, and XML that is not to be trusted."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from stages.corpus.formats import elan, registry, transcriber
from stages.corpus.rows.utterance import SplitContents, Word
from tests.support.corpora import options, write, write_audio
from tests.support.damaged_files import damaged, read_damaged

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Users/x/session%201.mp4" MIME_TYPE="video/mp4"/>
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Users/x/session%201.wav" MIME_TYPE="audio/x-wav"/>
</HEADER>
<TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="3000"/>
<TIME_SLOT TIME_SLOT_ID="ts5"/><TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="900"/>
</TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="CHI" PARTICIPANT="Anna">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
<ANNOTATION_VALUE>it is red</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>a truck</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts5">
<ANNOTATION_VALUE>no end</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="MOT" PARTICIPANT="Mary">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="m1" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>what is it</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="w" TIER_ID="words@CHI" PARENT_REF="CHI">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="w1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts6">
<ANNOTATION_VALUE>a</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="w2" TIME_SLOT_REF1="ts6" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>truck</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="r" TIER_ID="vcm@CHI" PARENT_REF="CHI">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r1" ANNOTATION_REF="a1"><ANNOTATION_VALUE>C</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="r" TIER_ID="gloss@CHI" PARENT_REF="vcm@CHI">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="g1" ANNOTATION_REF="r1"><ANNOTATION_VALUE>ein Laster</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>
"""

TRANSCRIBER = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE Trans SYSTEM "trans-14.dtd">
<Trans audio_filename="tape" version="1">
<Speakers>
<Speaker id="spk1" name="interviewer" type="female"/>
<Speaker id="spk2" name="Ben" type="male"/>
<Speaker id="spk3" name="the small one" type="child"/>
</Speakers>
<Episode><Section type="report" startTime="0" endTime="9">
<Turn speaker="spk1" startTime="0" endTime="2"><Sync time="0"/>

<Sync time="0.5"/>
how are you
</Turn>
<Turn speaker="spk2" startTime="2" endTime="5">
<Sync time="2"/>
I am <Event desc="EE-HESITATION" type="noise" extent="instantaneous"/> fine
<Event desc="b" type="noise" extent="instantaneous"/>
<Sync time="3.5"/>
<Event desc="en" type="language" extent="begin"/>caf\u00e9<Event desc="en" type="language" extent="end"/>
</Turn>
<Turn speaker="spk2 spk3" startTime="5" endTime="7">
<Sync time="5"/>
<Who nb="1"/>
yes
<Who nb="2"/>
me too
</Turn>
<Turn startTime="7" endTime="9"><Sync time="7"/>
<Sync time="8.2"/></Turn>
</Section></Episode>
</Trans>
"""


@pytest.fixture
def data(tmp_path) -> Path:
    write_audio(tmp_path / "data/train/fam/session 1.wav", 4)
    write_audio(tmp_path / "data/train/tape.wav", 9)
    return tmp_path / "data"


def read(data: Path, name: str, content: str | bytes, **changes) -> SplitContents:
    write(data / "train" / name, content)
    return registry.read_split(data, "train", options(**changes))


def reasons(found: SplitContents) -> list[str]:
    return [row.reason for row in found.refusals]


# --- ELAN


def test_elan(data):
    found = read(data, "fam/s.eaf", ELAN)
    assert [(row.id, row.text_raw, row.speaker, row.start, row.end) for row in found.utterances] == [
        ("fam-s-CHI-0001", "a truck", "Anna", 0.5, 1.5),
        ("fam-s-CHI-0002", "it is red", "Anna", 2.0, 3.0),
    ]
    assert {row.source for row in found.utterances} == {"train/fam/session 1.wav"}  # the sound, not the video
    assert found.utterances[0].words == (Word(0.5, 0.9, "a"), Word(0.9, 1.5, "truck"))
    assert reasons(found) == ["untimed"]
    assert found.left_out == {"tier vcm@CHI": 1, "tier gloss@CHI": 1, "other speakers: MOT": 1}
    assert (1.5, 2.0) in found.spans[data / "train/fam/session 1.wav"]


def test_elan_dependent_tiers_by_name(data):
    (row,) = read(data, "fam/s.eaf", ELAN, tiers="gloss@.*").utterances
    assert (row.text_raw, row.start, row.end, row.speaker) == ("ein Laster", 0.5, 1.5, "Anna")


@pytest.mark.parametrize(
    ("name", "label"), [("ref@k1", "Tale 01.003"), ("ref", "Tale_A 3"), ("k1", ""), ("tale", "003")]
)
def test_elan_references_on_top(data, name, label):
    top = f"""<TIER TIER_ID="{name}" PARTICIPANT="Ben"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1"
    TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>
    </ANNOTATION></TIER>"""
    below = f"""<TIER TIER_ID="tx@k1" PARENT_REF="{name}"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r1"
    ANNOTATION_REF="a1"><ANNOTATION_VALUE>one fish</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>"""
    head = ELAN[: ELAN.index("<TIER ")]
    (row,) = read(data, "fam/s.eaf", head + top + below + "</ANNOTATION_DOCUMENT>").utterances
    assert (row.text_raw, row.start, row.end, row.speaker) == ("one fish", 0.5, 1.5, "Ben")


def test_elan_times_that_are_not_there_are_not_guessed(data):
    content = ELAN.replace('TIME_SLOT_ID="ts2" TIME_VALUE="1500"', 'TIME_SLOT_ID="ts2"')
    found = read(data, "fam/s.eaf", content)
    assert [row.text_raw for row in found.utterances] == ["it is red"]
    assert [(row.reason, row.detail) for row in found.refusals] == [
        ("untimed", "a1 has no times"),
        ("untimed", "a3 has no times"),
    ]


def eaf(*tiers: str) -> str:
    """A document with two stretches, a1 from 0.5 to 1.5 s and a2 from 2 to 3 s."""
    head = ELAN[: ELAN.index("<TIER ")]
    return head + "".join(tiers) + "</ANNOTATION_DOCUMENT>"


def timed_tier(name: str, first: str, second: str) -> str:
    rows = ""
    for id, text, start, end in (("a1", first, 1, 2), ("a2", second, 3, 4)):
        rows += (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{id}" TIME_SLOT_REF1="ts{start}"'
            f' TIME_SLOT_REF2="ts{end}"><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>'
        )
    return f'<TIER LINGUISTIC_TYPE_REF="u" PARTICIPANT="k1" TIER_ID="{name}">{rows}</TIER>'


def symbolic_tier(name: str, parent: str, rows: list[tuple[str, str, str, str]]) -> str:
    """`rows` are id, id of the annotation above, id of the previous or "", and text."""
    annotations = ""
    for id, above, previous, text in rows:
        previous = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
        annotations += (
            f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{id}" ANNOTATION_REF="{above}"{previous}>'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        )
    return f'<TIER LINGUISTIC_TYPE_REF="s" PARENT_REF="{parent}" TIER_ID="{name}">{annotations}</TIER>'


PARTS = [("b3", "a1", "b2", "swim"), ("b1", "a1", "", "one"), ("b2", "a1", "b1", "fish"), ("b4", "a2", "", "no")]
NUMBERED = (timed_tier("ref@k1", "001", "002"), symbolic_tier("tx@k1", "ref@k1", PARTS))


def spoken(found: SplitContents) -> list[tuple]:
    return [(row.text_raw, row.start, row.end) for row in found.utterances]


def test_elan_parts_of_one_annotation_are_joined(data):
    found = read(data, "fam/s.eaf", eaf(*NUMBERED), tiers="tx@k1")
    assert spoken(found) == [("one fish swim", 0.5, 1.5), ("no", 2.0, 3.0)]
    assert [row.speaker for row in found.utterances] == ["k1", "k1"]


def test_elan_parts_of_parts_are_joined(data):
    glosses = [(f"g{id}", id, "", text.upper()) for id, _, _, text in PARTS]
    found = read(data, "fam/s.eaf", eaf(*NUMBERED, symbolic_tier("gl@k1", "tx@k1", glosses)), tiers="gl@k1")
    assert spoken(found) == [("ONE FISH SWIM", 0.5, 1.5), ("NO", 2.0, 3.0)]


def test_elan_reference_numbers_on_top(data):
    translation = symbolic_tier("ft@k1", "ref@k1", [("f1", "a1", "", "ein Fisch")])
    found = read(data, "fam/s.eaf", eaf(*NUMBERED, translation))
    assert spoken(found) == [("one fish swim", 0.5, 1.5), ("no", 2.0, 3.0)]
    assert found.left_out["no speech: ref@k1"] == 2
    assert not any("numbers" in message for message in found.warnings)


@pytest.mark.parametrize("more", [(), (symbolic_tier("x@k1", "ref@k1", PARTS[3:]), NUMBERED[1])])
def test_elan_only_numbers(data, more):
    found = read(data, "fam/s.eaf", eaf(NUMBERED[0], *more))
    assert found.utterances == []
    assert found.left_out["no speech: ref@k1"] == 2
    message = "a tier that holds only numbers; is another the transcript?"
    assert found.warnings[message] == ["train/fam/s.eaf ref@k1"]


def test_elan_symbolic_words_have_no_times(data):
    words = symbolic_tier("words@k1", "tx", PARTS)
    found = read(data, "fam/s.eaf", eaf(timed_tier("tx", "one fish swim", "no"), words))
    assert [(row.text_raw, row.words) for row in found.utterances] == [("one fish swim", ()), ("no", ())]


def test_elan_references_in_a_circle(data):
    content = ELAN.replace('ANNOTATION_REF="a1"', 'ANNOTATION_REF="g1"')
    assert reasons(read(data, "fam/s.eaf", content, tiers="gloss@.*")) == ["untimed"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("", "", None),
        (
            'MEDIA_URL="file:///C:/Users/x/session%201.wav"',
            'MEDIA_URL="gone.wav" RELATIVE_MEDIA_URL="./session 1.wav"',
            None,
        ),
        ('session%201.wav" ', 'session%201.wav" TIME_ORIGIN="1200" ', "media-offset"),
        ("session%201", "elsewhere", "missing-audio"),
        ("ANNOTATION_DOCUMENT", "HTML", "broken-elan"),
        ('TIME_VALUE="500"', 'TIME_VALUE="soon"', "broken-elan"),
        ('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="ts99"', "broken-elan"),
        (' TIER_ID="MOT"', "", "broken-elan"),
        ("</ANNOTATION_DOCUMENT>", "", "broken-elan"),
        ('encoding="UTF-8"', 'encoding="klingon"', "broken-elan"),
    ],
)
def test_elan_dirt(data, old, new, reason):
    found = read(data, "fam/s.eaf", ELAN.replace(old, new) if old else ELAN)
    assert [one for one in reasons(found) if one != "untimed"] == ([reason] if reason else [])
    assert bool(found.utterances) == (reason is None)


def test_elan_written_by_its_library(data):
    pympi = pytest.importorskip("pympi")
    eaf = pympi.Eaf(author="test")
    eaf.remove_tier("default")
    eaf.add_tier("Kind", part="Cleo")
    eaf.add_annotation("Kind", 100, 900, "hallo du")
    eaf.add_linked_file(str(data / "train/fam/session 1.wav"), mimetype="audio/x-wav")
    eaf.to_file(str(data / "train/fam/s.eaf"))
    (row,) = registry.read_split(data, "train", options()).utterances
    assert (row.text_raw, row.start, row.end, row.speaker) == ("hallo du", 0.1, 0.9, "Cleo")


# --- Transcriber


def test_transcriber(data):
    found = read(data, "tape.trs", TRANSCRIBER.encode("iso-8859-1"))
    assert [(row.text_raw, row.speaker, row.start, row.end, row.gender) for row in found.utterances] == [
        ("I am <ee-hesitation> fine <noise>", "Ben", 2.0, 3.5, "m"),
        ("caf\u00e9", "Ben", 3.5, 5.0, "m"),
        ("yes", "Ben", 5.0, 7.0, "m"),
        ("me too", "the small one", 5.0, 7.0, None),
    ]
    assert found.left_out == {"other speakers: interviewer": 1}
    assert found.refusals == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('<Sync time="3.5"/>', '<Sync time="later"/>', "bad-time"),
        ('endTime="5"', 'endTime="1"', "end-before-start"),
        ("</Trans>", "", "broken-trs"),
        ("Trans", "Other", "broken-trs"),
    ],
)
def test_transcriber_dirt(data, old, new, reason):
    assert reason in reasons(read(data, "tape.trs", TRANSCRIBER.replace(old, new).encode("iso-8859-1")))


# --- XML that is not to be trusted

BILLION_LAUGHS = '<!DOCTYPE {0} [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
EXTERNAL = '<!DOCTYPE {0} [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE {0} [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>'
SUBSET = "<!DOCTYPE {0} [<!ELEMENT x ANY>]>"


@pytest.mark.parametrize("doctype", [BILLION_LAUGHS, EXTERNAL, PARAMETER, SUBSET])
@pytest.mark.parametrize(("name", "root"), [("a.eaf", "ANNOTATION_DOCUMENT"), ("a.trs", "Trans")])
def test_entities_and_dtds_are_refused(data, doctype, name, root):
    content = f'<?xml version="1.0"?>{doctype.format(root)}<{root}>&a;</{root}>'
    assert reasons(read(data, name, content)) == ["unsafe-xml"]


def test_elan_has_no_doctype(data):
    assert reasons(read(data, "a.eaf", '<!DOCTYPE ANNOTATION_DOCUMENT SYSTEM "x.dtd"><ANNOTATION_DOCUMENT/>')) == [
        "unsafe-xml"
    ]


def test_deep_nesting(data):
    assert reasons(read(data, "a.eaf", "<a>" * 100_000)) == ["broken-elan"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged(ELAN))
def test_rubbish_in_elan(content):
    read_damaged(elan, "a.eaf", content)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damaged(TRANSCRIBER))
def test_rubbish_in_transcriber(content):
    read_damaged(transcriber, "a.trs", content)
