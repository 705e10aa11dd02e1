"""How fast a model trains: the stock recipe beside this project's, on whisper-base's real shape, in one run.

    python -m bench.train
    python -m bench.train --json          # the last line is JSON
    python -m bench.train --compile       # with a further row: ours under torch.compile
    python -m bench.train --seconds 180   # no row begins after that; each row is printed when it is measured

Weights are random: speed does not depend on them. Clips are noise, as long as children's utterances: drawn from the
histogram of so762-kids (mean 3.5 s), and from the same one stretched to a mean of 8 s. Every row is a process of its
own, on the same clips. Ours trains a first epoch to warm up and is timed over the second; stock is timed over steps
of as many clips as ours has on average. Neither evaluates nor saves. Columns:

    first s    from the start of the process to the end of the first step; features are computed in between
    waiting %  of the time, in which the host waited for batches: an upper bound on how long the accelerator did
    floor %    floating-point operations of the steps (counted by PyTorch) over what the machine's fastest matrix
               product, of those tried before and after all rows, would have done in that time
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

from bench import child
from stages.common.text_table import aligned
from stages.records.paths import TUNED
from stages.records.units import FRAMES_PER_SECOND, SAMPLE_RATE, Seconds

ROOT = Path(__file__).parent.parent
# Durations of so762-kids' 760 utterances (real children of 6 to 12 years), in bins of half a second from 1.5 s on.
HISTOGRAM = (9, 87, 159, 193, 130, 64, 54, 25, 19, 5, 6, 5, 1, 1, 1, 0, 0, 0, 1)
FIRST_BIN: Seconds = 1.5
BIN: Seconds = 0.5
TOKENS_PER_SECOND = 2.0  # its children read 1.5 words a second
MEANS: dict[str, Seconds] = {"so762-kids": 3.5, "longer": 8.0}
DEV_CLIPS = 8  # not evaluated: the trainer wants a dev set
STOCK_STEPS = {"cpu": (1, 2), "cuda": (3, 10), "mps": (3, 10)}  # to warm up, timed
SIZES = {
    "cpu": (96, 40.0),
    "cuda": (2048, None),
    "mps": (256, 40.0),
}  # clips, train.batch_seconds (None: the profile's)
# Sides of the matrices whose product is the floor, and how long each is repeated: clocks and neighbours come and go.
MATRIX = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384), "mps": (1024, 2048, 4096)}
MATRIX_TIME: Seconds = 2.0
RECIPES = ("stock fp32", "stock bf16", "ours", "ours compiled")
FLOP_CLIPS = 4  # of a stock batch, all as long as the window, whose operations are counted
HEADER = ("clips", "strategy", "recipe", "utt/s", "ratio", "clips/step", "first s", "peak MB", "waiting %", "floor %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, help="training clips; default: 96 on a CPU, 2048 on a GPU")
    parser.add_argument(
        "--batch-seconds", type=float, help="train.batch_seconds; default: 40 on a CPU; GPU: the profile's"
    )
    parser.add_argument("--durations", choices=MEANS, nargs="+", default=list(MEANS))
    parser.add_argument("--compile", action="store_true", help="also measure ours under torch.compile")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, help="default: all that the hardware computes")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further row after so many")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(*arguments.row)))
        return
    started = time.monotonic()
    device = device_type()
    clips, batch_seconds = (
        given or usual for given, usual in zip((arguments.clips, arguments.batch_seconds), SIZES[device], strict=True)
    )
    rates = matrix_rates(device)
    recipes = arguments.recipes or [name for name in RECIPES if name != "ours compiled" or arguments.compile]
    recipes = [name for name in recipes if name != "stock bf16" or "bf16" in rates]
    rows = []
    with tqdm(total=len(arguments.durations) * len(TUNED) * len(recipes), unit="row") as progress:
        for durations in arguments.durations:
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                write_workspace(Path(scratch), MEANS[durations], clips, batch_seconds)
                for strategy, recipe in itertools.product(TUNED, recipes):
                    if time.monotonic() - started > arguments.seconds:
                        tqdm.write(f"{durations}, {strategy}, {recipe}: not measured, the time is up")
                        continue
                    row = {"durations": durations, "strategy": strategy, "recipe": recipe}
                    rows.append(row | in_process(strategy, recipe, Path(scratch)))
                    tqdm.write(json.dumps(rows[-1]))
                    progress.update()
    rates = {kind: max(rate, rates[kind]) for kind, rate in matrix_rates(device).items()}
    print(machine(device, rates))
    for row in rows:
        row["floor_share"] = row.pop("flop_per_second") / max(rates.values())
    print(aligned([HEADER, *(told(row, rows) for row in rows)], names=3))
    if "bf16" not in rates:
        print("stock bf16: left out, this processor does not compute bfloat16")
    if arguments.json:
        print(json.dumps(summary(rows) | {"machine": machine(device, rates), "rows": rows}))


def device_type() -> str:
    from stages.runtime import devices

    return devices.choose_device("auto").type


def machine(device: str, rates: dict[str, float]) -> str:
    if device == "cuda":
        name = torch.cuda.get_device_name()
    else:
        models = [line for line in cpu_info() if line.startswith("model name")]
        name = f"{models[0].split(':')[1].strip() if models else platform.machine()}, {os.cpu_count()} cores"
    products = ", ".join(f"{kind} {rate / 1e12:.3g}" for kind, rate in rates.items())
    return f"{name}; PyTorch {torch.__version__}; matrix products: {products} TFLOP/s"


def cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def matrix_rates(device: str) -> dict[str, float]:
    """FLOP/s of matrix products, the best seen: in float32, and in bfloat16 where the hardware computes it."""
    from stages.whisper import dtypes

    dtypes.allow_tf32("auto")
    kinds = {"fp32": torch.float32}
    if dtypes.choose_precision("auto", torch.device(device), learning=True) == "bf16":
        kinds["bf16"] = torch.bfloat16
    return {kind: max(matrix_rate(device, dtype, side) for side in MATRIX[device]) for kind, dtype in kinds.items()}


def matrix_rate(device: str, dtype: torch.dtype, side: int) -> float:
    """FLOP/s of the product of two square matrices, the best of several."""
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    fastest = float("inf")
    until = time.perf_counter() + MATRIX_TIME
    while time.perf_counter() < until:
        synchronize(device)
        before = time.perf_counter()
        torch.nn.functional.linear(left, right)  # the second transposed, as a layer's weights are
        synchronize(device)
        fastest = min(fastest, time.perf_counter() - before)
    return 2 * side**3 / fastest


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def write_workspace(folder: Path, mean: Seconds, clips: int, batch_seconds: float | None) -> None:
    """A base model, clips and params.yaml, as the training stages find them."""
    from tests.support.checkpoints import base_checkpoint

    base_checkpoint(folder / "models" / "base")
    write_split(folder / "processed_data" / "train", durations(mean, clips, seed=1))
    write_split(folder / "processed_data" / "dev", durations(mean, DEV_CLIPS, seed=2))
    settings = yaml.safe_load((ROOT / "profiles" / "whisper-base.yaml").read_text())
    settings["train"]["epochs"] = 2
    settings["runtime"]["processes"] = 1
    if batch_seconds:
        settings["train"]["batch_seconds"] = batch_seconds
        # Stock takes the batch whole as well.
        settings["runtime"]["device_seconds"] = max(batch_seconds, settings["runtime"]["device_seconds"])
    if device_type() == "cpu":
        settings["runtime"]["data_workers"] = 0  # all cores compute already
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))


def durations(mean: Seconds, count: int, seed: int) -> np.ndarray:
    """Draw durations from the histogram, stretched to another mean; none is longer than the window."""
    generator = np.random.default_rng(seed)
    weights = np.array(HISTOGRAM) / sum(HISTOGRAM)
    starts = FIRST_BIN + BIN * np.arange(len(HISTOGRAM))
    drawn = starts[generator.choice(len(HISTOGRAM), count, p=weights)] + BIN * generator.random(count)
    return np.minimum(drawn * mean / (weights @ (starts + BIN / 2)), 30.0)


def write_split(folder: Path, lengths: np.ndarray) -> None:
    from bench.preprocess import speech_shaped
    from stages.records.shards import ShardWriter, write_manifest
    from tests.support.corpora import write_clip

    sound = speech_shaped(60.0, seed=0).astype(np.float32) / 2**15
    written = []
    with ShardWriter(folder, megabytes=256) as writer:
        for number, seconds in enumerate(lengths):
            # The checkpoint's tokenizer knows no word: a letter is a token.
            text = "a" * max(1, round(seconds * TOKENS_PER_SECOND))
            row = {"id": f"clip{number}", "text": text, "text_raw": text, "speaker": f"s{number % 8}"}
            written.append(write_clip(writer, sound[: round(seconds * SAMPLE_RATE)], **row))
    write_manifest(folder, written)


def in_process(strategy: str, recipe: str, workspace: Path) -> dict:
    environment = child.environment(BENCH_STARTED=repr(time.time()))
    command = [sys.executable, "-m", "bench.train", "--row", strategy, recipe]
    done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{recipe}, {strategy} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Clock(TrainerCallback):
    """Times some steps of a training and ends it; counts how long the host waits for batches in them."""

    def __init__(self, device: str, warm_up: int, timed: int):
        self.device, self.warm_up, self.timed = device, warm_up, timed
        self.first = self.seconds = self.waiting = 0.0
        self._running = False

    def watch(self, trainer) -> None:
        """Add to `waiting` whenever the trainer fetches the batches of a step."""
        fetch = trainer.get_batch_samples

        def timed_fetch(*arguments, **options):
            before = time.perf_counter()
            batches = fetch(*arguments, **options)
            self.waiting += time.perf_counter() - before if self._running else 0.0
            return batches

        trainer.get_batch_samples = timed_fetch
        trainer.add_callback(self)

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 1:
            synchronize(self.device)
            self.first = time.time() - float(os.environ["BENCH_STARTED"])
        if state.global_step == self.warm_up:
            synchronize(self.device)
            self.seconds, self._running = -time.perf_counter(), True
        if state.global_step == self.warm_up + self.timed:
            synchronize(self.device)
            self.seconds += time.perf_counter()
            self._running = False
            control.should_training_stop = True


def measure(strategy: str, recipe: str) -> dict:
    """Train in the current folder by one recipe; returns its figures."""
    from stages.common import params
    from stages.training import loop, strategies

    settings = params.load()
    device = device_type()
    if recipe.startswith("ours"):
        runtime = settings.runtime.model_copy(update={"compile": recipe.endswith("compiled")})
        settings = settings.model_copy(update={"runtime": runtime})
        tuned = strategies.make_trainable(loop.prepared_base(settings), strategy, settings)
        learning_rate = getattr(settings, f"train_{strategy}").learning_rate
        trainer, clips, clock = ours(tuned, settings, learning_rate, device)
    else:
        trainer, clips, clock = stock_trainer(strategy, settings, recipe.split()[1], device)
    clock.watch(trainer)
    trainer.train()
    figures = {"utterances_per_second": clips / clock.seconds, "clips_per_step": clips / clock.timed}
    figures |= {"first_step_s": clock.first, "peak_mb": peak_memory(device)}
    figures |= {"waiting_share": clock.waiting / clock.seconds}
    if recipe.startswith("ours"):
        flop = count_flop(trainer, clock.timed)
    else:
        size = clips / clock.timed
        flop = count_flop(trainer, 1, FLOP_CLIPS) * clips / min(FLOP_CLIPS, size)
    return figures | {"flop_per_second": flop / clock.seconds, "gflop_per_clip": flop / clips / 1e9}


def ours(tuned, settings, learning_rate: float, device: str):
    """This project's trainer as the stages set it up, the clips of its timed epoch, and its clock."""
    from stages.common.files import folder_sha256
    from stages.records import paths
    from stages.training import loop
    from stages.training.trainer import CheckpointCallback
    from stages.whisper import dtypes

    dtypes.allow_tf32(settings.train.precision)
    digests = {name: folder_sha256(paths.split_folder(name)) for name in paths.TRAINING_SPLITS}
    folder = Path("checkpoints") / paths.BASE_FOLDER.name
    trainer = loop.make_trainer(tuned, settings, learning_rate, CheckpointCallback(folder, 1e9, evaluations=0), digests)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    trainer.args.load_best_model_at_end = False
    trainer.callback_handler.callbacks = [
        callback for callback in trainer.callback_handler.callbacks if "EarlyStopping" not in type(callback).__name__
    ]
    steps = trainer.batches.steps
    return trainer, len(trainer.train_dataset), Clock(device, steps, steps)


def stock_trainer(strategy: str, settings, precision: str, device: str):
    """The stock recipe's trainer, the clips of its timed steps, and its clock."""
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
    # Clips of two steps, again and again: all are as long as the window, and preparing one takes up to 20 ms.
    base, processor, tables = stock.load(settings.language, ["train"], most=2 * size)
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
    """Floating-point operations of so many training steps, forward and backward; counted, attention included.

    `clips` bounds how many of a batch are computed: counting takes memory for whole attention matrices.
    """
    trainer.model.train()
    # Attention as plain matrix products, which the counter knows on every device.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        for _, inputs in zip(range(steps), trainer.get_train_dataloader(), strict=False):
            part = {name: value[:clips] for name, value in inputs.items()} if clips else inputs
            trainer.training_step(trainer.model_wrapped, part)
            trainer.model.zero_grad()
    return counter.get_total_flops()


def peak_memory(device: str) -> float:
    """MB: of the GPU, else of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def summary(rows: list[dict]) -> dict:
    """How many times faster ours is than stock, by strategy: of the first durations at the top, of others by name."""
    result: dict = {}
    for row in rows:
        if row["recipe"] != "ours":
            continue
        place = result if row["durations"] == rows[0]["durations"] else result.setdefault(row["durations"], {})
        place[row["strategy"]] = {
            f"vs_stock_{precision}": ratio(row, rows, f"stock {precision}") for precision in ("fp32", "bf16")
        }
    return result


def ratio(row: dict, rows: list[dict], recipe: str) -> float | None:
    """A row's speed over that of another recipe on the same clips; None where that was not measured."""
    same = ("durations", "strategy")
    for other in rows:
        if other["recipe"] == recipe and all(other[key] == row[key] for key in same):
            return round(row["utterances_per_second"] / other["utterances_per_second"], 2)
    return None


def told(row: dict, rows: list[dict]) -> tuple[str, ...]:
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
