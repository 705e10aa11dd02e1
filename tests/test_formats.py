"""The protocol of annotation formats: what a module has to define to be read."""

import inspect
from pathlib import Path
from types import ModuleType

import pytest

from stages.corpus.formats import registry
from tests.support import lines_format
from tests.support.corpora import options, write, write_audio


def test_a_new_format_is_a_module_and_an_entry(tmp_path, monkeypatch):
    train = tmp_path / "data/train"
    for name in ("anna/1.wav", "anna/2.wav", "anna/3.wav"):
        write_audio(train / name)
    write(train / "anna/1.lines", "0.1;0.5;anna;we call it bear\n0.5;0.6;mother;yes\n0.6\n")
    write(train / "anna/2.txt", "another format in the same split")
    write(train / "anna/3.lines", "")
    monkeypatch.setattr(registry, "FORMATS", (lines_format, *registry.FORMATS))

    reading = registry.read_split(tmp_path / "data", "train", options(adult_names="mother"))

    lines_row, text_row = reading.utterances
    assert (lines_row.id, lines_row.speaker, lines_row.text_raw) == ("anna-1-anna-0001", "anna", "we call it bear")
    assert (lines_row.start, lines_row.end, lines_row.line, lines_row.format) == (0.1, 0.5, 1, "lines")
    assert (text_row.format, text_row.source) == ("text", "train/anna/2.wav")
    assert [(row.reason, row.file) for row in reading.refusals] == [
        ("broken-row", "train/anna/1.lines"),
        ("broken-lines", "train/anna/3.lines"),
    ]
    assert reading.left_out == {"other speakers: mother": 1}


def test_a_file_is_read_by_the_first_format_that_claims_it(tmp_path, monkeypatch):
    given: list[list[Path]] = []
    second = ModuleType("second")
    second.claims = lines_format.claims
    second.read = lambda paths, files, reading: given.append(paths)
    write_audio(tmp_path / "data/train/anna/1.wav")
    write(tmp_path / "data/train/anna/1.lines", "0.1;0.5;anna;we call it bear\n")
    monkeypatch.setattr(registry, "FORMATS", (lines_format, second))
    reading = registry.read_split(tmp_path / "data", "train", options())
    assert len(reading.utterances) == 1
    assert given == [[]]


@pytest.mark.parametrize("format", registry.FORMATS, ids=lambda format: format.__name__)
def test_every_format_has_the_two_functions(format):
    assert list(inspect.signature(format.claims).parameters) == ["files"]
    assert list(inspect.signature(format.read).parameters) == ["paths", "files", "reading"]


def test_every_format_of_the_folder_is_in_the_list():
    modules = Path(registry.__file__).parent.glob("*.py")
    names = {path.stem for path in modules if "\ndef claims(" in path.read_text(encoding="utf-8")}
    assert names == {format.__name__.rpartition(".")[2] for format in registry.FORMATS}
