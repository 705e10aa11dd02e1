"""Which recordings have no transcript, who speaks in them, and which of them are not labelled all the same."""

import os
from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import UntranscribedRecording
from tests.support.corpora import options, textgrid, write, write_audio, write_corpus, write_table


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def listed(data: Path, **changes) -> list[UntranscribedRecording]:
    return registry.read_split(data, "train", options(**changes)).untranscribed_recordings


def speakers(recordings: list[UntranscribedRecording]) -> dict[str, str | None]:
    """The speaker of each recording that can be labelled; None where the speaker is not known."""
    names = {}
    for recording in recordings:
        if recording.reason is None:
            names[recording.source] = recording.speaker if recording.speaker_known else None
    return names


def reasons(recordings: list[UntranscribedRecording]) -> dict[str, str]:
    return {recording.source: recording.reason for recording in recordings if recording.reason}


def transcribed(data: Path, *names: str) -> None:
    for name in names:
        path = write_audio(data / "train" / name)
        write(path.with_suffix(".txt"), "we call it bear")


def test_folders_say_who_speaks(data):
    transcribed(data, "anna/1.wav")
    for name in ("anna/2.wav", "ben/wav/3.flac", "4.wav"):
        write_audio(data / "train" / name)
    assert speakers(listed(data)) == {"train/4.wav": None, "train/anna/2.wav": "anna", "train/ben/wav/3.flac": "ben"}


def test_nested_folders_of_which_nobody_knows_who_is_the_speaker(data):
    transcribed(data, "anna/1.wav")
    write_audio(data / "train/ben/visit1/2.wav")
    assert speakers(listed(data)) == {"train/ben/visit1/2.wav": None}


def test_nested_folders_where_the_corpus_shows_who_is_the_speaker(data):
    transcribed(data, "school/anna/1.wav")
    write_audio(data / "train/school/ben/2.wav")
    assert speakers(listed(data)) == {"train/school/ben/2.wav": "ben"}


def test_other_copy_of_a_transcribed_recording(data):
    write_audio(data / "train/anna/1.wav")
    write_audio(data / "train/anna/1.flac")
    write_table(data / "train", [{"file_name": "anna/1.wav", "text": "yes", "speaker": "anna"}])
    assert reasons(listed(data)) == {"train/anna/1.flac": "unused-annotation"}


def test_every_split_but_train_has_none(data):
    write_audio(data / "test/anna/1.wav")
    assert registry.read_split(data, "test", options()).untranscribed_recordings == []


def test_order_is_that_of_the_paths(data):
    for name in ("b/1.wav", "a/2.wav", "a/10.wav"):
        write_audio(data / "train" / name)
    assert list(speakers(listed(data))) == ["train/a/10.wav", "train/a/2.wav", "train/b/1.wav"]


def test_folders_that_are_no_speakers_where_the_corpus_names_others(data):
    """Sessions of several children: the folder's name as a speaker would hide that the child is in the test set."""
    write_audio(data / "train/session1/a.wav")
    write_table(data / "train", [{"file_name": "session1/a.wav", "text": "yes", "speaker": "anna"}])
    write_audio(data / "train/session1/b.wav")
    assert speakers(listed(data)) == {"train/session1/b.wav": None}


def test_folders_of_sessions_in_those_of_children(data):
    """As sessions are read: the child of anna/visit1 is called anna-visit1."""
    path = write_audio(data / "train/anna/visit1/a.wav", 3)
    write(path.with_suffix(".TextGrid"), textgrid({"CHI": [(0, 1, "yes")], "SIB": [(1, 2, "no")]}, 3))
    write_audio(data / "train/ben/visit1/b.wav")
    assert speakers(listed(data)) == {"train/ben/visit1/b.wav": "ben-visit1"}


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("x/myst_002030_2014-02-28_10-37-34_EE_1.1_001.flac", "myst-002030"),
        ("kids/fabm/signal/fabm2aa1.wav", "cmu-fabm"),
        ("speech/spontaneous/03/1/ks301/ks301xx0.wav", "ogi-ks301"),
        ("84/121123/84-121123-0000.flac", "84"),
    ],
)
def test_names_of_published_corpora_say_who_speaks(data, name, speaker):
    transcribed(data, "other/1.wav")
    write_audio(data / "train" / name)
    assert speakers(listed(data)) == {f"train/{name}": speaker}


def test_other_sessions_transcripts_are_not_this_recordings(data):
    """Names of MyST have dots: what is before the first one is the same for all turns of a session."""
    stem = "myst_002030_2014-02-28_10-37-34_EE_1.1_00"
    transcribed(data, f"{stem}1.flac")
    write_audio(data / f"train/{stem}2.flac")
    assert speakers(listed(data)) == {f"train/{stem}2.flac": "myst-002030"}


def test_table_rows_without_text(data):
    rows = []
    for name, text in (("a.wav", "yes"), ("b.wav", ""), ("c.wav", "  "), ("d.wav", "xxx"), ("e.wav", "[noise]")):
        write_audio(data / "train" / name)
        rows.append({"file_name": name, "text": text, "speaker": f"kid {name[0]}", "age": 7, "gender": "girl"})
    write_table(data / "train", rows)
    recordings = listed(data)
    assert speakers(recordings) == {"train/b.wav": "kid b", "train/c.wav": "kid c"}
    assert {(row.age, row.age_months, row.gender) for row in recordings} == {("7", 84, "f")}


def test_table_row_of_a_stretch_without_text_is_no_untranscribed_recording(data):
    write_audio(data / "train/a.wav", 3)
    write_table(data / "train", [{"file_name": "a.wav", "text": "", "speaker": "anna", "start": 0, "end": 1}])
    assert listed(data) == []


@pytest.mark.parametrize("text", ["", "xxx", "[noise]"])
def test_text_file_that_says_nothing_is_a_transcript(data, text):
    path = write_audio(data / "train/anna/1.wav")
    write(path.with_suffix(".txt"), text)
    assert listed(data) == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("anna/1.eaf", "<broken"),
        ("anna/1.docx", "words"),
        ("anna/1.txt", b"\0\1"),
        ("anna/1.labels.json", "{"),
        ("metadata.csv", "file_name,text,start\nanna/1.wav,yes,soon\n"),
        ("metadata.csv", "file_name,text,is_valid\nanna/1.wav,yes,0\n"),
    ],
)
def test_refused_transcript_is_one(data, file, content):
    write_audio(data / "train/anna/1.wav")
    write(data / "train" / file, content)
    assert speakers(listed(data)) == {}
    assert reasons(listed(data)) in ({}, {"train/anna/1.wav": "unused-annotation"})


def test_session_in_which_only_adults_are_transcribed(data):
    path = write_audio(data / "train/anna/1.wav", 3)
    write(path.with_suffix(".TextGrid"), textgrid({"MOT": [(0, 1, "say bear")]}, 3))
    assert listed(data) == []


@pytest.mark.parametrize("folder", ["mother", "Teacher 2", "interviewer"])
def test_adults_by_name(data, folder):
    write_audio(data / f"train/{folder}/1.wav")
    assert reasons(listed(data)) == {f"train/{folder}/1.wav": "other-speaker"}


@pytest.mark.parametrize(
    ("age", "reason"), [("7", None), ("18 years", "other-speaker"), ("80 months", None), ("30", "unclear-age")]
)
def test_adults_by_age(data, age, reason):
    write_audio(data / "train/anna/1.wav")
    write(data / "train/speakers.csv", f"speaker,age\nanna,{age}\n")
    (recording,) = listed(data)
    assert (recording.age, recording.reason) == (age, reason)


def read_all(data: Path) -> dict[str, str]:
    return reasons(registry.read(data, options())["train"].untranscribed_recordings)


def test_recordings_that_the_test_set_names(data):
    write_corpus(data, {"train": ["anna"], "test": ["dora"]})
    write_audio(data / "train/shared/x.wav", seed=9)
    write_table(data / "test", [{"file_name": "../train/shared/x.wav", "text": "hi", "speaker": "eva"}])
    assert read_all(data) == {"train/shared/x.wav": "named-elsewhere"}


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_links_to_recordings_of_the_test_set(data, link):
    write_corpus(data, {"train": ["anna"], "test": ["dora"]})
    (data / "train/copy").mkdir()
    link(data / "test/dora/0.wav", data / "train/copy/y.wav")
    assert read_all(data) == {"train/copy/y.wav": "named-elsewhere"}
