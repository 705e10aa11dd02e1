"""What the stage writes: labelled_data/, metrics/labels.json, and a line on the screen."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from stages.labelling.candidates import Rejection
from stages.records import paths, shards
from stages.records.shards import Clip
from stages.records.units import Seconds

# Beside the clips: what is trained on does not depend on why other stretches were left out.
REJECTED_FILE = paths.LABELLING / "rejected.jsonl"
CONFIDENCES_FILE = paths.LABELLING / "labels.jsonl"


@dataclass
class Account:
    """How much was heard, and what came of it."""

    recordings: int = 0  # without a transcript
    heard: Seconds = 0.0  # of the recordings that were decoded
    speech: Seconds = 0.0  # of the stretches of speech in them
    stretches: int = 0
    clips: list[Clip] = field(default_factory=list)  # of the stretches that are learnt from
    confidences: list[dict] = field(default_factory=list)  # a row for each of them
    rejections: list[Rejection] = field(default_factory=list)

    def figures(self) -> dict:
        """What metrics/labels.json holds: numbers only."""
        kept = sum(clip.duration for clip in self.clips)
        return {
            "recordings": self.recordings,
            "heard_hours": _hours(self.heard),
            "speech_hours": _hours(self.speech),
            "stretches": self.stretches,
            "kept_stretches": len(self.clips),
            "kept_hours": _hours(kept),
            "kept_share": round(kept / self.speech, 4) if self.speech else 0.0,  # of the speech
            "rejected": dict(sorted(Counter(row.reason for row in self.rejections).items())),
        }

    def describe(self) -> str:
        """The figures as one line."""
        figures = self.figures()
        reasons = ", ".join(f"{reason} {count}" for reason, count in figures["rejected"].items()) or "none"
        return (
            f"label: {self.recordings} recordings without a transcript, {figures['heard_hours']:.2f} h heard; "
            f"{self.stretches} stretches of speech, {figures['speech_hours']:.2f} h; labelled {len(self.clips)}, "
            f"{figures['kept_hours']:.2f} h, {figures['kept_share']:.0%} of the speech; left out: {reasons} "
            f"(see {REJECTED_FILE})"
        )


def _hours(seconds: Seconds) -> float:
    return round(seconds / 3600, 4)


def clear() -> None:
    """Remove what an earlier run wrote: DVC does that before a run, but the stage may be run without DVC."""
    shutil.rmtree(paths.LABELLING, ignore_errors=True)


def write(account: Account) -> None:
    """Write all but the shards; the manifest last, so that a failed run does not look complete."""
    paths.LABELLED.mkdir(parents=True, exist_ok=True)
    shards.write_lines(REJECTED_FILE, _sorted(account.rejections))
    shards.write_lines(CONFIDENCES_FILE, account.confidences)
    paths.METRICS.mkdir(exist_ok=True)
    text = json.dumps(account.figures(), indent=2, sort_keys=True) + "\n"
    paths.LABELS_FILE.write_text(text, encoding="utf-8")
    shards.write_manifest(paths.LABELLED, account.clips)


def _sorted(rejections: Iterable[Rejection]) -> list[dict]:
    rows = [asdict(row) for row in rejections]
    return sorted(rows, key=lambda row: (row["source"], row["start"] or 0.0))
