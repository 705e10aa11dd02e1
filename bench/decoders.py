"""Measure the accuracy of models with decoders of other projects, on the clips of processed_data.

    python -m bench.decoders models/base exports/lora exports/selective
    python -m bench.decoders exports/lora --clips 200   # evenly spaced; the whole test set takes hours on a CPU

A folder is a stock checkpoint, or an export (python -m tools.export NAME --ctranslate2), which contains one. Decoders:

    pipeline         the pipeline of transformers, greedy, one clip at a time, padded to 30 s
    faster-whisper   with its defaults: 5 beams, timestamps, and higher temperatures if a text looks wrong
    faster-greedy    faster-whisper with one beam, without timestamps and other temperatures

Needs pip install -r requirements-extra.txt. A stock checkpoint is first converted for faster-whisper.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from bench.train import device_type
from bench.transcribe import convert, stock_pipeline
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records import paths, shards
from stages.records.shards import Clip
from stages.records.transcripts import Transcript, compression_ratio
from stages.scores import scoreboard
from stages.wer import normalisers
from tools.export.comparison import evenly_spaced

HEADER = ("model", "decoder", "WER %", "interval", "sub", "del", "ins", "runaway", "clips")
FASTER_OPTIONS = {
    "faster-whisper": {},
    "faster-greedy": {"beam_size": 1, "temperature": 0.0, "without_timestamps": True},
}
DECODERS = ("pipeline", *FASTER_OPTIONS)


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="FOLDER", help="a checkpoint or an export")
    parser.add_argument("--set", default="test", help="evaluation set; default: test")
    parser.add_argument("--clips", type=int, help="number of its clips, evenly spaced; default: all")
    parser.add_argument("--decoders", nargs="+", choices=DECODERS, default=DECODERS, help="default: all")
    arguments = parser.parse_args()
    settings = params.load()
    clips = shards.read_manifest(paths.split_folder(arguments.set))
    clips = evenly_spaced(clips, arguments.clips or len(clips))
    audio = [shards.read_audio(paths.split_folder(arguments.set), clip) for clip in clips]
    rules = normalisers.load(paths.BASE_FOLDER, settings.language)
    rows = []
    for folder in arguments.models:
        for decoder in arguments.decoders:
            texts = list(tqdm(decoded(decoder, folder, audio, settings.language), decoder, total=len(audio)))
            rows.append((str(folder), decoder, *cells(arguments.set, clips, texts, rules)))
            tqdm.write(" ".join(rows[-1]))  # so that a run that is stopped has shown what it measured
    print(aligned([HEADER, *rows], names=2))


def decoded(decoder: str, folder: Path, audio: list[np.ndarray], language: str) -> Iterator[str]:
    """Yield the text of every clip.

    Parameters
    ----------
    decoder : one of DECODERS
    folder : of a checkpoint or an export
    audio : clips, float32 of shape (samples,) at 16 kHz
    """
    if decoder == "pipeline":
        return by_pipeline(folder, audio, language)
    return by_faster_whisper(folder, audio, language, FASTER_OPTIONS[decoder])


def stock_folder(folder: Path) -> Path:
    """The stock checkpoint of an export; a checkpoint itself."""
    return folder / "transformers" if (folder / "transformers").is_dir() else folder


def by_pipeline(folder: Path, audio: list[np.ndarray], language: str) -> Iterator[str]:
    transcribe = stock_pipeline(stock_folder(folder), device_type(), language)
    for clip in audio:
        yield transcribe([clip])[0]


def by_faster_whisper(folder: Path, audio: list[np.ndarray], language: str, options: dict) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        recogniser = faster_model(folder, Path(scratch))
        for clip in audio:
            segments, _ = recogniser.transcribe(clip, language=language, **options)
            yield " ".join(segment.text.strip() for segment in segments)


def faster_model(folder: Path, scratch: Path):
    """The WhisperModel of faster-whisper for a checkpoint or an export; a checkpoint is converted in `scratch`."""
    from faster_whisper import WhisperModel

    converted = folder / "ctranslate2"
    if not converted.is_dir():
        source, converted = scratch / "model", scratch / "ct2"
        convert(shutil.copytree(folder, source), converted)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return WhisperModel(str(converted), device=device, compute_type="float32")


def cells(name: str, clips: list[Clip], texts: list[str], rules: dict[str, normalisers.Normaliser]) -> tuple[str, ...]:
    """Return the figures of a row of the table, formatted."""
    rows = [
        Transcript(
            split=name,
            id=clip.id,
            reference=clip.text,
            hypothesis=text,
            log_probability=None,
            compression_ratio=compression_ratio(text),
        )
        for clip, text in zip(clips, texts, strict=True)
    ]
    results = scoreboard.results_by_set(rows, {name: clips}, rules["whisper"])
    block = scoreboard.figures({"model": results}, rules)["model"][name]
    interval = f"{100 * block['wer_low']:.1f} to {100 * block['wer_high']:.1f}" if "wer_low" in block else "-"
    row = [f"{100 * block['wer']:.2f}", interval]
    for key in ("substitutions", "deletions", "insertions", "runaway", "utterances"):
        row.append(str(block[key]))
    return tuple(row)


if __name__ == "__main__":
    main()
