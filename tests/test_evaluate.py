"""Scores and their table, and the README's copy of it."""

import json
from pathlib import Path

import pytest

from stages import evaluate, model, params, scoring
from stages.errors import UserError
from stages.transcripts import Transcript, read_transcripts, write_transcripts
from tests.checkpoints import tiny_checkpoint
from tests.hub_server import COMMIT, serving
from tests.test_training import write_split

ROOT = Path(__file__).parent.parent
RULES = {"whisper": scoring.light, "light": str.lower}


def transcripts(split: str = "adult") -> list[Transcript]:
    return [Transcript("test", "1", "a b c d", "a b x d"), Transcript(split, "2", "a b", "a, b")]


def test_headline_set_is_at_the_top_and_others_under_their_names():
    figures = evaluate.score(transcripts(), RULES)
    assert (figures["wer"], figures["substitutions"], figures["words"]) == (0.25, 1, 4)
    assert (figures["adult"]["wer"], figures["adult"]["light"]["wer"]) == (0.0, 0.5)
    assert list(evaluate.by_set(figures)) == ["test", "adult"]


@pytest.mark.parametrize("name", ["words", "light"])
def test_set_named_like_a_figure(name):
    with pytest.raises(UserError, match=f"an evaluation set cannot be called '{name}'"):
        evaluate.score(transcripts(name), RULES)


def test_table():
    lines = evaluate.table({"base": evaluate.score(transcripts(), RULES)}).splitlines()
    assert lines[0].split() == ["set", "model", "WER", "%", "light", "%", "CER", "%", *evaluate.HEADINGS[5:]]
    assert lines[1].split() == ["test", "base", "25.00", "25.00", "14.29", "1", "0", "0", "4", "1"]
    assert lines[2].split() == ["adult", "base", "0.00", "50.00", "0.00", "0", "0", "0", "2", "1"]


def test_readme_shows_the_committed_figures():
    figures = json.loads((ROOT / "metrics" / "wer.json").read_text())
    assert evaluate.table({name: figures[name] for name in model.MODELS}) in (ROOT / "README.md").read_text()


def test_cost_stands_beside_the_error_rate():
    costs = {
        "train_lora": {"machine": "H200", "trained_share": 0.0081, "training_seconds": 61.4, "clips_per_second": 99.0},
        "transcribe_lora": {"machine": "x86_64", "seconds": 5.2, "peak_memory_mb": 700},
        "transcribe_base": {"machine": "x86_64", "seconds": 13.5, "peak_memory_mb": 900},
    }
    scores = {name: {"wer": 0.25} for name in ("base", "lora", "selective")}
    rows = [line.split() for line in evaluate.cost_table(scores, costs).splitlines()]
    assert rows[1] == ["base", "x86_64", "25.00", "-", "-", "-", "-", "14", "900"]
    assert rows[2] == ["lora", "H200", "25.00", "0.81", "61", "99.0", "-", "5", "700"]
    assert rows[3] == ["selective", "-", "25.00", *["-"] * 6]


def test_readme_shows_the_committed_costs():
    figures, costs = (json.loads((ROOT / "metrics" / f"{name}.json").read_text()) for name in ("wer", "cost"))
    shown = evaluate.cost_table({name: figures[name] for name in model.MODELS}, costs)
    assert shown in (ROOT / "README.md").read_text()


def test_transcripts_round_trip(tmp_path):
    rows = [Transcript("test", "1", "a\u2028b", 'quote " and \\ \u00e9'), Transcript("test", "2", "", "")]
    write_transcripts(tmp_path / "base.jsonl", rows)
    assert read_transcripts(tmp_path / "base.jsonl") == rows


@pytest.mark.parametrize("line", ["{", '{"id": "1"}', "[]"])
def test_broken_transcript_is_named(tmp_path, line):
    path = tmp_path / "base.jsonl"
    write_transcripts(path, transcripts())
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError, match=r"base\.jsonl, line 3: not a transcript"):
        read_transcripts(path)


def test_missing_transcripts_tell_what_to_run(tmp_path):
    with pytest.raises(UserError, match="dvc repro transcribe@lora"):
        read_transcripts(tmp_path / "lora.jsonl")


@pytest.mark.parametrize("checkpoint", ["kids/tiny", f"kids/tiny@{COMMIT}", "local"])
def test_any_checkpoint_is_decoded_from_the_hub_or_a_folder(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_checkpoint(Path("local"))
    write_split(Path("processed_data/test"), 2, seed=1)
    with serving(Path("local"), "kids/tiny"):
        rows = evaluate.decode(checkpoint, params.load(ROOT / "params.yaml"))
    assert [(row.split, row.id) for row in rows] == [("test", "clip0"), ("test", "clip1")]
    assert (COMMIT in capsys.readouterr().out) == (checkpoint != "local")
