"""Files of a corpus that no format reads are named, and companions of a corpus are not."""

from pathlib import Path

import openpyxl
import pytest

from stages.common import params
from stages.common.errors import UserError
from stages.corpus.formats import registry
from tests.support import lines_format
from tests.support.corpora import PARAMS, options, write, write_audio
from tools.doctor import corpus


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        write_audio(Path("data", split, "anna/1.wav"))
        write(Path("data", split, "anna/1.txt"), "we call it bear")
    return Path("data")


def doctor_says() -> str:
    return "\n".join(finding.text for finding in corpus.findings(params.load(PARAMS)))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("anna/sheet.ods", "1 .ods file(s) (data/train/anna/sheet.ods): save it as CSV"),
        ("words.PARQUET.bak", "1 .bak file(s) (data/train/words.PARQUET.bak): no format"),
        ("anna/1.docx", "1 .docx file(s) (data/train/anna/1.docx): save it as plain text"),
        ("anna/1.its", "1 .its file(s) (data/train/anna/1.its): LENA"),
        ("anna/1.rttm", "1 .rttm file(s) (data/train/anna/1.rttm): it has times"),
        ("anna.zip", "1 .zip file(s) (data/train/anna.zip): unpack it there"),
        ("anna/2.raw", "1 .raw file(s) (data/train/anna/2.raw): convert it to FLAC"),
        ("anna/2.unheard_of", "1 .unheard_of file(s) (data/train/anna/2.unheard_of): no format"),
        ("anna/transcript", "1 file(s) without extension (data/train/anna/transcript): no format"),
        ("text", "1 named text (data/train/text): a Kaldi directory has wav.scp and text"),
        ("wav.scp", "1 named wav.scp (data/train/wav.scp): a Kaldi directory has wav.scp and text"),
        ("tables/speakers.csv", "1 named speakers.csv (data/train/tables/speakers.csv): a list of speakers"),
    ],
)
def test_unread_file_is_named(data, capsys, name, advice):
    write(data / "train" / name, "anna 6\n")
    registry.read(data, options())
    assert f"warning: data/train: not read: {advice}" in capsys.readouterr().out
    assert f"data/train: not read: {advice}" in doctor_says()


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "readme", "README.txt", "LICENSE", "CITATION.cff", "docs/paper.pdf", "anna/photo.JPG"),
        *("md5sums.txt", "SHA256SUMS", "clips.md5", "checksums.txt", "anna.dvc", ".gitignore", ".DS_Store"),
        *("speakers.csv", "anna/1.cha", "anna/2.flac", "download.sh"),
    ],
)
def test_companions_are_not_named(data, capsys, name):
    write(data / "train" / name, "speaker,age\nanna,6\n")
    reading = registry.read(data, options())["train"]
    assert not [row for row in reading.refusals if row.reason == "missing-audio"]
    assert "not read" not in capsys.readouterr().out
    assert "not read" not in doctor_says()


def test_files_of_a_kaldi_directory_are_not_named(data, capsys):
    folder = data / "train/kaldi"
    write(folder / "wav.scp", "u1 ../anna/1.wav\n")
    write(folder / "text", "u1 we call it bear\n")
    for name in ("utt2spk", "spk2utt", "spk2age", "spk2gender", "utt2dur", "feats.scp"):
        write(folder / name, "u1 1\n")
    write(folder / "notes", "u1 1\n")
    reading = registry.read(data, options())["train"]
    assert [row.format for row in reading.utterances] == ["kaldi"]
    (line,) = reading.unread
    assert "data/train/kaldi/notes" in line


def test_what_a_format_claims_is_not_named(data, monkeypatch):
    write(data / "train/anna/1.lines", "0.1;0.5;anna;we call it bear\n")
    assert "1 .lines file(s)" in registry.unread(data, "train")[0]
    monkeypatch.setattr(registry, "FORMATS", (lines_format, *registry.FORMATS))
    assert registry.unread(data, "train") == []


@pytest.mark.parametrize("name", ["speakers.csv", "speakers.tsv", "Speakers.xlsx"])
def test_lists_of_speakers_are_named_only_where_they_are_not_read(data, name):
    lists = [data / "train" / name, data / "train/anna" / name]
    for path in lists:
        if path.suffix == ".xlsx":
            workbook = openpyxl.Workbook()
            workbook.active.append(["speaker", "age"])
            workbook.active.append(["anna", 6])
            workbook.save(path)
        else:
            write(path, "speaker,age\nanna,6\n")
    reading = registry.read(data, options())["train"]
    assert [row.age_months for row in reading.utterances] == [72]
    assert [line.partition(":")[0] for line in reading.unread] == [f"1 named {name.lower()} (data/train/anna/{name})"]


def test_many_files_are_counted_and_few_are_named(data):
    for number in range(5):
        write(data / f"train/{number}.docx", "x")
    for number in range(12):
        write(data / f"train/x.kind{number:02d}", "x")
    first, *others, last = registry.unread(data, "train")
    names = "data/train/0.docx, data/train/1.docx, data/train/2.docx, ..."
    assert first == f"5 .docx file(s) ({names}): save it as plain text (UTF-8), as .txt with the name of its recording"
    assert len(others) == 9
    assert last == "3 files of 3 further kinds"


def test_split_without_transcripts_says_which_files_it_has(data, capsys):
    (data / "train/anna/1.txt").unlink()
    write(data / "train/sheet.ods", "x")
    write(data / "train/info.json", '[{"name": "anna"}]')
    write(data / "train/clips.csv", "")
    with pytest.raises(UserError) as error:
        registry.read(data, options())
    for part in ("(1 recordings without any)", "sheet.ods", "train/info.json", "train/clips.csv", "docs/data.md"):
        assert part in str(error.value)
    write(data / "train/anna/1.txt", "we call it bear")
    write_audio(data / "more/2.wav")
    write(data / "more/2.docx", "x")
    registry.read(data, options())
    assert "1 .docx file(s) (data/more/2.docx)" in capsys.readouterr().out


def test_table_in_data_itself_is_in_no_split(data, capsys):
    write(data / "metadata.csv", "file_name,text\ntrain/anna/1.wav,hi\n")
    write(data / "README.md", "x")
    registry.read(data, options())
    assert "data/metadata.csv is in none of the folders train, test" in capsys.readouterr().out
    said = doctor_says()
    assert "data/metadata.csv is in no split" in said
    assert "README" not in said


def test_transcript_called_like_a_paper_is_read(data):
    write_audio(data / "train/anna/citation.wav", seed=2)
    write(data / "train/anna/citation.txt", "we cite it")
    texts = [row.text_raw for row in registry.read(data, options())["train"].utterances]
    assert sorted(texts) == ["we call it bear", "we cite it"]
