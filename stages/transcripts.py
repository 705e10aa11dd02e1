"""What a model answered, clip by clip: metrics/transcripts/<model>.jsonl, kept by DVC and not by git."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.errors import UserError

TRANSCRIPTS_FOLDER = Path("metrics/transcripts")


@dataclass(frozen=True)
class Transcript:
    """One clip: what was said, and what the model heard (raw, before any normalisation)."""

    split: str
    id: str
    reference: str
    hypothesis: str


def write_transcripts(path: Path, transcripts: Iterable[Transcript]) -> None:
    """Write one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in transcripts]
    path.write_text("".join(lines), encoding="utf-8")


def read_transcripts(path: Path) -> list[Transcript]:
    """Read what `write_transcripts` wrote; UserError names the file, or its broken line."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = list(file)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make it with: dvc repro transcribe@{path.stem}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(Transcript(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}, line {number}: not a transcript ({error}); transcribe again") from None
    return rows
