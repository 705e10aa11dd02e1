"""Corpora with a tree of their own: MyST, CMU Kids and OGI Kids, laid out as they are distributed."""

from pathlib import Path

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import preprocess
from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents, Utterance
from tests.support.corpora import RATE, noise, options, write, write_audio
from tests.support.damaged_files import damaged

SESSION = "002030/myst_002030_2014-02-28_10-37-34_EE_1.1"
TABLES = "cmu_kids/tables"
OGI = "cslu_kids"


@pytest.fixture
def train(tmp_path) -> Path:
    return tmp_path / "data" / "train"


def read(train: Path, **changes) -> SplitContents:
    return registry.read_split(train.parent, train.name, options(**changes))


def by_id(reading: SplitContents) -> dict[str, Utterance]:
    return {row.id: row for row in reading.utterances}


def texts(reading: SplitContents) -> dict[str, str]:
    """The cleaned text of each utterance that can be used."""
    preprocess.clean_transcripts(reading, "en")
    return {row.id: row.text for row in reading.utterances}


def reasons(reading: SplitContents) -> list[tuple[str, str]]:
    return [(refusal.file, refusal.reason) for refusal in reading.refusals]


def write_sphere(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(1.0), RATE, format="NIST", subtype="PCM_16")
    return path


# MyST


def myst(train: Path, number: int, words: str | bytes | None, suffix: str = ".trn") -> None:
    stem = f"myst/data/train/{SESSION}/{Path(SESSION).name}_{number:03}"
    write_audio(train / f"{stem}.flac", seed=number)
    if words is not None:
        write(train / f"{stem}{suffix}", words)


def test_myst(train):
    myst(train, 1, "um it's like <BREATH> the magnets are <FP> sticking together\n")
    myst(train, 2, None)
    myst(train, 3, b"\xef\xbb\xbf+UM+ THE *MAGNITS* ATTRACT <NO_SIGNAL\r\n", suffix=".TRN")
    myst(train, 4, None)
    reading = read(train)
    first, third = reading.utterances
    assert first.id == "myst_002030_2014-02-28_10-37-34_EE_1_1_001-" + first.id[-8:]  # a shard's names have no dots
    assert (first.speaker, first.speaker_known, first.age, first.format) == ("myst-002030", True, None, "myst")
    assert first.file == f"train/myst/data/train/{SESSION}/{Path(SESSION).name}_001.trn"
    assert (first.source, first.start, first.end) == (first.file.replace(".trn", ".flac"), None, None)
    assert third.text_raw == "+UM+ THE *MAGNITS* ATTRACT <NO_SIGNAL"
    assert reading.untranscribed == 2
    assert not reading.refusals
    assert list(texts(reading).values()) == [
        "um it's like the magnets are sticking together",
        "UM THE MAGNITS ATTRACT",
    ]
    assert not reading.unknown_markup


def test_myst_transcript_without_its_recording(train):
    write(train / f"{SESSION}/{Path(SESSION).name}_001.trn", "hello")
    write_audio(train / f"{SESSION}/{Path(SESSION).name}_002.flac")
    reading = read(train)
    assert reasons(reading) == [(f"train/{SESSION}/{Path(SESSION).name}_001.trn", "missing-audio")]
    assert reading.untranscribed == 1


def test_myst_empty_and_binary_transcripts(train):
    myst(train, 1, "")
    myst(train, 2, b"\0\1\2")
    myst(train, 3, "<SIDE_SPEECH> (())")
    reading = read(train)
    assert [reason for _, reason in reasons(reading)] == ["not-text"]
    assert not texts(reading)
    assert sorted(reason for _, reason in reasons(reading)) == ["empty-text", "not-text", "unintelligible"]


# CMU Kids


def cmu(train: Path, id: str, words: str | None = None, suffix: str = ".sph") -> None:
    write_sphere(train / f"cmu_kids/kids/{id[:4]}/signal/{id}{suffix}")
    if words is not None:
        write(train / f"cmu_kids/kids/{id[:4]}/trans/{id}.trn", words)


def test_cmu_kids(train):
    cmu(train, "fabm2aa1", "HUNDREDS OF GREEN [noise] TURTLES\n")
    cmu(train, "mnop1bb2", "THE /B OW T/ [begin_noise] SAILS [end_noise]\r\n")
    write(train / TABLES / "sentence.tbl", "2aa\t10\tthis was the prompt\n1bb\t9\tthis too\n")
    write(
        train / TABLES / "speaker.tbl",
        "ID\tLOC\tGR/AGE\tTOT\tBIN2\n\nfabm\tSUM95\t3/9\t100\t62\nmnop\tFP\tNA/NA\t90\t55\n",
    )
    reading = read(train)
    one, two = reading.utterances
    assert (one.id, one.speaker, one.speaker_known, one.gender) == ("fabm2aa1", "cmu-fabm", True, "f")
    assert (one.age, one.age_months, one.format, one.line) == ("9", 108, "cmu-kids", None)
    assert one.file == "train/cmu_kids/kids/fabm/trans/fabm2aa1.trn"
    assert one.source == "train/cmu_kids/kids/fabm/signal/fabm2aa1.sph"
    assert (two.speaker, two.gender, two.age, two.age_months) == ("cmu-mnop", "m", None, None)
    assert not reading.refusals
    assert not reading.untranscribed
    assert texts(reading) == {"fabm2aa1": "hundreds of green turtles"}  # how to spell what was in phones is not known
    assert reasons(reading) == [("train/cmu_kids/kids/mnop/trans/mnop1bb2.trn", "unintelligible")]


@pytest.mark.parametrize(
    ("written", "age", "months"), [("3/9", "9", 108), ("NA/9", "9", 108), ("3/NA", "grade 3", 108), ("x", None, None)]
)
def test_cmu_ages(train, written, age, months):
    cmu(train, "fabm2aa1", "GREEN")
    write(train / TABLES / "speaker.tbl", f"fabm SUM95 {written} 100 62\r\n")
    (row,) = read(train).utterances
    assert (row.age, row.age_months) == (age, months)


def test_cmu_table_where_there_is_no_file(train):
    for number in (1, 2):
        cmu(train, f"fabm2aa{number}")
    cmu(train, "fabm2ab1", "fabm2ab1 FROM ITS OWN FILE")
    cmu(train, "fabm2ac1", suffix=".SPH")
    table = "\ufefffabm2aa1\tGREEN\tTURTLES\r\nfabm2ab1 from the table\r\nFABM2AC1 capitals\r\n\r\nmxyz1aa1 GONE\r\n"
    write(train / TABLES / "TRANSCRP.TBL", table)
    reading = read(train)
    assert [(row.id, row.text_raw, row.line) for row in reading.utterances] == [
        ("fabm2aa1", "GREEN\tTURTLES", 1),
        ("fabm2ab1", "FROM ITS OWN FILE", None),
        ("fabm2ac1", "capitals", 3),
    ]
    assert reading.untranscribed == 1
    assert reading.left_out == {"transcripts without a recording here": 1}
    assert texts(reading)["fabm2aa1"] == "GREEN TURTLES"


def test_cmu_without_recordings(train):
    write(train / TABLES / "transcrp.tbl", "fabm2aa1 GREEN\n")
    reading = read(train)
    assert not reading.utterances
    assert not reading.refusals


# OGI Kids

SCRIPTED = f"{OGI}/speech/scripted"
ALL_MAP = '\ufeffA0 "three blind mice"\r\nA1 "five, six"\r\n\r\n00 "mop"\r\n'


def scripted(train: Path, grade: str, speaker: str, prompt: str, suffix: str = ".wav") -> str:
    id = f"{speaker}{prompt}0"
    write_audio(train / SCRIPTED / grade / "0" / speaker / f"{id}.wav").rename(
        train / SCRIPTED / grade / "0" / speaker / f"{id}{suffix}"
    )
    return id


def verified(train: Path, codes: dict[str, str]) -> None:
    lines = [f"../speech/scripted/01/0/{id[:5]}/{id}.wav {code}" for id, code in codes.items()]
    write(train / OGI / "docs/1-verified.txt", "\ufeff" + "\r\n".join(lines) + "\r\n")


def test_ogi_scripted(train):
    good = scripted(train, "01", "ks101", "a0")
    maybe = scripted(train, "01", "ks101", "a1", suffix=".WAV")
    bad = scripted(train, "01", "ks102", "a0")
    puff = scripted(train, "01", "ks102", "00")
    unseen = scripted(train, "00", "ks001", "a0")
    write(train / OGI / "docs/all.map", ALL_MAP)
    verified(train, {good: "1", maybe: "2", bad: "3", puff: "4"})
    reading = read(train)
    rows = by_id(reading)
    assert {id: (row.text_raw, row.flags) for id, row in rows.items()} == {
        good: ("three blind mice", ()),
        maybe: ("five, six", ("verified-maybe",)),
        puff: ("mop", ("verified-puff",)),
        unseen: ("three blind mice", ("not-verified",)),
    }
    assert reading.left_out == {"OGI prompts that were not said (verification code 3)": 1}
    assert reading.untranscribed == 0
    assert {row.speaker for row in rows.values()} == {"ogi-ks101", "ogi-ks102", "ogi-ks001"}
    first, kindergarten = rows[good], rows[unseen]
    assert (first.file, first.line, first.format) == (f"train/{OGI}/docs/all.map", 1, "ogi-kids")
    assert (first.age, first.age_months) == ("grade 1", 84)
    assert (kindergarten.age, kindergarten.age_months) == ("grade K", 72)


def test_ogi_prompts_that_are_missing(train):
    id = scripted(train, "01", "ks101", "z9")
    reading = read(train)
    (refusal,) = reading.refusals
    assert (refusal.id, refusal.reason, refusal.detail) == (id, "missing-prompt", "docs/all.map has no prompt z9")


def spontaneous(train: Path, speaker: str, words: str | bytes | None, seconds: float = 1.0) -> str:
    place = f"spontaneous/10/0/{speaker}/{speaker}xx0"
    write_audio(train / OGI / "speech" / f"{place}.wav", seconds, seed=int(speaker[2:]))
    if words is not None:
        write(train / OGI / "trans" / f"{place}.txt", words)
    return f"{speaker}xx0"


def test_ogi_spontaneous(train):
    clip_id = spontaneous(train, "ks1001", b"\xef\xbb\xbfa b c <bn> and my dog <bs> ran*\r\n")
    silent = spontaneous(train, "ks1002", None)
    write(train / OGI / "docs/readme.txt", "not a transcript")
    write(train / OGI / "verify/notes.txt", "nor this")
    reading = read(train)
    (row,) = reading.utterances
    assert (row.id, row.speaker, row.age, row.age_months) == (clip_id, "ogi-ks1001", "grade 10", 192)
    assert row.file == f"train/{OGI}/trans/spontaneous/10/0/ks1001/{clip_id}.txt"
    assert reading.untranscribed == 1
    assert silent not in by_id(reading)
    assert not reading.refusals
    assert texts(reading) == {clip_id: "a b c and my dog ran"}


# All of them


def test_trees_share_a_split(train):
    myst(train, 1, "hello there")
    cmu(train, "fabm2aa1", "GREEN")
    id = scripted(train, "01", "ks101", "a0")
    write(train / OGI / "docs/all.map", ALL_MAP)
    write_audio(train / "anna/0001.wav")
    write(train / "anna/0001.txt", "and one that is not in a tree")
    reading = read(train)
    assert sorted(row.format for row in reading.utterances) == ["cmu-kids", "myst", "ogi-kids", "text"]
    assert id in by_id(reading)
    assert not reading.refusals
    assert not reading.untranscribed


TABLE = "ID LOC GR/AGE\nfabm SUM95 3/9 100 62\n"
TREES = {
    f"{SESSION}/{Path(SESSION).name}_001.trn": "um <BREATH> it's *magnits* +UM+ (())",
    "cmu_kids/kids/fabm/trans/fabm2aa1.trn": "GREEN [noise] /T ER/",
    "cmu_kids/tables/speaker.tbl": TABLE,
    "cmu_kids/tables/transcrp.tbl": "fabm2aa2 GREEN\n",
    f"{OGI}/docs/all.map": ALL_MAP,
    f"{OGI}/docs/1-verified.txt": "../speech/scripted/01/0/ks101/ks101a00.wav 1\n",
    f"{OGI}/trans/spontaneous/10/0/ks1001/ks1001xx0.txt": "a b c <bn>",
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> Path:
    """data/train with the files of TREES and their recordings."""
    train = tmp_path_factory.mktemp("trees") / "data" / "train"
    for name in (
        f"{SESSION}/{Path(SESSION).name}_001.flac",
        "cmu_kids/kids/fabm/signal/fabm2aa1.sph",
        "cmu_kids/kids/fabm/signal/fabm2aa2.sph",
        f"{SCRIPTED}/01/0/ks101/ks101a00.wav",
        f"{OGI}/speech/spontaneous/10/0/ks1001/ks1001xx0.wav",
    ):
        write(train / name, b"")  # no recording is opened while annotations are read
    for name, text in TREES.items():
        write(train / name, text)
    return train


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_rubbish(trees, data):
    name = data.draw(st.sampled_from(sorted(TREES)))
    write(trees / name, data.draw(damaged(TREES[name])))
    try:
        texts(read(trees))
    except UserError:
        pass
    finally:
        write(trees / name, TREES[name])
