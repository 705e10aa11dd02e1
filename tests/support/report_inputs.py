"""All that the report stage reads, with names and transcripts made to break the page."""

import json
from dataclasses import replace
from pathlib import Path

from stages.labelling import outputs
from stages.records import paths
from stages.records.shards import read_manifest, write_manifest
from stages.records.transcripts import read_transcripts, write_transcripts
from tests.support.checkpoints import tiny_checkpoint
from tests.support.scores import answer
from tests.support.training import write_split

ROOT = Path(__file__).parent.parent.parent
EVIL = "<script>alert('x')</script> \"onload=\" &amp; {{ 7 * 7 }} <img src=https://evil.example>"
CURVE = "step,epoch,train_loss,dev_loss,dev_wer\n5,1,2.5,2.25,0.75\n10,2,1.5,1.75,0.5\n"


def write_report_inputs(root: Path) -> Path:
    """Write all that the report stage reads into a folder, and return the folder."""
    tiny_checkpoint(root / "models" / "base")
    write_split(root / "processed_data" / "train", 2, seed=1)  # the texts of the other splits' first two clips
    write_split(root / "processed_data" / "dev", 1, seed=3)
    for name, count in (("test", 6), ("adult", 2)):
        folder = root / "processed_data" / "evaluation" / name
        write_split(folder, count, seed=1)
        clips = read_manifest(folder)
        write_manifest(folder, [replace(clips[0], speaker=EVIL), *clips[1:]])
        hypotheses = dict.fromkeys(paths.MODELS) | {"base": "nothing like it at all", "selective": EVIL}
        for model, text in hypotheses.items():
            rows = [answer(name, clip.id, clip.text, text or clip.text) for clip in clips]
            path = root / "metrics" / "transcripts" / f"{model}.jsonl"
            found = [] if name == "test" else read_transcripts(path)
            write_transcripts(path, [*found, *rows])
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    for path in paths.CURVES.values():
        (root / path).write_text(CURVE)
    card = {"clips": 6, "hours": 0.1, "speakers": 2, "refused": 1, "left_out": 3}
    (root / "metrics" / "corpus.json").write_text(json.dumps({"test": card}))
    (root / "metrics" / "labels.json").write_text(json.dumps(outputs.Account().figures()))
    cost = {"training_seconds": 125.0, "trained_parameters": 1000, "trained_share": 0.01, "peak_memory_mb": 9000}
    (root / "metrics" / "cost.json").write_text(json.dumps({"train_lora": {**cost, "machine": "<b>GPU</b>"}}))
    return root
