"""A corpus that is in one format only goes through the stage as a whole, with its speakers and ages."""

import json
import shutil
from pathlib import Path

import openpyxl
import pytest

from stages import preprocess
from stages.records import paths
from stages.records.shards import read_manifest
from tests.support.corpora import write, write_audio

pytestmark = pytest.mark.slow

PARAMS = Path(__file__).parent.parent / "params.yaml"
SPLITS = {"train": ("11", "12", "13"), "test": ("21",)}
WORDS = ("we call it bear", "that is mine")


def librispeech(split: Path, speaker: str, seed: int) -> None:
    folder = split / f"{speaker}/7"
    lines = []
    for number, text in enumerate(WORDS):
        write_audio(folder / f"{speaker}-7-{number:04}.flac", seed=10 * seed + number)
        lines.append(f"{speaker}-7-{number:04} {text.upper()}\n")
    write(folder / f"{speaker}-7.trans.txt", "".join(lines))


def text_list(split: Path, speaker: str, seed: int) -> None:
    lines = []
    for number, text in enumerate(WORDS):
        write_audio(split / f"{speaker}/u{number}.wav", seed=10 * seed + number)
        lines.append(f"u{number}.wav {text}\n")
    write(split / f"{speaker}/list.txt", "".join(lines))


def tab_list(split: Path, speaker: str, seed: int) -> None:
    lines = []
    for number, text in enumerate(WORDS):
        write_audio(split / f"{speaker}/u{number}.wav", seed=10 * seed + number)
        lines.append(f"{speaker}/u{number}.wav\t{text}\n")
    write(split / f"list{speaker}.tsv", "".join(lines))


def workbook(split: Path, speaker: str, seed: int) -> None:
    book = openpyxl.Workbook()
    book.active.append(["file", "text", "speaker", "age"])
    for number, text in enumerate(WORDS):
        write_audio(split / f"{speaker}/u{number}.wav", seed=10 * seed + number)
        book.active.append([f"{speaker}/u{number}.wav", text, int(speaker), 6])
    book.save(split / f"list{speaker}.xlsx")


def whisper(split: Path, speaker: str, seed: int) -> None:
    write_audio(split / f"{speaker}/a.wav", 4, seed=seed)
    segments = [{"start": 2 * place, "end": 2 * place + 1.5, "text": f" {text}"} for place, text in enumerate(WORDS)]
    write(split / f"{speaker}/a.json", json.dumps({"segments": segments, "language": "en"}))


def childproject(split: Path, speaker: str, seed: int) -> None:
    folder = split / f"corpus{speaker}"
    write_audio(folder / f"recordings/raw/r{speaker}.wav", 4, seed=seed)
    rows = [f"{2000 * place},{2000 * place + 1500},CHI,{text}\n" for place, text in enumerate(WORDS)]
    header = "segment_onset,segment_offset,speaker_type,transcription\n"
    write(folder / "annotations/eaf/converted/x.csv", header + "".join(rows))
    header = "set,recording_filename,annotation_filename\n"
    write(folder / "metadata/annotations.csv", header + f"eaf,r{speaker}.wav,x.csv\n")
    header = "child_id,date_iso,recording_filename\n"
    write(folder / "metadata/recordings.csv", header + f"{speaker},2020-01-01,r{speaker}.wav\n")
    write(folder / "metadata/children.csv", f"child_id,child_dob\n{speaker},2014-01-01\n")


@pytest.mark.parametrize("layout", [librispeech, text_list, tab_list, workbook, whisper, childproject])
def test_a_corpus_in_one_format(tmp_path, monkeypatch, capsys, layout):
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    seed = 0
    for split, speakers in SPLITS.items():
        for speaker in speakers:
            seed += 1
            layout(tmp_path / "data" / split, speaker, seed)
    preprocess.main()
    assert Path("processed_data/rejected.jsonl").read_text() == ""
    by_speaker: dict[str, list[str]] = {}
    months = set()
    for split in ("train", "dev", "test"):
        for clip in read_manifest(paths.split_folder(split)):
            by_speaker.setdefault(clip.speaker, []).append(clip.text.lower())
            months.add(clip.age_months)
    expected: dict[str, list[str]] = {}
    for speakers in SPLITS.values():
        for speaker in speakers:
            expected[speaker] = list(WORDS)
    assert by_speaker == expected
    assert months == ({72} if layout in (workbook, childproject) else {None})
    printed = capsys.readouterr().out
    assert ("unverified references, in the format of a recogniser" in printed) == (layout is whisper)
