"""Measure how fast a model of whisper-base's size trains, with the stock recipe and with this project's.

    python -m bench.train
    python -m bench.train --json          # the last line is JSON
    python -m bench.train --compile       # with one more recipe: ours under torch.compile
    python -m bench.train --frozen        # few encoder layers are trained, also with runtime.cache_frozen
    python -m bench.train --seconds 180   # start no row after 180 s; each row is printed as soon as it is measured

Weights are random, since speed does not depend on them. Clips are noise with the lengths of children's utterances,
drawn from the histogram of so762-kids (mean 3.5 s), and from the same histogram stretched to 8 s. Every row is
measured in its own process, on the same clips. Ours trains one epoch to warm up, and is timed over the second epoch.
Stock is timed over some steps of as many clips as ours has on average. Neither evaluates or saves. With --frozen, the
top encoder layer and all decoder layers are trained, without augmentation; the speed of `ours cached` is that of five
epochs, with the time for computing what is cached. Columns:

    first s    from the start of the process to the end of the first step, with the time for computing features
    waiting %  share of the time in which the host waited for batches; the accelerator waited no longer than that
    floor %    floating-point operations of the steps (counted by PyTorch), as a share of the number that the machine's
               fastest matrix product would have computed in that time; products are timed before and after all rows
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm
from transformers import TrainerCallback

from bench import row_process
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records.paths import TUNED
from stages.records.strategies import STRATEGIES
from stages.records.units import FRAMES_PER_SECOND, SAMPLE_RATE, Seconds

ROOT = Path(__file__).parent.parent
# Durations of so762-kids' 760 utterances (real children of 6 to 12 years), in bins of half a second from 1.5 s on.
HISTOGRAM = (9, 87, 159, 193, 130, 64, 54, 25, 19, 5, 6, 5, 1, 1, 1, 0, 0, 0, 1)
FIRST_BIN: Seconds = 1.5
BIN: Seconds = 0.5
TOKENS_PER_SECOND = 2.0  # its children read 1.5 words a second
MEANS: dict[str, Seconds] = {"so762-kids": 3.5, "longer": 8.0}
DEV_CLIPS = 8  # not evaluated, but the trainer needs a dev set
STOCK_STEPS = {"cpu": (1, 2), "cuda": (3, 10), "mps": (3, 10)}  # number of steps to warm up, and of timed steps
# Number of clips, and train.batch_seconds (None: the profile's)
SIZES = {"cpu": (96, 40.0), "cuda": (2048, None), "mps": (256, 40.0)}
# Sides of the square matrices whose products are timed. Each product is repeated for MATRIX_TIME, because its speed
# varies with the processor's clock and with other processes.
MATRIX = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384), "mps": (1024, 2048, 4096)}
MATRIX_TIME: Seconds = 2.0
RECIPES = ("stock fp32", "stock bf16", "ours", "ours compiled", "ours cached")
PROCESSOR_TIME = "BENCH_PROCESSOR_TIME"  # environment variable for the processes of the rows
CACHED_EPOCHS = 5  # number of epochs over which the time for computing what is cached is spread
FLOP_CLIPS = 4  # number of clips of a stock batch whose operations are counted; all are as long as the window
HEADER = ("clips", "strategy", "recipe", "utt/s", "ratio", "clips/step", "first s", "peak MB", "waiting %", "floor %")


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, help="training clips; default: 96 on a CPU, 2048 on a GPU")
    parser.add_argument(
        "--batch-seconds", type=float, help="train.batch_seconds; default: 40 on a CPU; GPU: the profile's"
    )
    parser.add_argument("--durations", choices=MEANS, nargs="+", default=list(MEANS))
    parser.add_argument("--compile", action="store_true", help="also measure ours under torch.compile")
    parser.add_argument(
        "--frozen", action="store_true", help="train few encoder layers; also measure ours with a cache"
    )
    parser.add_argument(
        "--processor-time", action="store_true", help="measure the processor's time: on a CPU, beside other work"
    )
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, help="default: all that the hardware computes")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no row after so many seconds")
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(*arguments.row)))
        return
    if arguments.processor_time:
        os.environ[PROCESSOR_TIME] = "1"
    started = time.monotonic()
    device = device_type()
    default_clips, default_seconds = SIZES[device]
    clips = arguments.clips or default_clips
    batch_seconds = arguments.batch_seconds or default_seconds
    rates = matrix_rates(device)
    recipes = recipes_to_measure(arguments, rates)
    strategies = ["selective"] if arguments.frozen else TUNED
    rows = []
    with tqdm(total=len(arguments.durations) * len(strategies) * len(recipes), unit="row") as progress:
        for durations in arguments.durations:
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                write_workspace(Path(scratch), MEANS[durations], clips, batch_seconds, arguments.frozen)
                for strategy, recipe in itertools.product(strategies, recipes):
                    if time.monotonic() - started > arguments.seconds:
                        tqdm.write(f"{durations}, {strategy}, {recipe}: not measured, the time is up")
                        continue
                    row = {"durations": durations, "strategy": strategy, "recipe": recipe}
                    rows.append(row | in_process(strategy, recipe, Path(scratch)))
                    tqdm.write(json.dumps(rows[-1]))
                    progress.update()
    for kind, rate in matrix_rates(device).items():
        rates[kind] = max(rate, rates[kind])
    print(machine(device, rates))
    for row in rows:
        row["floor_share"] = row.pop("flop_per_second") / max(rates.values())
    table = [HEADER]
    for row in rows:
        table.append(table_row(row, rows))
    print(aligned(table, names=3))
    if "bf16" not in rates:
        print("stock bf16: not measured, this processor does not compute bfloat16")
    if arguments.json:
        print(json.dumps(summary(rows) | {"machine": machine(device, rates), "rows": rows}))


def recipes_to_measure(arguments: argparse.Namespace, rates: dict[str, float]) -> list[str]:
    """The recipes that are asked for, or all that are not optional; without those that cannot be measured.

    Parameters
    ----------
    rates : see `matrix_rates`
    """
    recipes = list(arguments.recipes or RECIPES)
    if "ours compiled" in recipes and not (arguments.recipes or arguments.compile):
        recipes.remove("ours compiled")
    if "ours cached" in recipes and not arguments.frozen:
        recipes.remove("ours cached")
    if "stock bf16" in recipes and "bf16" not in rates:
        recipes.remove("stock bf16")
    return recipes


def device_type() -> str:
    from stages.runtime import devices

    return devices.choose_device("auto").type


def machine(device: str, rates: dict[str, float]) -> str:
    """Describe the machine in one line; `rates` are FLOP/s by precision."""
    if device == "cuda":
        name = torch.cuda.get_device_name()
    else:
        name = f"{processor_name()}, {os.cpu_count()} cores"
    products = ", ".join(f"{kind} {rate / 1e12:.3g}" for kind, rate in rates.items())
    return f"{name}; PyTorch {torch.__version__}; matrix products: {products} TFLOP/s"


def processor_name() -> str:
    """Return the name of the processor from Linux's /proc/cpuinfo, or its architecture if there is no such file."""
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.is_file() else ():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def matrix_rates(device: str) -> dict[str, float]:
    """Return the highest FLOP/s of matrix products, in float32 and, if the hardware computes it, in bfloat16."""
    from stages.whisper import dtypes

    dtypes.allow_tf32("auto")
    kinds = {"fp32": torch.float32}
    if dtypes.choose_precision("auto", torch.device(device), learning=True) == "bf16":
        kinds["bf16"] = torch.bfloat16
    rates = {}
    for kind, dtype in kinds.items():
        rates[kind] = max(matrix_rate(device, dtype, side) for side in MATRIX[device])
    return rates


def matrix_rate(device: str, dtype: torch.dtype, side: int) -> float:
    """Return the highest FLOP/s of several products of two square matrices."""
    left = torch.randn(side, side, device=device, dtype=dtype)
    right = torch.randn(side, side, device=device, dtype=dtype)
    fastest = float("inf")
    until = time.perf_counter() + MATRIX_TIME
    while time.perf_counter() < until:
        synchronize(device)
        before = time.perf_counter()
        torch.nn.functional.linear(left, right)  # the second one is transposed, like a layer's weights
        synchronize(device)
        fastest = min(fastest, time.perf_counter() - before)
    return 2 * side**3 / fastest


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def write_workspace(folder: Path, mean: Seconds, clips: int, batch_seconds: float | None, frozen: bool) -> None:
    """Write a base model, clips and params.yaml, in the layout of the training stages.

    Parameters
    ----------
    frozen : train only the top encoder layer and the decoder's layers, without augmentation
    """
    from tests.support.checkpoints import base_checkpoint

    base_checkpoint(folder / "models" / "base")
    write_split(folder / "processed_data" / "train", durations(mean, clips, seed=1))
    write_split(folder / "processed_data" / "dev", durations(mean, DEV_CLIPS, seed=2))
    settings = yaml.safe_load((ROOT / "profiles" / "whisper-base.yaml").read_text())
    settings["train"]["epochs"] = 2
    if frozen:
        settings["train_selective"] |= {"encoder_layers": 1, "decoder_layers": "all"}
        settings["train"]["augment"] |= {"time_masks": 0, "frequency_masks": 0, "speeds": [1.0]}
    settings["runtime"]["processes"] = 1
    if batch_seconds:
        settings["train"]["batch_seconds"] = batch_seconds
        # The stock recipe does not split a batch either.
        settings["runtime"]["device_seconds"] = max(batch_seconds, settings["runtime"]["device_seconds"])
    if device_type() == "cpu":
        settings["runtime"]["data_workers"] = 0  # all cores are busy computing
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))


def durations(mean: Seconds, count: int, seed: int) -> np.ndarray:
    """Draw durations (seconds) from HISTOGRAM, stretched to another mean and limited to the window of 30 s."""
    generator = np.random.default_rng(seed)
    weights = np.array(HISTOGRAM) / sum(HISTOGRAM)
    starts = FIRST_BIN + BIN * np.arange(len(HISTOGRAM))
    drawn = starts[generator.choice(len(HISTOGRAM), count, p=weights)] + BIN * generator.random(count)
    return np.minimum(drawn * mean / (weights @ (starts + BIN / 2)), 30.0)


def write_split(folder: Path, lengths: np.ndarray) -> None:
    """Write clips of these lengths (seconds) to shards, with a manifest."""
    from bench.preprocess import speech_shaped
    from stages.records.shards import ShardWriter, write_manifest
    from tests.support.corpora import write_clip

    sound = speech_shaped(60.0, seed=0).astype(np.float32) / 2**15
    written = []
    with ShardWriter(folder, megabytes=256) as writer:
        for number, seconds in enumerate(lengths):
            # In the checkpoint's tokenizer, each letter is a token.
            text = "a" * max(1, round(seconds * TOKENS_PER_SECOND))
            row = {"id": f"clip{number}", "text": text, "text_raw": text, "speaker": f"s{number % 8}"}
            written.append(write_clip(writer, sound[: round(seconds * SAMPLE_RATE)], **row))
    write_manifest(folder, written)


def in_process(strategy: str, recipe: str, workspace: Path) -> dict:
    """Measure one row in its own process; returns its figures."""
    environment = row_process.environment(BENCH_STARTED=repr(time.time()))
    command = [sys.executable, "-m", "bench.train", "--row", strategy, recipe]
    process = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{recipe}, {strategy} failed:\n{process.stderr[-4000:]}")
    return json.loads(process.stdout.splitlines()[-1])


def now() -> Seconds:
    """Return the time of a clock; with --processor-time, of one that runs only while this process computes."""
    return time.process_time() if PROCESSOR_TIME in os.environ else time.perf_counter()


class Clock(TrainerCallback):
    """Time some steps of a training and the waits for batches in them; then end the training."""

    def __init__(self, device: str, warm_up: int, timed: int):
        self.device, self.warm_up, self.timed = device, warm_up, timed
        self.first = self.seconds = self.waiting = self.caching = 0.0
        self._running = False

    def watch(self, trainer) -> None:
        """Measure the time in which the trainer fetches the batches of a step."""
        fetch = trainer.get_batch_samples

        def timed_fetch(*arguments, **options):
            before = now()
            batches = fetch(*arguments, **options)
            self.waiting += now() - before if self._running else 0.0
            return batches

        trainer.get_batch_samples = timed_fetch
        trainer.add_callback(self)

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 1:
            synchronize(self.device)
            self.first = time.time() - float(os.environ["BENCH_STARTED"])
        if state.global_step == self.warm_up:
            synchronize(self.device)
            self.seconds, self._running = -now(), True
        if state.global_step == self.warm_up + self.timed:
            synchronize(self.device)
            self.seconds += now()
            self._running = False
            control.should_training_stop = True


def measure(strategy: str, recipe: str) -> dict:
    """Train in the current folder with one recipe; returns its figures."""
    from stages.common import params
    from stages.training import loop, strategies

    settings = params.load()
    device = device_type()
    if recipe.startswith("ours"):
        runtime = settings.runtime.model_copy(update={"compile": recipe.endswith("compiled")})
        settings = settings.model_copy(update={"runtime": runtime})
        tuned = strategies.make_trainable(loop.prepared_base(settings), strategy, settings)
        learning_rate = getattr(settings, STRATEGIES[strategy].stage).learning_rate
        trainer, clips, clock = ours(tuned, settings, learning_rate, device)
        if recipe.endswith("cached"):
            clock.caching = cache_frozen_layers(trainer, settings, device)
    else:
        trainer, clips, clock = stock_trainer(strategy, settings, recipe.split()[1], device)
    clock.watch(trainer)
    trainer.train()
    seconds = clock.seconds + clock.caching / CACHED_EPOCHS
    figures = {
        "utterances_per_second": clips / seconds,
        "caching_s": clock.caching,
        "clips_per_step": clips / clock.timed,
    }
    figures |= {"first_step_s": clock.first, "peak_mb": peak_memory(device)}
    figures |= {"waiting_share": clock.waiting / clock.seconds}
    if recipe.startswith("ours"):
        flop = count_flop(trainer, clock.timed)
    else:
        size = clips / clock.timed
        flop = count_flop(trainer, 1, FLOP_CLIPS) * clips / min(FLOP_CLIPS, size)
    return figures | {"flop_per_second": flop / clock.seconds, "gflop_per_clip": flop / clips / 1e9}


def ours(tuned, settings, learning_rate: float, device: str):
    """Return the trainer of this project's stages, the number of clips of its timed epoch, and its clock."""
    from stages.common.files import folder_sha256
    from stages.records import paths
    from stages.training import loop, training_data
    from stages.training.trainer import CheckpointCallback
    from stages.whisper import dtypes

    dtypes.allow_tf32(settings.train.precision)
    digests = {}
    for path in training_data.folders(settings):
        digests[path.name] = folder_sha256(path)
    folder = Path("checkpoints") / paths.BASE_FOLDER.name
    trainer = loop.make_trainer(tuned, settings, learning_rate, CheckpointCallback(folder, 1e9, evaluations=0), digests)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    trainer.args.load_best_model_at_end = False
    for callback in list(trainer.callback_handler.callbacks):
        if "EarlyStopping" in type(callback).__name__:
            trainer.remove_callback(callback)
    steps = trainer.batches.steps
    return trainer, len(trainer.batches.clips(0)), Clock(device, steps, steps)


def cache_frozen_layers(trainer, settings, device: str) -> float:
    """Compute the output of the frozen encoder layers for CACHED_EPOCHS; returns the time it takes, in seconds."""
    from stages.training import frozen_layers

    train = settings.train.model_copy(update={"epochs": CACHED_EPOCHS})
    before = now()
    frozen_layers.compute_once(trainer, settings.model_copy(update={"train": train}))
    synchronize(device)
    return now() - before


def stock_trainer(strategy: str, settings, precision: str, device: str):
    """Return the stock recipe's trainer, the number of clips of its timed steps, and its clock."""
    from bench import stock
    from stages.records import paths
    from stages.records.shards import read_manifest
    from stages.training import strategies, trainer_options
    from stages.whisper import model

    rows = read_manifest(paths.split_folder("train"))
    lengths = [round(FRAMES_PER_SECOND * (row.duration + settings.train.spare_seconds)) for row in rows]
    window = model.load_processor(paths.BASE_FOLDER).feature_extractor.nb_max_frames
    batches = trainer_options.make_batches(lengths, settings, window)
    size = round(len(rows) / batches.steps)
    warm_up, timed = STOCK_STEPS[device]
    # Only the clips of two steps are prepared, and reused: all are padded to the window, and each takes up to 20 ms.
    base, processor, tables = stock.load(settings.language, ["train"], limit=2 * size)
    trainer = stock.trainer(
        strategies.make_trainable(base, strategy, settings),
        processor,
        tables["train"],
        Path("stock"),
        seed=settings.seed,
        max_steps=warm_up + timed,
        per_device_train_batch_size=size,
        learning_rate=1e-5,
        save_strategy="no",
        bf16=precision == "bf16",
        use_cpu=device == "cpu",
    )
    return trainer, size * timed, Clock(device, warm_up, timed)


def count_flop(trainer, steps: int, clips: int | None = None) -> float:
    """Count the floating-point operations of training steps, forward and backward, with attention.

    Parameters
    ----------
    steps : number of steps
    clips : number of clips of each batch that are computed at most, since counting stores whole attention matrices
    """
    trainer.model.train()
    # With SDPBackend.MATH, attention is plain matrix products, which the counter supports on every device.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        for _, inputs in zip(range(steps), trainer.get_train_dataloader(), strict=False):
            part = {name: value[:clips] for name, value in inputs.items()} if clips else inputs
            trainer.training_step(trainer.model_wrapped, part)
            trainer.model.zero_grad()
    return counter.get_total_flops()


def peak_memory(device: str) -> float:
    """Return the peak memory of the GPU, or of this process if there is none, in MB."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def summary(rows: list[dict]) -> dict:
    """Return how many times as fast as stock ours is, by strategy; durations after the first have their own dict."""
    result: dict = {}
    for row in rows:
        if row["recipe"] != "ours":
            continue
        place = result if row["durations"] == rows[0]["durations"] else result.setdefault(row["durations"], {})
        place[row["strategy"]] = {
            "vs_stock_fp32": ratio(row, rows, "stock fp32"),
            "vs_stock_bf16": ratio(row, rows, "stock bf16"),
        }
    return result


def ratio(row: dict, rows: list[dict], recipe: str) -> float | None:
    """Return a row's speed over that of another recipe on the same clips; None if that was not measured."""
    for other in rows:
        if (other["durations"], other["strategy"], other["recipe"]) == (row["durations"], row["strategy"], recipe):
            return round(row["utterances_per_second"] / other["utterances_per_second"], 2)
    return None


def table_row(row: dict, rows: list[dict]) -> tuple[str, ...]:
    """Return the cells under HEADER; the ratio is to the first recipe of `rows`."""
    return (
        row["durations"],
        row["strategy"],
        row["recipe"],
        f"{row['utterances_per_second']:.2f}",
        f"{ratio(row, rows, rows[0]['recipe']) or 0:.2f}",
        f"{row['clips_per_step']:.1f}",
        f"{row['first_step_s']:.1f}",
        f"{row['peak_mb']:.0f}",
        f"{100 * row['waiting_share']:.1f}",
        f"{100 * row['floor_share']:.0f}",
    )


if __name__ == "__main__":
    main()
