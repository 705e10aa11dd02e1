"""Merges that a tokenizer lacks are added: words get the tokens that Whisper was trained on."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import WhisperTokenizer

from stages import fetch_base
from stages.whisper import merges
from tests.support.checkpoints import SAMPLE, tiny_checkpoint

TEXT = " the train goes to the hen house"


def tokenizer_without(folder: Path, pairs: list[list[str]]) -> Path:
    """The sample's tokenizer in a folder, without some of its merges."""
    for path in SAMPLE.glob("tokenizer*.json"):
        shutil.copyfile(path, folder / path.name)
    path = folder / merges.FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"] = [pair for pair in content["model"]["merges"] if pair not in pairs]
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def tokens(folder: Path) -> list[str]:
    return WhisperTokenizer.from_pretrained(folder).tokenize(TEXT)


@pytest.mark.parametrize("pairs", [[["Ġ", "t"]], [["h", "e"]], [["Ġ", "t"], ["h", "e"]]])
def test_lacking_merges_are_added(tmp_path, pairs):
    folder = tokenizer_without(tmp_path, pairs)
    assert tokens(folder) != tokens(SAMPLE)
    added = merges.complete(WhisperTokenizer.from_pretrained(folder), folder)
    assert added == sorted("".join(pair) for pair in pairs)
    assert tokens(folder) == tokens(SAMPLE)
    completed, whole = [json.loads((path / merges.FILE).read_text(encoding="utf-8")) for path in (folder, SAMPLE)]
    assert completed["model"]["merges"] == whole["model"]["merges"]
    assert completed["added_tokens"] == whole["added_tokens"]
    assert merges.complete(WhisperTokenizer.from_pretrained(folder), folder) == []


def test_whole_tokenizer_stays_as_it_is(tmp_path):
    folder = tokenizer_without(tmp_path, [])
    before = (folder / merges.FILE).read_bytes()
    assert merges.complete(WhisperTokenizer.from_pretrained(folder), folder) == []
    assert (folder / merges.FILE).read_bytes() == before


def test_merges_in_another_order_than_their_ids_are_left_alone(tmp_path):
    folder = tokenizer_without(tmp_path, [["Ġ", "t"]])
    path = folder / merges.FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"].reverse()
    path.write_text(json.dumps(content), encoding="utf-8")
    assert merges.complete(WhisperTokenizer.from_pretrained(folder), folder) == []


def test_fetch_base_adds_them_and_says_so(tmp_path, monkeypatch, capsys):
    tokenizer_without(tiny_checkpoint(tmp_path / "local"), [["Ġ", "t"]])
    (tmp_path / "dvc.yaml").write_text("stages:\n  fetch_base:\n    cmd: x\n    deps:\n      - local\n")
    monkeypatch.chdir(tmp_path)
    fetch_base.fetch("local", Path("models/base"))
    assert "lacked the merges of ' t'" in capsys.readouterr().out
    assert tokens(Path("models/base")) == tokens(SAMPLE)
