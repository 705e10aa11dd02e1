"""Transcribe dev and the adults' set at an alpha.

Transcripts are kept in checkpoints/: after a kill, or when further alphas are asked for, only what is missing is
decoded.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.common.files import folder_sha256
from stages.common.params import Params
from stages.decoding import evaluation_sets, splits, token_limits, transcription
from stages.decoding.transcription import Decoder
from stages.records import shards
from stages.records.paths import BASE, BASE_FOLDER, MODELS
from stages.records.transcripts import Journal, Transcript
from stages.runtime import checkpoints, devices, failures
from stages.whisper import dtypes
from tools.interpolate import weights


@dataclass(frozen=True)
class Inputs:
    """All that decides the transcripts of a model: digests of its files and of the sets, and how it is decoded."""

    name: str  # of the tuned model
    base: str
    tuned: str
    sets: dict[Path, str]  # folder of a set's clips, and its digest
    settings: Params
    precision: str  # resolved: `auto` differs between devices


def read_inputs(name: str, folders: Sequence[Path], settings: Params) -> Inputs:
    """Compute the digests of a tuned model, the base and the sets: about a second a gigabyte."""
    device = devices.choose_device(settings.runtime.device)
    return Inputs(
        name=name,
        base=folder_sha256(BASE_FOLDER),
        tuned=folder_sha256(MODELS[name]),
        sets={folder: folder_sha256(folder) for folder in folders},
        settings=settings,
        precision=dtypes.choose_precision(settings.transcribe.precision, device, learning=False),
    )


def transcribe(inputs: Inputs, alpha: float) -> list[Transcript]:
    """Transcribe all sets at one alpha, in the order of their clips; what is in the journals is not decoded again."""
    print(f"{inputs.name} at alpha {alpha:g}")

    @functools.cache  # loaded once, and not at all if every clip is in a journal
    def decoder() -> Decoder:
        checkpoint = weights.interpolated(MODELS[inputs.name], alpha)
        return transcription.prepare(checkpoint, inputs.settings)

    rows = []
    for folder in inputs.sets:
        rows += _transcribe_set(inputs, alpha, folder, decoder)
    return rows


def journal_folder(inputs: Inputs, alpha: float, folder: Path) -> Path:
    """Where the transcripts of a set at an alpha are kept. Those of the base (alpha 0) are the same for all models."""
    settings = inputs.settings
    stage = f"interpolate_{BASE if alpha == 0 else inputs.name}"
    relevant = [alpha, settings.language, settings.transcribe.model_dump(), inputs.precision]
    digests = [inputs.base, inputs.sets[folder], folder_sha256(Path(weights.__file__))]
    if alpha:
        digests.append(inputs.tuned)
    digests += checkpoints.code_digests(evaluation_sets.CODE_FOLDERS)
    return checkpoints.run_folder(stage, relevant, digests)


def _transcribe_set(inputs: Inputs, alpha: float, folder: Path, decoder: Callable[[], Decoder]) -> list[Transcript]:
    clips = shards.read_manifest(folder)
    work = journal_folder(inputs, alpha, folder)
    with checkpoints.exclusive_lock(work), Journal(work / "journal.jsonl") as journal:
        progress = functools.partial(evaluation_sets.describe_progress, journal, work)
        advice = evaluation_sets.memory_advice(inputs.settings)
        known = {row.id for row in journal.rows}
        if known:
            print(f"{folder.name}: {len(known)} of {len(clips)} clips were transcribed before")
        if all(clip.id in known for clip in clips):
            return evaluation_sets.rows_of({folder: clips}, journal)
        with failures.explain_early_end(f"alpha {alpha:g}", advice, progress):
            for batch in splits.transcribe_split(decoder(), folder, clips, known):
                journal.append(batch)
            rows = evaluation_sets.rows_of({folder: clips}, journal)
            needs = token_limits.needs_of(folder.name, clips, decoder())
            token_limits.warn_of_cut_transcripts(needs, rows, decoder())
    return rows
