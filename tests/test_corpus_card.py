"""The corpus card: numbers that add up, no names, the same bytes again."""

import json
from pathlib import Path

import pytest

from stages.cutting import corpus_card
from stages.cutting.corpus_card import age_group
from stages.records.shards import Clip
from tests.support.corpora import CLIP, reading


def clip(**changes) -> Clip:
    return Clip(**{**CLIP, "id": "1", "text": "x", "duration": 1800.0, "shard": "s", "offset": 0, "size": 1, **changes})


def test_card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = reading("train")
    train.refuse("1", "train/f", 1, "silence", "...")
    train.left_out["other speakers: Aunt Mary"] = 3
    train.untranscribed = 2
    clips = {
        "train": [clip(), clip(speaker="ben", age_months=None, format="chat", flags=["overlap"])],
        "test": [clip(speaker="dora", age_months=83)],
    }
    corpus_card.write(clips, {"train": train, "test": reading("test")}, "en")
    text = Path("metrics/corpus.json").read_text()
    card = json.loads(text)
    assert card["train"] == {
        **{"clips": 2, "hours": 1.0, "speakers": 2, "left_out": 3, "untranscribed_recordings": 2},
        "refused": 1,
        "refused_by_reason": [{"reason": "silence", "utterances": 1}],
        "flagged": [{"flag": "overlap", "clips": 1}],
        "by_age": [
            {"age": "06y", "clips": 1, "hours": 0.5, "speakers": 1},
            {"age": "unknown", "clips": 1, "hours": 0.5, "speakers": 1},
        ],
        "by_source": [
            {"source": "chat", "clips": 1, "hours": 0.5, "speakers": 1},
            {"source": "table", "clips": 1, "hours": 0.5, "speakers": 1},
        ],
    }
    assert "Mary" not in text
    assert "anna" not in text
    picture = Path("metrics/corpus.png").read_bytes()
    corpus_card.write(clips, {"train": train, "test": reading("test")}, "en")
    assert (Path("metrics/corpus.json").read_text(), Path("metrics/corpus.png").read_bytes()) == (text, picture)


def test_seen_texts_of_evaluation_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {
        "train": ["The dog ran.", "a cat", "..."],
        "dev": ["only in dev", "a cat"],
        "test": ["the DOG ran", "A cat!", "a cat", "only in dev", "...", "new"],
        "adult": ["new"],
    }
    clips = {}
    for split, lines in texts.items():
        clips[split] = [clip(id=str(number), text=text) for number, text in enumerate(lines)]
    corpus_card.write(clips, {split: reading(split) for split in clips}, "en")
    card = json.loads(Path("metrics/corpus.json").read_text())
    assert {split: row["seen_texts"] for split, row in card.items() if "seen_texts" in row} == {"test": 3, "adult": 0}
    assert "dog" not in Path("metrics/corpus.json").read_text()


@pytest.mark.parametrize(
    ("months", "group"), [(0, "00y"), (71, "05y"), (72, "06y"), (215, "17y"), (216, "18y_and_over"), (None, "unknown")]
)
def test_age_group(months, group):
    assert age_group(months) == group
