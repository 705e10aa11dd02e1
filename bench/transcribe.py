"""Measure how fast the stock pipeline, faster-whisper and this project transcribe the same clips with the same weights.

    python -m bench.transcribe
    python -m bench.transcribe --json        # the last line is JSON
    python -m bench.transcribe --checkpoint openai/whisper-base      # real weights; needs the hub

Without --checkpoint, speed is measured with a model of whisper-base's size. Its weights are random, but its decoder
ends every text after TOKENS tokens, the length of a child's utterance. Clips are as long as those of so762-kids
(bench/train.py). Every row is measured in its own process, which decodes a few clips to warm up and is then timed over
all of them.

The texts of the engines are compared with trained weights (--checkpoint, or the sample's model) on the sample's clips,
greedily and at the full window, as the pipeline decodes. faster-whisper supports only models with a window of 30 s, so
the sample's model is decoded by CTranslate2, its engine. Columns:

    window    what the encoder sees: each clip padded to the window, or each clip at its own length ("utterance")
    peak MB   memory of the process (on a GPU: allocated on it by PyTorch, and "-" for CTranslate2)
"""

import argparse
import importlib.util
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from bench import row_process
from bench.train import MEANS, device_type, durations, machine, matrix_rates
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.decoding import batching, transcription
from stages.records.units import SAMPLE_RATE
from stages.whisper import features, model
from tools import sources

ROOT = Path(__file__).parent.parent
TOKENS = 12  # of a text, with its end token
CLIPS = {"cpu": 64, "cuda": 4096, "mps": 256}
BATCH = {"cpu": 8, "cuda": 64, "mps": 16}  # number of clips in a batch of the pipeline and of faster-whisper
WARM_UP = 4  # number of clips decoded before the timing
ROWS = {  # recipe: engine, window, precision
    "transformers pipeline": ("pipeline", "window", "fp32"),
    "transformers pipeline, bf16": ("pipeline", "window", "bf16"),
    "faster-whisper": ("faster_whisper", "window", "fp32"),
    "CTranslate2, own features": ("ctranslate2", "window", "fp32"),
    "ours, as the base": ("ours", "window", "fp32"),
    "ours, as the base, auto": ("ours", "window", "auto"),
    "CTranslate2 at own length": ("ctranslate2", "utterance", "fp32"),
    "ours, as tuned": ("ours", "utterance", "fp32"),
    "ours, as tuned, auto": ("ours", "utterance", "auto"),
}
HEADER = ("recipe", "window", "precision", "clips/s", "ratio", "peak MB")
Transcriber = Callable[[list[np.ndarray]], list[str]]


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--checkpoint", help="a folder or a model of the hub with a window of 30 s; default: random weights"
    )
    parser.add_argument("--clips", type=int, help="default: 64 on a CPU, 4096 on a GPU")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no row after so many seconds")
    parser.add_argument("--no-texts", action="store_true", help="do not compare the texts of the engines")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # in a process of its own
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(ROWS[arguments.row], arguments.work)))
        return
    started = time.monotonic()
    device = device_type()
    rates = matrix_rates(device)
    names = list(ROWS)
    if "bf16" not in rates:
        names = [name for name in ROWS if ROWS[name][2] == "fp32"]
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        work = Path(scratch)
        write_workspace(work, arguments.checkpoint, arguments.clips or CLIPS[device])
        for name in tqdm(names, unit="row"):
            reason = why_not(name, started, arguments.seconds)
            if reason:
                tqdm.write(f"{name}: not measured, {reason}")
                continue
            rows.append(in_process(name, work))
            tqdm.write(json.dumps(rows[-1]))
        agreement = {} if arguments.no_texts else texts_agree(arguments.checkpoint)
    print(machine(device, rates))
    if not rows:
        raise SystemExit("nothing was measured")
    stock = rows[0]["clips_per_second"]
    table = [HEADER]
    for row in rows:
        speed = row["clips_per_second"]
        memory = str(row["peak_mb"] or "-")
        table.append((row["recipe"], row["window"], row["precision"], f"{speed:.2f}", f"{speed / stock:.2f}", memory))
    print(aligned(table, names=3))
    for name, share in agreement.items():
        print(f"same texts, {name}: {100 * share:.2f} %")
    if arguments.json:
        print(json.dumps(summary(rows, agreement) | {"machine": machine(device, rates), "rows": rows}))


def why_not(name: str, started: float, seconds: float) -> str | None:
    """Return why a row cannot be measured: its engine is not installed, or the time is up; None if it can."""
    package = {"faster_whisper": "faster_whisper", "ctranslate2": "ctranslate2"}.get(ROWS[name][0])
    if package and not installed(package):
        return f"{package} is not installed (pip install -r requirements-extra.txt)"
    return "the time is up" if time.monotonic() - started > seconds else None


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def summary(rows: list[dict], agreement: dict[str, float]) -> dict:
    """Return how many times as fast as the others ours is with a tuned model, and the share of equal texts."""
    speeds = {row["recipe"]: row["clips_per_second"] for row in rows}
    ours_fp32 = speeds.get("ours, as tuned", 0.0)
    ours_fastest = max(ours_fp32, speeds.get("ours, as tuned, auto", 0.0))
    pairs = {
        "vs_pipeline": (ours_fastest, "transformers pipeline"),
        "vs_pipeline_bf16": (ours_fastest, "transformers pipeline, bf16"),
        "vs_faster_whisper": (ours_fastest, "faster-whisper"),
        "vs_pipeline_fp32": (ours_fp32, "transformers pipeline"),
        "vs_faster_whisper_fp32": (ours_fp32, "faster-whisper"),
    }
    ratios = {}
    for name, (speed, other) in pairs.items():
        if speed and other in speeds:
            ratios[name] = speed / speeds[other]
    return ratios | {"agreement": next(iter(agreement.values()), None), "agreements": agreement}


def write_workspace(work: Path, checkpoint: str | None, count: int) -> None:
    """Write the checkpoint for every engine, and the clips."""
    from bench.preprocess import speech_shaped

    if checkpoint:
        shutil.copytree(sources.find(checkpoint), work / "model")
    else:
        ending_checkpoint(work / "model")
    (work / "model" / model.DECODING_FILE).unlink(missing_ok=True)  # compared at the full window
    if installed("ctranslate2"):
        convert(work / "model", work / "ct2")
    sound = speech_shaped(60.0, seed=0).astype(np.float32) / 2**15
    lengths = durations(MEANS["so762-kids"], count, seed=1)
    np.savez(work / "clips.npz", *(sound[: round(seconds * SAMPLE_RATE)] for seconds in lengths))


def convert(folder: Path, target: Path) -> None:
    """Convert a checkpoint to the format of CTranslate2 and faster-whisper."""
    from ctranslate2.converters import TransformersConverter

    (folder / model.DECODING_FILE).unlink(missing_ok=True)  # compared at the full window
    copied = ["tokenizer.json", "preprocessor_config.json"]
    if not (folder / copied[1]).is_file():
        model.load_processor(folder).feature_extractor.save_pretrained(folder)
    TransformersConverter(str(folder), copy_files=copied).convert(str(target))


def ending_checkpoint(folder: Path) -> None:
    """Write a checkpoint of whisper-base's shape, with random weights and texts that all end at the same position.

    From that position on, the position embeddings point in the direction of the end token's embedding, and are so large
    that nothing else counts.
    """
    from safetensors.torch import load_file, save_file

    from tests.support.checkpoints import MULTILINGUAL, base_checkpoint

    base_checkpoint(folder)
    weights = load_file(folder / "model.safetensors")
    tokens = weights["model.decoder.embed_tokens.weight"]
    positions = weights["model.decoder.embed_positions.weight"]
    torch.manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(tokens.shape[1]), dim=0)
    tokens[MULTILINGUAL.end] = 5 * direction
    positions[3 + TOKENS - 1 :] += 100 * direction  # the prompt's last token is at 3
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def in_process(name: str, work: Path) -> dict:
    """Measure one row in its own process; returns its figures."""
    command = [sys.executable, "-m", "bench.transcribe", "--row", name, "--work", str(work)]
    process = subprocess.run(
        command, cwd=ROOT, env=row_process.environment(), capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{process.stderr[-4000:]}")
    _, window, precision = ROWS[name]
    return {"recipe": name, "window": window, "precision": precision} | json.loads(process.stdout.splitlines()[-1])


def measure(row: tuple[str, str, str], work: Path) -> dict:
    """Transcribe all clips with one recipe; returns its figures."""
    engine, window, precision = row
    with np.load(work / "clips.npz") as stored:
        clips = list(stored.values())
    device = device_type()
    transcribe = make(engine, work, device, window, precision)
    transcribe(clips[:WARM_UP])
    before = time.perf_counter()
    texts = transcribe(clips)
    seconds = time.perf_counter() - before
    if not all(texts) or len(texts) != len(clips):
        raise SystemExit("a clip has no text")
    return {"clips_per_second": len(clips) / seconds, "peak_mb": peak_mb(device, engine)}


def peak_mb(device: str, engine: str) -> int | None:
    """Return the peak memory of this process, or of PyTorch on the GPU; None for engines that do not use PyTorch."""
    if device != "cuda":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return None if engine in ("faster_whisper", "ctranslate2") else torch.cuda.max_memory_allocated() // 2**20


def make(engine: str, work: Path, device: str, window: str, precision: str) -> Transcriber:
    """Return a function from clips (float32, 16 kHz) to texts."""
    if engine == "ours":
        return ours(work / "model", device, window, precision)
    if engine == "pipeline":
        return stock_pipeline(work / "model", device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    if engine == "faster_whisper":
        return faster_whisper(work / "ct2", device)
    return ctranslate2_greedy(work / "model", work / "ct2", device, window)


def decoder(folder: Path, device: str, window: str, precision: str) -> transcription.Decoder:
    """Return this project's decoder, with the settings of the profile."""
    checkpoint = model.load_checkpoint(folder)
    if window == "utterance":  # decode it like a tuned model
        model.encode_at_own_length(checkpoint.model)
        checkpoint = model.Checkpoint(checkpoint.model, checkpoint.processor, window, 0.5)
    settings = params.load(ROOT / "profiles" / "whisper-base.yaml").model_dump()
    settings["transcribe"]["precision"] = precision
    if device == "cpu":
        settings["transcribe"]["batch_seconds"] = 240.0
    return transcription.prepare(checkpoint, params.Params.model_validate(settings))


def seconds_of(clips: list[np.ndarray]) -> list[float]:
    """Return the length of each clip, in seconds."""
    return [len(clip) / SAMPLE_RATE for clip in clips]


def ours(folder: Path, device: str, window: str, precision: str) -> Transcriber:
    ready = decoder(folder, device, window, precision)

    def transcribe(clips: list[np.ndarray]) -> list[str]:
        texts = [""] * len(clips)
        for batch in transcription.clip_batches(ready, seconds_of(clips)):
            hypotheses = transcription.transcribe(ready, [clips[index] for index in batch])
            for index, hypothesis in zip(batch, hypotheses, strict=True):
                texts[index] = hypothesis.text
        return texts

    return transcribe


def stock_pipeline(folder: Path, device: str, language: str = "en", dtype: torch.dtype = torch.float32) -> Transcriber:
    from transformers import pipeline

    recogniser = pipeline("automatic-speech-recognition", model=str(folder), device=device, dtype=dtype)
    options = {"language": language, "task": "transcribe", "num_beams": 1}

    def transcribe(clips: list[np.ndarray]) -> list[str]:
        inputs = [{"raw": clip, "sampling_rate": SAMPLE_RATE} for clip in clips]
        rows = recogniser(inputs, batch_size=BATCH[device], generate_kwargs=options)
        return [row["text"].strip() for row in rows]

    return transcribe


def faster_whisper(folder: Path, device: str) -> Transcriber:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    kind = {"cuda": "float16"}.get(device, "float32")
    recogniser = BatchedInferencePipeline(WhisperModel(str(folder), device=device, compute_type=kind))

    def transcribe(clips: list[np.ndarray]) -> list[str]:
        spans = []
        start = 0  # samples
        for clip in clips:
            spans.append({"start": start / SAMPLE_RATE, "end": (start + len(clip)) / SAMPLE_RATE})
            start += len(clip)
        # With a second of silence at the end, because it drops a clip that ends where the audio ends.
        audio = np.concatenate([*clips, np.zeros(SAMPLE_RATE, np.float32)])
        segments, _ = recogniser.transcribe(
            audio,
            language="en",
            beam_size=1,
            temperature=0.0,
            vad_filter=False,
            without_timestamps=True,
            clip_timestamps=spans,
            batch_size=BATCH[device],
        )
        return [segment.text.strip() for segment in segments]

    return transcribe


def ctranslate2_greedy(folder: Path, converted: Path, device: str, window: str) -> Transcriber:
    """Return CTranslate2 with the features and batches of this project."""
    import ctranslate2

    ready = decoder(folder, "cpu", "window", "fp32")
    ready.checkpoint.model.cpu()
    kind = {"cuda": "float16"}.get(device, "float32")
    engine = ctranslate2.models.Whisper(str(converted), device=device, compute_type=kind)
    network, processor = ready.checkpoint.model, ready.checkpoint.processor
    prompt, extractor = model.prompt_tokens(network, "en"), processor.feature_extractor
    shortest = 0.0 if window == "utterance" else ready.window  # seconds to which clips are padded

    def transcribe(clips: list[np.ndarray]) -> list[str]:
        texts = [""] * len(clips)
        lengths = seconds_of(clips)
        for batch in batching.batches(lengths, ready.settings.batch_seconds, shortest):
            spectrograms = [features.log_mel(extractor, clips[index], 0.5) for index in batch]
            inputs = features.batch(spectrograms, extractor, window).numpy()
            limit = transcription.token_limit(max(lengths[index] for index in batch), ready)
            results = engine.generate(
                ctranslate2.StorageView.from_array(np.ascontiguousarray(inputs)),
                [prompt] * len(batch),
                beam_size=1,
                max_length=2 * (len(prompt) + limit),  # CTranslate2 stops at half of this number
                suppress_tokens=network.generation_config.suppress_tokens or [],
            )
            tokens = [row.sequences_ids[0] for row in results]
            for index, text in zip(batch, processor.batch_decode(tokens, skip_special_tokens=True), strict=True):
                texts[index] = text.strip()
        return texts

    return transcribe


def texts_agree(checkpoint: str | None) -> dict[str, float]:
    """Return the share of the sample's clips with the same text from two engines, in float32 at the full window."""
    from stages.cutting.audio import FULL_SCALE, decode

    paths = sorted((ROOT / "data").glob("*/clips/*"))
    clips = []
    for path in tqdm(paths, unit="clip"):
        clips.append(decode(path).samples.astype(np.float32) / FULL_SCALE)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder, converted = Path(scratch, "model"), Path(scratch, "ct2")
        shutil.copytree(sources.find(checkpoint or str(ROOT / "sample" / "whisper-mini")), folder)
        (folder / model.DECODING_FILE).unlink(missing_ok=True)  # compared at the full window
        stock = stock_pipeline(folder, "cpu")(clips)
        own = ours(folder, "cpu", "window", "fp32")(clips)
        agreement = {"ours and the pipeline's": same(own, stock)}
        if installed("ctranslate2"):
            convert(folder, converted)
            other = ctranslate2_greedy(folder, converted, "cpu", "window")(clips)
            agreement["ours and CTranslate2's"] = same(own, other)
    return agreement


def same(first: list[str], second: list[str]) -> float:
    """Return the share of equal texts."""
    return np.mean(np.array(first) == np.array(second)).item()


if __name__ == "__main__":
    main()
