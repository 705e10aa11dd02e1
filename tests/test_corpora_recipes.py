"""Corpus recipes, on imitations of what is distributed; and on the real corpus where it is at hand."""

import io
import os
import re
import shutil
import tarfile
from collections import defaultdict
from pathlib import Path

import pytest
import soundfile

from corpora import speechocean762
from corpora.common import output
from corpora.speechocean762 import Half, convert
from stages.common.errors import UserError
from stages.corpus.formats import registry
from tests.support.corpora import RATE, noise, options, write
from tests.support.pages import commands, section

ROOT = Path(__file__).parent.parent
REAL = os.environ.get("SPEECHOCEAN762", "")

# speaker: (half, age, gender)
SPEAKERS = {
    "0001": ("train", 6, "m"),
    "0005": ("train", 17, "f"),
    "0009": ("train", 18, "f"),
    "0003": ("test", 9, "f"),
    "0024": ("test", 25, "m"),
}
UTTERANCES = 2  # of each speaker
DISTRIBUTED = {"train": Half(speakers=3, children=2, utterances=6), "test": Half(2, 1, 4)}


def write_wav(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(0.25, seed), RATE, subtype="PCM_16", format="WAV")


@pytest.fixture
def distributed(tmp_path) -> Path:
    """An imitation of speechocean762, unpacked."""
    root = tmp_path / "speechocean762"
    lines = defaultdict(list)
    for seed, (speaker, (half, age, gender)) in enumerate(SPEAKERS.items()):
        lines[half, "spk2age"].append(f"{speaker}\t{age}\n")
        lines[half, "spk2gender"].append(f"{speaker}\t{gender}\n")
        for number in range(UTTERANCES):
            id = f"{speaker}{number:05d}"
            name = f"WAVE/SPEAKER{speaker}/{id}.WAV"
            write_wav(root / name, seed * UTTERANCES + number)
            lines[half, "text"].append(f"{id}\tWORD {number}\n")
            lines[half, "utt2spk"].append(f"{id} {speaker}\n")
            lines[half, "wav.scp"].append(f"{id}\t{name}\n")
    for (half, table), rows in lines.items():
        write(root / half / table, "".join(reversed(rows)))  # the real tables are not all sorted
    write_wav(root / "WAVE/SPEAKER0001/000109999.WAV", 99)  # in no table
    write(root / "resource/lexicon.txt", "WORD W ER D\n")
    return root


def pack(folder: Path, archive: Path, top: str = "speechocean762", mode: str = "w:gz") -> Path:
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, arcname=top)
    return archive


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(source: Path, data: Path) -> str:
    """The message with which a source is refused. Nothing may have been written."""
    with pytest.raises(UserError) as error:
        convert(source, data, DISTRIBUTED)
    assert not data.exists()
    assert not list(data.parent.glob(".*incomplete"))
    return str(error.value)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_children_and_adults_of_each_half(distributed, tmp_path):
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    tables = {name: text.decode() for name, text in contents(tmp_path / "data").items() if "WAV" not in Path(name).name}
    assert tables.pop("README.md")
    assert tables["train/spk2age"] == "0001 6\n0005 17\n"
    assert tables["train/spk2gender"] == "0001 m\n0005 f\n"
    assert tables["test/spk2age"] == "0003 9\n"
    assert tables["adult/spk2age"] == "0024 25\n"
    assert tables["adult/text"] == "002400000 WORD 0\n002400001 WORD 1\n"
    assert tables["adult/utt2spk"] == "002400000 0024\n002400001 0024\n"
    assert tables["test/wav.scp"].startswith("000300000 WAVE/SPEAKER0003/000300000.WAV\n")
    assert len(tables) == 3 * len(speechocean762.TABLES)


def test_adults_of_the_training_half_are_replayed_if_asked_for(distributed, tmp_path):
    convert(distributed, tmp_path / "without", DISTRIBUTED)
    convert(distributed, tmp_path / "data", DISTRIBUTED, with_replay=True)
    without, files = contents(tmp_path / "without"), contents(tmp_path / "data")
    replay = {name: files.pop(name) for name in list(files) if name.startswith("replay/")}
    card = files.pop("README.md").decode()
    del without["README.md"]
    assert files == without
    assert replay["replay/spk2age"] == b"0009 18\n"
    assert replay["replay/text"] == b"000900000 WORD 0\n000900001 WORD 1\n"
    assert len(replay) == len(speechocean762.TABLES) + UTTERANCES
    assert "| replay | adults of the training half | 1 | 1 | 0 | 18-18 | 2 | 0.0 |" in card
    assert "The 1 adults of the training half are in `replay`" in card
    readings = registry.read(tmp_path / "data", options())
    assert {split: len(reading.utterances) for split, reading in readings.items()} == {
        "train": 4,
        "replay": 2,
        "test": 2,
        "adult": 2,
    }


def test_share_of_the_training_children_with_transcripts(distributed, tmp_path):
    convert(distributed, tmp_path / "all", DISTRIBUTED)
    convert(distributed, tmp_path / "data", DISTRIBUTED, transcripts_of=0.5)
    everything, files = contents(tmp_path / "all"), contents(tmp_path / "data")
    others = {name for name in everything if not name.startswith("train/") or name.endswith(".WAV")} - {"README.md"}
    assert {name: files[name] for name in others} == {name: everything[name] for name in others}
    assert "Of the children in `train`, 1 have no transcripts: `train/untranscribed.csv`" in files["README.md"].decode()
    reading = registry.read(tmp_path / "data", options())["train"]
    transcribed = [row for row in reading.utterances if row.text_raw]
    (shown,) = {row.speaker for row in transcribed}
    (hidden,) = {"0001", "0005"} - {shown}
    assert sorted(row.text_raw for row in transcribed) == ["WORD 0", "WORD 1"]
    rows = reading.untranscribed_recordings
    assert [(row.speaker, row.speaker_known, row.age_months, row.reason) for row in rows] == [
        (hidden, True, 12 * SPEAKERS[hidden][1], None)
    ] * UTTERANCES
    assert {row.source for row in rows} == {
        f"train/WAVE/SPEAKER{hidden}/{hidden}0000{n}.WAV" for n in range(UTTERANCES)
    }
    assert not reading.refusals


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "nan", "x"])
def test_share_that_cannot_be(share, capsys):
    with pytest.raises(SystemExit):
        speechocean762.main(["corpus", "--transcripts-of", share])
    assert "--transcripts-of" in capsys.readouterr().err


def test_recordings_are_unchanged_copies(distributed, tmp_path):
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    recordings = {name: content for name, content in contents(tmp_path / "data").items() if name.endswith(".WAV")}
    assert len(recordings) == (len(SPEAKERS) - 1) * UTTERANCES
    for name, content in recordings.items():
        assert content == (distributed / name.partition("/")[2]).read_bytes()
        assert (tmp_path / "data" / name).stat().st_nlink == 1


def test_card_says_source_license_citation_and_counts(distributed, tmp_path):
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    card = (tmp_path / "data" / "README.md").read_text()
    for words in ("https://www.openslr.org/101/", "both commercial and non-commercial", "arxiv.org/abs/2104.01378"):
        assert words in card
    assert "| train | children of the training half | 2 | 1 | 1 | 6-17 | 4 | 0.0 |" in card
    assert "| adult | adults of the test half | 1 | 0 | 1 | 25-25 | 2 | 0.0 |" in card
    assert "The 1 adults of the training half are left out" in card


def test_the_pipeline_reads_it(distributed, tmp_path):
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    shutil.rmtree(distributed)
    readings = registry.read(tmp_path / "data", options())
    assert list(readings) == ["train", "test", "adult"]
    for name, reading in readings.items():
        assert (reading.refusals, dict(reading.warnings), reading.untranscribed) == ([], {}, 0)
        for row in reading.utterances:
            half, age, gender = SPEAKERS[row.speaker]
            assert (row.age_months, row.gender) == (age * 12, gender)
            assert row.source == f"{name}/WAVE/SPEAKER{row.speaker}/{row.id}.WAV"
            assert (half, age < 18) == {"train": ("train", True), "test": ("test", True), "adult": ("test", False)}[
                name
            ]
    assert [len(reading.utterances) for reading in readings.values()] == [4, 2, 2]


@pytest.mark.parametrize("top", ["speechocean762", "./speechocean762", "speechocean762-main", "."])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_archive_gives_the_same_bytes_as_folder(distributed, tmp_path, top, mode):
    archive = pack(distributed, tmp_path / "archive", top, mode)
    convert(distributed, tmp_path / "a", DISTRIBUTED)
    convert(archive, tmp_path / "b", DISTRIBUTED)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_folder_around_the_corpus(distributed, tmp_path):
    (tmp_path / "downloads").mkdir()
    distributed.rename(tmp_path / "downloads" / "speechocean762")
    assert len(convert(tmp_path / "downloads", tmp_path / "data", DISTRIBUTED)["train"]) == 4


@pytest.mark.parametrize("half", ["train", "test"])
@pytest.mark.parametrize("table", speechocean762.TABLES)
def test_missing_table(distributed, tmp_path, half, table):
    (distributed / half / table).unlink()
    assert f"{half}/{table} is missing or empty" in refused(distributed, tmp_path / "data")


def test_missing_recordings_are_named_and_counted(distributed, tmp_path):
    shutil.rmtree(distributed / "WAVE" / "SPEAKER0001")
    shutil.rmtree(distributed / "WAVE" / "SPEAKER0005")
    refusal = refused(distributed, tmp_path / "data")
    assert "missing recordings: WAVE/SPEAKER0001/000100000.WAV, " in refusal
    assert "000500000.WAV and 1 more (4 in all)" in refusal


@pytest.mark.parametrize("size", [0, 44, 1000])
def test_empty_or_truncated_recording(distributed, tmp_path, size):
    path = distributed / "WAVE/SPEAKER0003/000300001.WAV"
    path.write_bytes(path.read_bytes()[:size])
    refusal = refused(distributed, tmp_path / "data")
    assert "empty or truncated recordings: WAVE/SPEAKER0003/000300001.WAV (1 in all)" in refusal


@pytest.mark.parametrize(
    ("table", "old", "new", "refusal"),
    [
        ("train/text", "000100001\tWORD 1\n", "000100001\n", "train/text: no text for 000100001 (1 in all)"),
        ("train/text", "000100001\tWORD 1\n", "", "train/text: no text for 000100001 (1 in all)"),
        ("train/utt2spk", "000100001 0001\n", "", "train/utt2spk: no speaker for 000100001"),
        ("test/wav.scp", "000300001\tWAVE/SPEAKER0003/000300001.WAV\n", "", "wav.scp: no recording for 000300001"),
        ("test/wav.scp", "WAVE/SPEAKER0003/000300001", "../../000300001", "missing recordings: ../../000300001.WAV"),
        ("test/spk2age", "0024\t25\n", "", "test/spk2age: no age for 0024"),
        ("test/spk2age", "0024\t25\n", "0024\tunknown\n", "test/spk2age: no age for 0024"),
        ("test/spk2gender", "0024\tm\n", "0024\t?\n", "test/spk2gender: no gender (f, m) for 0024"),
        ("train/spk2age", "0005\t17", "0005\t19", "3 speakers, 1 children, 6 utterances instead of 3 speakers, 2 chil"),
        ("test/utt2spk", "0024\n", "0005\n", "speakers in both halves: 0005 (1 in all)"),
    ],
)
def test_broken_tables(distributed, tmp_path, table, old, new, refusal):
    edit(distributed / table, old, new)
    assert refusal in refused(distributed, tmp_path / "data")


def test_a_part_of_the_corpus_is_refused(distributed, tmp_path):
    for table in ("text", "utt2spk", "wav.scp"):
        path = distributed / "test" / table
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("0024")))
    refusal = refused(distributed, tmp_path / "data")
    assert "the test half has 1 speakers, 1 children, 2 utterances instead of 2 speakers" in refusal


def test_table_that_is_not_utf8(distributed, tmp_path):
    (distributed / "test" / "text").write_bytes(b"000300000 CAF\xc9\n")
    assert "test/text is not UTF-8" in refused(distributed, tmp_path / "data")


@pytest.mark.parametrize("kept", [0, 1, 20, 0.5, -1000, -4])
def test_truncated_archive(distributed, tmp_path, kept):
    archive = pack(distributed, tmp_path / "a.tar.gz")
    content = archive.read_bytes()
    archive.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    assert "is no tar archive, or truncated or corrupt" in refused(archive, tmp_path / "data")


def test_archive_with_a_flipped_byte(distributed, tmp_path):
    archive = pack(distributed, tmp_path / "a.tar.gz")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    assert "corrupt" in refused(archive, tmp_path / "data")


@pytest.mark.parametrize("name", ["/evil/evil.WAV", "../evil.WAV", "speechocean762/WAVE/../../../evil.WAV"])
def test_archive_with_a_path_out_of_it(distributed, tmp_path, name):
    archive = pack(distributed, tmp_path / "a.tar", mode="w")
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    assert f"its member {name} leads out of the archive" in refused(archive, tmp_path / "data")
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_archive_with_a_link_for_a_recording(distributed, tmp_path, kind):
    write(tmp_path / "secret", "secret")
    archive = pack(distributed, tmp_path / "a.tar", mode="w")
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo("speechocean762/WAVE/SPEAKER0001/000100000.WAV")
        member.type, member.linkname = kind, str(tmp_path / "secret")
        tar.addfile(member)
    assert "is a link, not a file" in refused(archive, tmp_path / "data")


def test_source_that_is_something_else(distributed, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "does not hold this corpus" in refused(tmp_path / "empty", tmp_path / "data")
    archive = pack(tmp_path / "empty", tmp_path / "empty.tar.gz")
    assert "does not hold this corpus" in refused(archive, tmp_path / "data")
    assert "is no tar archive" in refused(write(tmp_path / "a.zip", b"PK" * 999), tmp_path / "data")
    assert "does not exist" in refused(tmp_path / "nowhere", tmp_path / "data")
    shutil.copytree(distributed, tmp_path / "downloads" / "a")
    shutil.copytree(distributed, tmp_path / "downloads" / "b")
    assert "holds the corpus more than once: in a and in b" in refused(tmp_path / "downloads", tmp_path / "data")
    assert "more than once" in refused(pack(tmp_path / "downloads", tmp_path / "2.tgz", "."), tmp_path / "data")


def test_existing_output_is_left_alone(distributed, tmp_path):
    write(tmp_path / "data" / "mine.txt", "mine")
    with pytest.raises(UserError, match=r"exists and is not empty.*git rm -rq --cached data && rm -rf data"):
        convert(distributed, tmp_path / "data", DISTRIBUTED)
    assert contents(tmp_path / "data") == {"mine.txt": b"mine"}
    with pytest.raises(UserError, match="exists and is not empty"):
        convert(distributed, tmp_path / "data" / "mine.txt", DISTRIBUTED)


def test_empty_output_and_what_a_killed_run_left(distributed, tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / ".data.incomplete" / "train" / "text", "half of it")
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["README.md", "adult", "test", "train"]
    assert sorted(path.name for path in (tmp_path / "data" / "train").iterdir()) == sorted(
        ["WAVE", *speechocean762.TABLES]
    )
    assert not (tmp_path / ".data.incomplete").exists()


def test_link_to_another_disk_stays_a_link(distributed, tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "big disk" / "corpus")
    convert(distributed, tmp_path / "data", DISTRIBUTED)
    assert (tmp_path / "data").is_symlink()
    assert (tmp_path / "big disk" / "corpus" / "train" / "text").is_file()


def test_full_disk_leaves_nothing(distributed, tmp_path, monkeypatch):
    def fail(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(output, "write_file", fail)
    assert "cannot be written: No space left on device" in refused(distributed, tmp_path / "data")


def test_too_little_space_is_said_first(tmp_path):
    with pytest.raises(UserError, match="MB are needed"), output.complete_folder(tmp_path / "data", 10**18):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_argument_says_where_the_corpus_is():
    with pytest.raises(SystemExit) as stopped:
        speechocean762.main([])
    for words in ("https://www.openslr.org/101/", "speechocean762.tar.gz", "520 MB", "git clone"):
        assert words in str(stopped.value)


def test_command_prints_sets_and_what_to_type_next(distributed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(convert, "__defaults__", (DISTRIBUTED, False, 1.0))
    monkeypatch.chdir(tmp_path)
    speechocean762.main([str(pack(distributed, tmp_path / "speechocean762.tar.gz"))])
    refusal = capsys.readouterr().out
    assert re.search(r"^adult +1 +25-25 +2 +0.0$", refusal, re.MULTILINE)
    assert "first move" not in refusal
    with pytest.raises(SystemExit, match="error: data exists and is not empty"):
        speechocean762.main([str(distributed)])
    speechocean762.main([str(distributed), "--output", "elsewhere"])
    assert "first move elsewhere there" in capsys.readouterr().out


def test_documentation_has_the_commands_that_the_recipe_prints():
    typed = commands(section((ROOT / "docs" / "data.md").read_text(), "A public benchmark"))
    typed = [line.partition("#")[0].strip() for line in typed]
    assert "python -m corpora.speechocean762 speechocean762.tar.gz" in typed
    printed = [line.strip() for line in speechocean762.NEXT.splitlines()[1:]]
    assert [line for line in typed if line in printed] == printed


def test_readme_of_corpora_lists_every_recipe():
    recipes = {path.stem for path in (ROOT / "corpora").glob("*.py")} - {"__init__"}
    listed = re.findall(r"^\| `python -m corpora\.(\w+)`", (ROOT / "corpora" / "README.md").read_text(), re.MULTILINE)
    assert recipes == set(listed)


@pytest.mark.skipif(not REAL, reason="SPEECHOCEAN762 does not name the real corpus, a folder or an archive")
def test_real_corpus(tmp_path):
    convert(Path(REAL), tmp_path / "data")
    readings = registry.read(tmp_path / "data", options())
    for name, number in {"train": 58, "test": 64, "adult": 61}.items():
        assert len({row.speaker for row in readings[name].utterances}) == number
    assert [len(reading.utterances) for reading in readings.values()] == [1160, 1280, 1220]
    assert not any(reading.refusals or reading.warnings or reading.untranscribed for reading in readings.values())
