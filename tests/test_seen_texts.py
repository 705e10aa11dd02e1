"""Texts that were trained on: which are the same, which speakers count, and what preprocess must not import for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from stages.records import seen_texts
from stages.records.shards import Clip
from tests.support.corpora import CLIP

ROOT = Path(__file__).parent.parent


def clip(text: str) -> Clip:
    return Clip(**{**CLIP, "id": "1", "text": text, "duration": 1.0, "shard": "s", "offset": 0, "size": 1})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("the dog ran", True),
        ("The DOG, ran!", True),
        ("the  dog\u00a0ran", True),
        ("don't stop", True),
        ("don\u2019t stop", True),
        ("dont stop", False),
        ("the dog", False),
        ("the dog ran off", False),
        ("ran the dog", False),
        ("...", False),  # no sentence, though a training text is empty too
        ("", False),
    ],
)
def test_same_text_but_for_case_and_punctuation(text, seen):
    trained = seen_texts.of_clips(map(clip, ("The dog ran.", "the dog ran", "Don't stop", "?!")), "en")
    assert trained.texts == {"the dog ran", "don't stop"}
    assert trained.hold(clip(text)) == seen
    assert trained.count([clip(text), clip("other")]) == seen


@pytest.mark.slow
def test_preprocess_does_not_wait_for_heavy_packages():
    heavy = "{'transformers', 'torch', 'datasets', 'jiwer', 'matplotlib'}"
    script = f"import sys, stages.preprocess; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
