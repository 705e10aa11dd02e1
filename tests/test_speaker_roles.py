"""Speaker columns that hold roles (CHI, Mother): the speakers are those of another column, or unknown."""

import unicodedata
from pathlib import Path

import pytest

from stages.common.errors import UserError
from stages.common.params import Columns
from stages.corpus.formats import registry
from stages.corpus.rows import speaker_names, speaker_roles, speakers
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write, write_audio, write_table

UNKNOWN_WARNING = "unknown speakers are one per recording"


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def write_split(data: Path, split: str, rows: list[dict]) -> None:
    """A table of these rows, each of a recording of its own: train0.wav, train1.wav and so on."""
    complete = []
    for number, row in enumerate(rows):
        write_audio(data / f"{split}/{split}{number}.wav")
        complete.append({"file_name": f"{split}{number}.wav", "text": "x", **row})
    write_table(data / split, complete)


def read(data: Path, rows: list[dict], **changes) -> SplitContents:
    write_split(data, "train", rows)
    return registry.read_split(data, "train", options(**changes))


def people(reading: SplitContents) -> list[tuple[str, bool]]:
    return [(row.speaker, row.speaker_known) for row in reading.utterances]


@pytest.mark.parametrize("role", ["CHI", "child", "Target Child", "KCHI", "student", "boy"])
@pytest.mark.parametrize("column", ["participant_id", "Child ID", "subject", "client_id"])
def test_id_beside_a_role_is_the_speaker(data, role, column):
    reading = read(data, [{"speaker": role, column: "P1"}, {"speaker": role, column: 2}])
    assert people(reading) == [("P1", True), ("2", True)]
    assert [row.role for row in reading.utterances] == [role, role]
    warning = f"a speaker column that holds roles ({role}) and not names; another column has to"
    assert dict(reading.warnings) == {warning: ["train/metadata.jsonl"]}


@pytest.mark.parametrize("adult", ["MOT", "Mother", "FEM", "mom", "investigator"])
def test_adults_are_left_out_by_their_role(data, adult):
    rows = [{"speaker": "CHI", "participant_id": "FA01"}, {"speaker": adult, "participant_id": "FA01"}]
    reading = read(data, rows)
    assert people(reading) == [("FA01", True)]
    assert reading.left_out == {f"other speakers: {adult}": 1}
    assert len(read(data, rows, everyone_in=["train"]).utterances) == 2


@pytest.mark.parametrize(("child_names", "ids"), [("CHI", ["P1", "P2"]), ("P2", ["P2"]), ("nobody", [])])
def test_own_names_of_children_are_compared_with_role_and_id(data, child_names, ids):
    rows = [{"speaker": "CHI", "participant_id": "P1"}, {"speaker": "CHI", "participant_id": "P2"}]
    if child_names == "P2":
        rows[0]["speaker"] = "girl"
        rows[1]["speaker"] = "girl"
    assert [name for name, _ in people(read(data, rows, child_names=child_names))] == ids


def test_adults_of_a_set_of_adults_are_told_apart(data):
    rows = [{"speaker": "Mother", "participant_id": "P1"}, {"speaker": "Mother", "participant_id": "P2"}]
    assert people(read(data, rows, everyone_in=["train"])) == [("P1", True), ("P2", True)]


@pytest.mark.parametrize("id", ["", None, "n/a", "CHI"])
def test_role_without_an_id_names_nobody(data, id):
    reading = read(data, [{"speaker": "CHI", "participant_id": "P1"}, {"speaker": "CHI", "participant_id": id}])
    assert people(reading) == [("P1", True), ("train1", False)]
    assert reading.warnings[UNKNOWN_WARNING] == ["train/metadata.jsonl:2"]


def test_column_of_roles_alone_is_refused_as_one_without_speakers(data):
    reading = read(data, [{"speaker": "CHI", "room": 1}, {"speaker": "CHI", "room": 2}])
    assert people(reading) == [("train0", False), ("train1", False)]
    with pytest.raises(UserError) as raised:
        speaker_names.check_known({"train": reading}, is_allowed=False)
    assert "data/train names no speaker of its 2 recordings" in str(raised.value)
    assert "The speaker column says what people are (CHI), which names nobody." in str(raised.value)
    assert "data/train/metadata.jsonl: room" in str(raised.value)


@pytest.mark.parametrize(
    "names", [("Kid0", "Kid1"), ("Mo", "Mo"), ("CHI", "anna"), ("child 1", "child 2"), ("FA1", "MC2")]
)
def test_names_stay_names(data, names):
    reading = read(data, [{"speaker": name, "user_id": "annotator"} for name in names])
    assert people(reading) == [(name, True) for name in names]
    assert not reading.warnings


def test_column_that_the_user_names_stays(data):
    rows = [{"speaker": "CHI", "participant_id": "P1"}, {"speaker": "CHI", "participant_id": "P2"}]
    columns = Columns(**{**dict.fromkeys(Columns.model_fields), "speaker": "speaker"})
    assert people(read(data, rows, columns=columns)) == [("CHI", True), ("CHI", True)]


def test_ages_of_the_list_of_speakers_are_found_by_id(data):
    write(data / "train/speakers.csv", "participant_id,age\nP1,6\nP2,7\n")
    reading = read(data, [{"speaker": "CHI", "participant_id": "P1"}, {"speaker": "CHI", "participant_id": "P2"}])
    assert [row.age_months for row in reading.utterances] == [72, 84]


def read_all(data: Path, train: list[dict], test: list[dict]) -> dict[str, SplitContents]:
    write_split(data, "train", train)
    write_split(data, "test", test)
    return registry.read(data, options())


def test_splits_share_children_and_not_roles(data):
    train = [{"speaker": "CHI", "participant_id": name} for name in ("P1", "P2")]
    readings = read_all(data, train, [{"speaker": "CHI", "participant_id": "P3"}])
    speakers.check_apart(readings, allowed=False)
    readings = read_all(data, train, [{"speaker": "CHI", "participant_id": " p2 "}])
    with pytest.raises(UserError, match=r"data/train and data/test share 1 speaker\(s\): P2\."):
        speakers.check_apart(readings, allowed=False)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Kid0", " KID0 "),
        ("Anna  Lee", "anna lee"),
        (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "ZOË")),
        ("Strauß", "STRAUSS"),
    ],
)
def test_spellings_of_one_name_are_shared_between_splits(data, train, test):
    readings = read_all(data, [{"speaker": train}, {"speaker": "other"}], [{"speaker": test}])
    with pytest.raises(UserError, match="data/train and data/test share 1 speaker"):
        speakers.check_apart(readings, allowed=False)


@pytest.mark.parametrize("kind", ["kaldi", "folders"])
def test_spellings_are_shared_between_splits_of_other_formats(data, kind):
    for split, name in (("train", unicodedata.normalize("NFC", "Zoë")), ("test", unicodedata.normalize("NFD", "ZOË"))):
        if kind == "folders":
            write_audio(data / split / name / "1.wav")
            write(data / split / name / "1.txt", "hi")
        else:
            write_audio(data / split / "a.wav")
            for file, line in (("wav.scp", "a a.wav"), ("text", "a hi"), ("utt2spk", f"a {name}")):
                write(data / split / file, f"{line}\n")
    with pytest.raises(UserError, match="data/train and data/test share 1 speaker"):
        speakers.check_apart(registry.read(data, options()), allowed=False)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"CHI"}, True),
        ({"CHI", "MOT", "Father"}, True),
        ({"Mother"}, True),
        ({"Mo"}, False),
        ({"Mo", "Pa"}, False),
        ({"CHI", "anna"}, False),
        ({"CHI1", "CHI2"}, False),
        ({"notes"}, False),
    ],
)
def test_are_roles(names, expected):
    assert speaker_roles.are_roles(names) is expected


@pytest.mark.parametrize("column", ["role", "speaker_role", "Speaker Type", "participant_role"])
@pytest.mark.parametrize(("child", "adult"), [("child", "teacher"), ("CHI", "FEM"), ("student", "Adult"), ("", "mom")])
def test_adults_are_left_out_by_a_column_of_roles(data, column, child, adult):
    rows = [{"speaker": "kim", column: child}, {"speaker": "maria", column: adult}, {"speaker": "lee", column: "x"}]
    reading = read(data, rows)
    assert people(reading) == [("kim", True), ("lee", True)]
    assert reading.left_out == {f"other speakers: {adult}": 1}
    assert len(read(data, rows, everyone_in=["train"]).utterances) == 3


def test_name_of_an_adult_beside_the_role_of_a_child(data):
    """Who is read to may be in the column of roles, too: nobody is a child by a role alone."""
    reading = read(data, [{"speaker": "kim", "role": "child"}, {"speaker": "teacher", "role": "child"}])
    assert people(reading) == [("kim", True)]


def test_segments_with_semicolons(data):
    """ChildProject's columns in a table that is read as any other."""
    write_audio(data / "train/a.wav", 10)
    header = "segment_onset;segment_offset;speaker_type;speaker_id;transcription;recording_filename\n"
    rows = "500;1500;CHI;kim;hello;a.wav\n2000;3000;FEM;maria;what?;a.wav\n"
    write(data / "train/segments.csv", header + rows)
    reading = registry.read_split(data, "train", options())
    assert [(row.speaker, row.text_raw, row.start) for row in reading.utterances] == [("kim", "hello", 0.5)]
    assert reading.left_out == {"other speakers: FEM": 1}
