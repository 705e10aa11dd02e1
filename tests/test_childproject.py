"""ChildProject's tables of segments, with and without its metadata (invented rows)."""

from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_audio

HEADER = "segment_onset,segment_offset,speaker_id,speaker_type,ling_type,words,transcription,raw_filename\n"
SEGMENTS = (
    HEADER
    + "1000,2500,CHI,CHI,1,2,want that,a.eaf\n"
    + "2500,3000,FA1,FEM,1,1,what?,a.eaf\n"
    + "3250,4000,FC1,OCH,1,1,me,a.eaf\n"
    + "4000,4500,NA,NA,NA,NA,who says this,a.eaf\n"
    + "4500,5000,CHI,CHI,0,NA,NA,a.eaf\n"
)


@pytest.fixture
def project(tmp_path) -> Path:
    """The folder of a project with two recordings of one child and one of another, in the training split."""
    folder = tmp_path / "data/train/corpus"
    for name in ("a", "b", "c"):
        write_audio(folder / f"recordings/raw/{name}.wav", 6)
    write(folder / "annotations/eaf/an1/converted/a_0_6000.csv", SEGMENTS)
    write(
        folder / "metadata/annotations.csv",
        "set,recording_filename,time_seek,range_onset,range_offset,raw_filename,format,annotation_filename\n"
        "eaf/an1,a.wav,0,0,6000,a.eaf,eaf,a_0_6000.csv\n"
        "eaf/an1,b.wav,0,0,6000,b.eaf,eaf,b_0_6000.csv\n"
        "vtc,a.wav,0,0,6000,a.rttm,vtc_rttm,a_0_6000.csv\n",
    )
    write(
        folder / "metadata/recordings.csv",
        "experiment,child_id,date_iso,start_time,recording_device_type,recording_filename\n"
        "x,kid1,2020-03-01,NA,lena,a.wav\nx,kid1,2020-06-01,NA,lena,b.wav\nx,kid2,NA,NA,lena,c.wav\n",
    )
    write(folder / "metadata/children.csv", "experiment,child_id,child_dob,child_sex\nx,kid1,2017-03-01,f\nx,kid2,,m\n")
    return folder


def read(project: Path, **changes) -> SplitContents:
    return registry.read_split(project.parent.parent, "train", options(**changes))


def refusals(reading: SplitContents) -> list[tuple]:
    return [(refusal.reason, refusal.file, refusal.line) for refusal in reading.refusals]


def test_segments_of_a_project(project):
    reading = read(project)
    assert not reading.refusals
    found = [(row.text_raw, row.start, row.end, row.speaker, row.age_months, row.gender) for row in reading.utterances]
    assert found == [
        ("want that", 1.0, 2.5, "kid1", 36, "f"),
        ("me", 3.25, 4.0, "kid1-FC1", None, None),
    ]
    assert [(row.source, row.line) for row in reading.utterances] == [
        ("train/corpus/recordings/raw/a.wav", 2),
        ("train/corpus/recordings/raw/a.wav", 4),
    ]
    assert reading.left_out == {
        "other speakers: FEM": 1,
        "segments of an unknown type of speaker": 1,
        "segments without text": 1,
    }
    assert len(reading.spans[project / "recordings/raw/a.wav"]) == 5  # no clip's context reaches into them
    assert not reading.warnings


def test_recordings_of_one_child_are_one_speakers(project):
    write(project / "annotations/eaf/an1/converted/b_0_6000.csv", HEADER + "0,1000,CHI,CHI,1,1,yes,b.eaf\n")
    reading = read(project)
    assert [(row.speaker, row.age_months) for row in reading.utterances if row.text_raw == "yes"] == [("kid1", 39)]


def test_segments_of_programs_have_no_transcripts(project):
    write(project / "annotations/vtc/converted/a_0_6000.csv", "segment_onset,segment_offset,speaker_type\n0,900,CHI\n")
    reading = read(project)
    assert len(reading.utterances) == 2
    place = "train/corpus/annotations/vtc/converted/a_0_6000.csv"
    assert dict(reading.warnings) == {"segments without a column of transcripts, passed over": [place]}


def test_a_second_set_of_transcripts_is_passed_over(project):
    write(project / "annotations/vtc/converted/a_0_6000.csv", HEADER + "0,900,CHI,CHI,1,1,won that,a.eaf\n")
    reading = read(project)
    assert [row.text_raw for row in reading.utterances] == ["want that", "me"]
    place = "train/corpus/annotations/vtc/converted/a_0_6000.csv (a.wav)"
    assert dict(reading.warnings) == {"a second transcript of a recording, passed over": [place]}


def test_a_table_that_the_metadata_do_not_name(project):
    write(project / "annotations/new/converted/z.csv", HEADER + "0,900,CHI,CHI,1,1,hi,z.eaf\n")
    assert refusals(read(project)) == [("no-recording-name", "train/corpus/annotations/new/converted/z.csv", None)]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ("x,900", "bad-time"),
        ("0,", "bad-time"),
        ("900,800", "end-before-start"),
        ("-900,800", "start-before-zero"),
    ],
)
def test_broken_segments(project, times, reason):
    place = "annotations/eaf/an1/converted/a_0_6000.csv"
    write(project / place, SEGMENTS + f"{times},CHI,CHI,1,1,hi,a.eaf\n")
    reading = read(project)
    assert [row.text_raw for row in reading.utterances] == ["want that", "me"]
    assert refusals(reading) == [(reason, f"train/corpus/{place}", 7)]


@pytest.mark.parametrize(
    ("children", "recordings", "months"),
    [
        ("child_id,child_dob\nk,2018-01-15\n", "child_id,date_iso,recording_filename\nk,2020-01-15,a.wav\n", 24),
        ("child_id,child_dob\nk,15/01/2018\n", "child_id,date_iso,recording_filename\nk,2020-01-15,a.wav\n", None),
        ("child_id,child_dob\nk,2021-01-15\n", "child_id,date_iso,recording_filename\nk,2020-01-15,a.wav\n", None),
        ("child_id,child_dob\nk,2018-01-15\n", "child_id,date_iso,recording_filename\nk,NA,a.wav\n", None),
        ("child_id,x\nk,\n", "child_id,age_months,recording_filename\nk,24,a.wav\n", 24),
        ("child_id,age_years\nk,2\n", "child_id,recording_filename\nk,a.wav\n", 24),
        ("child_id,age\nk,24\n", "child_id,recording_filename\nk,a.wav\n", None),  # months or years
    ],
)
def test_ages(project, children, recordings, months):
    write(project / "metadata/children.csv", children)
    write(project / "metadata/recordings.csv", recordings)
    (row,) = [row for row in read(project).utterances if row.speaker == "k"]
    assert row.age_months == months


def test_a_table_of_segments_without_metadata(tmp_path):
    for name in ("a", "b"):
        write_audio(tmp_path / f"data/train/{name}.wav", 6)
    write(
        tmp_path / "data/train/segments.csv",
        "recording_filename,segment_onset,segment_offset,speaker_type,transcription\n"
        "a.wav,500,1500,CHI,hello\na.wav,1500,2000,FEM,yes dear\nb.wav,0,1000,CHI,hello\nc.wav,0,1000,CHI,hi\n",
    )
    reading = registry.read_split(tmp_path / "data", "train", options())
    assert [(row.speaker, row.speaker_known, row.start, row.end) for row in reading.utterances] == [
        ("a-CHI", False, 0.5, 1.5),
        ("b-CHI", False, 0.0, 1.0),
    ]
    assert reading.left_out == {"other speakers: FEM": 1}
    assert refusals(reading) == [("missing-audio", "train/segments.csv", None)]


@pytest.mark.parametrize("column", ["file_name", "recording_filename", "path"])
def test_a_table_of_segments_that_names_the_child(tmp_path, column):
    write_audio(tmp_path / "data/train/a.wav", 6)
    write(
        tmp_path / "data/train/segments.csv",
        f"{column},segment_onset,segment_offset,speaker_type,text,child_id,age_months,child_sex\n"
        "a.wav,500,1500,CHI,hello,kid1,75,f\na.wav,1500,2000,MAL,yes dear,kid1,75,f\n"
        "a.wav,2000,2500,OCH,me,kid1,75,f\n",
    )
    reading = registry.read_split(tmp_path / "data", "train", options())
    assert [(row.speaker, row.speaker_known, row.start, row.age_months, row.gender) for row in reading.utterances] == [
        ("kid1", True, 0.5, 75, "f"),
        ("kid1-OCH", True, 2.0, None, None),
    ]
    assert reading.left_out == {"other speakers: MAL": 1}


@pytest.mark.parametrize("name", ["raw/a.eaf", "raw/other.eaf"])
def test_what_segments_were_made_from_is_not_read_again(project, name):
    """ChildProject keeps the annotators' own files, in another folder than the recordings that they name."""
    slots = '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="2500"/>'
    annotation = (
        '<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">'
        "<ANNOTATION_VALUE>want that</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>"
    )
    write(
        project / "annotations/eaf/an1" / name,
        '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="file:///x/a.wav"/>'
        f"</HEADER><TIME_ORDER>{slots}</TIME_ORDER>"
        f'<TIER TIER_ID="CHI"><ANNOTATION>{annotation}</ANNOTATION></TIER></ANNOTATION_DOCUMENT>',
    )
    reading = read(project)
    assert [(row.text_raw, row.speaker) for row in reading.utterances] == [("want that", "kid1"), ("me", "kid1-FC1")]
    place = f"train/corpus/annotations/eaf/an1/{name}"
    assert reading.warnings == {"a second transcript of a recording, passed over": [place]}
