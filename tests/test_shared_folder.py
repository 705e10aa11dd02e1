"""A folder of all children's recordings is not silently taken for one speaker."""

from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows import dev_split, speaker_names, speakers
from stages.corpus.rows.utterance import SplitContents
from tests.support.containers import encoded, write_tar
from tests.support.corpora import options, textgrid, write, write_audio, write_table

SENTENCE = "all 2 recordings of data/{} are in a folder named {}, which is taken for the speaker's name; if they are"


def readings(data: Path, folders: dict[str, list[str]]) -> dict[str, SplitContents]:
    for split, names in folders.items():
        for number, folder in enumerate(names):
            write_audio(data / split / folder / f"{split}{number}.wav")
            write(data / split / folder / f"{split}{number}.txt", "we call it bear")
    return registry.read(data, options())


def test_folder_of_the_same_name_in_two_splits(tmp_path):
    found = readings(tmp_path / "data", {"train": ["corpus", "corpus"], "test": ["corpus", "corpus"]})
    with pytest.raises(UserError) as error:
        speakers.check_apart(found, allowed=False)
    assert SENTENCE.format("train", "corpus") in str(error.value)
    assert SENTENCE.format("test", "corpus") in str(error.value)


def test_no_dev_speakers_can_be_drawn(tmp_path):
    found = readings(tmp_path / "data", {"train": ["corpus/audio", "corpus/audio"], "test": ["a", "b"]})
    with pytest.raises(UserError) as error:
        dev_split.with_dev(found, 0.1, 1)
    assert SENTENCE.format("train", "corpus") in str(error.value)


def test_evaluation_set_in_one_folder_is_a_warning(tmp_path):
    found = readings(tmp_path / "data", {"train": ["anna", "ben"], "test": ["new", "new"]})
    speaker_names.warn_of_folders(found)
    assert [SENTENCE.format("test", "new") in message for message in found["test"].warnings] == [True]
    assert not found["train"].warnings


def test_folders_of_one_name_in_several_folders(tmp_path):
    folders = ["anna/session1", "ben/wav/session1", "ben/session2", "carl", "carl/wav", "wav/carl"]
    found = readings(tmp_path / "data", {"train": folders, "test": ["grade3/dora", "grade3/emil"]})
    speaker_names.warn_of_folders(found)
    assert not found["test"].warnings
    (message,) = [text for text in found["train"].warnings if "named like visits" not in text]
    start = "2 folders of data/train are named session1 (anna/session1, ben/session1) and read as one speaker's"
    assert message.startswith(start)


VISITS = [
    ["anna/visit1", "anna/visit2"],
    ["anna/Session_01", "ben/session 2b"],
    ["anna/wav/2024-05-31", "anna/20240607/wav"],
    ["week1", "week2"],
]


@pytest.mark.parametrize("format", ["txt", "TextGrid"])
@pytest.mark.parametrize("folders", VISITS)
def test_folders_of_visits_that_are_read_as_speakers(tmp_path, folders, format):
    for folder in folders:
        write_audio(tmp_path / "data/train" / folder / "a.wav", 3)
        content = "yes" if format == "txt" else textgrid({"CHI": [(0, 1, "yes")], "SIB": [(1, 2, "no")]}, 3)
        write(tmp_path / "data/train" / folder / f"a.{format}", content)
    found = registry.read_split(tmp_path / "data", "train", options())
    names = [folder.replace("/wav", "") for folder in sorted(folders)]
    assert speaker_names.visits(found).startswith(
        f"2 folder(s) of data/train that are named like visits are read as speakers ({', '.join(names)})"
    )


@pytest.mark.parametrize(
    "folders", [["anna", "ben"], ["grade3/anna", "grade3/ben"], ["visit1/anna", "visit2/anna"], ["Tapea", "Dayton"]]
)
def test_folders_of_children_are_no_visits(tmp_path, folders):
    found = readings(tmp_path / "data", {"train": folders, "test": ["dora"]})
    assert speaker_names.visits(found["train"]) == ""


def test_folders_of_visits_beside_a_column_of_speakers(tmp_path):
    write_audio(tmp_path / "data/train/visit1/1.wav")
    write_table(tmp_path / "data/train", [{"file_name": "visit1/1.wav", "text": "hi", "speaker": "anna"}])
    assert speaker_names.visits(registry.read_split(tmp_path / "data", "train", options())) == ""


def test_speaker_that_a_table_names_is_none(tmp_path):
    for name in ("anna/1.wav", "anna/2.wav"):
        write_audio(tmp_path / "data/train" / name)
    rows = [{"file_name": f"anna/{number}.wav", "text": "hi", "speaker": "anna"} for number in (1, 2)]
    write_table(tmp_path / "data/train", rows)
    assert speaker_names.one_folder(registry.read_split(tmp_path / "data", "train", options())) == ""


@pytest.mark.parametrize("folder", ["audio", "wav", "Clips/wavs", "recordings"])
def test_kind_of_files_is_no_speaker(tmp_path, folder):
    found = readings(tmp_path / "data", {"train": [folder, folder], "test": ["a", "b"]})
    with pytest.raises(UserError, match=r"names no speaker of its 2 recordings\. Folders are speakers"):
        speaker_names.check_known(found, is_allowed=False)


def check_one_folder_is_a_warning(data: Path, folder: str) -> None:
    found = {"train": registry.read_split(data, "train", options())}
    assert {(row.speaker, row.speaker_known) for row in found["train"].utterances} == {(folder, True)}
    speaker_names.warn_of_folders(found)
    sentence = SENTENCE.format("train", folder)
    assert sum(sentence in message for message in found["train"].warnings) == 1


@pytest.mark.parametrize("separator", [",", "|", "\t"])
def test_table_without_header(tmp_path, separator):
    """As LJSpeech: its speakers are folders, and all recordings are in one."""
    folder = tmp_path / "data/train/LJSpeech-1.1"
    for number in (1, 2):
        write_audio(folder / f"wavs/LJ-{number}.wav")
    write(folder / "metadata.csv", f"LJ-1{separator}he said it\nLJ-2{separator}she said it\n")
    check_one_folder_is_a_warning(tmp_path / "data", "LJSpeech-1.1")


def test_folder_inside_a_tar(tmp_path):
    members = {}
    for number in (1, 2):
        members |= {f"corpus/{number}.wav": encoded(1, number), f"corpus/{number}.txt": "we call it bear"}
    write_tar(tmp_path / "data/train/0.tar", members)
    check_one_folder_is_a_warning(tmp_path / "data", "corpus")
