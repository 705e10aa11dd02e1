"""Train on the sample many times, for bench/parity.py and bench/augmentation.py.

Each run is a process with one thread and its own folder, where it writes result.json. A bench that was stopped resumes
with the missing runs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

from bench import row_process

ROOT = Path(__file__).parent.parent
RESULT = "result.json"
RESAMPLINGS = 10_000


@dataclass(frozen=True)
class Run:
    """One training and its transcripts of the test set."""

    recipe: str  # "ours" or "stock"
    strategy: str  # a name in stages/records/strategies.py
    seed: int
    changes: tuple[tuple[str, object], ...] = ()  # (key, value) of the parameters that differ from params.yaml

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        words = [self.recipe, self.strategy]
        for key, value in self.changes:
            words.append(f"{key.rpartition('.')[2]}={value}")
        words.append(str(self.seed))
        return "-".join(words).replace(" ", "").replace("/", "")


def carry_out(runs: list[Run], work: Path, jobs: int) -> dict[Run, dict]:
    """Carry out the runs that have no result yet, `jobs` at a time; returns the results of all.

    A result has the speaker of every test clip and, for each way of decoding, its numbers of word errors and reference
    words. The ways are "own" (as the model was trained) and "window" (at the full window).
    """
    prepare(work)
    waiting = [run for run in runs if not (work / run.name / RESULT).is_file()]
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(waiting), unit="run") as progress:
        for _ in pool.map(lambda run: start(run, work), waiting):
            progress.update()
    results = {}
    for run in runs:
        results[run] = json.loads((work / run.name / RESULT).read_text())
    return results


def prepare(work: Path) -> None:
    """Cut the sample's clips and copy its base model, once."""
    if (work / "prepared" / "models" / "base").is_dir():
        return
    shutil.rmtree(work / "prepared", ignore_errors=True)
    (work / "prepared").mkdir(parents=True)
    for name in ("data", "sample", "params.yaml", "dvc.yaml"):
        os.symlink(ROOT / name, work / "prepared" / name)
    for stage in ("preprocess", "fetch_base"):
        call(["-m", f"stages.{stage}"], work / "prepared")


def start(run: Run, work: Path) -> None:
    """Carry out one run in its own process."""
    folder = work / run.name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    os.symlink(work.resolve() / "prepared" / "processed_data", folder / "processed_data")
    os.symlink(work.resolve() / "prepared" / "models" / "base", folder / "models" / "base")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["seed"] = run.seed
    settings["runtime"]["device"] = "cpu"
    for key, value in run.changes:
        *path, last = key.split(".")
        section = settings
        for part in path:
            section = section[part]
        section[last] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))
    call(["-m", "bench.sample_runs", "--run", json.dumps(asdict(run))], folder)


def call(arguments: list[str], folder: Path) -> None:
    """Run Python in a folder, on one thread of the CPU; its output is written to log.txt."""
    environment = row_process.environment(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
    process = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    (folder / "log.txt").write_text(process.stdout + process.stderr)
    if process.returncode:
        raise SystemExit(f"{folder} failed:\n{process.stderr[-2000:]}")


def train_and_transcribe(run: Run) -> dict:
    """Train in the current folder, and decode the test set as the model was trained and at the full window."""
    from stages.common import params
    from stages.records import paths
    from stages.records.strategies import STRATEGIES
    from stages.runtime import cost, devices
    from stages.training import loop

    settings = params.load()
    stage = STRATEGIES[run.strategy].stage
    if run.recipe == "ours":
        loop.run(run.strategy, settings)
    else:
        with cost.measured(stage, devices.choose_device(settings.runtime.device)):
            train_stock(settings, run.strategy)
    seconds = json.loads(Path("metrics/cost.json").read_text())[stage]["seconds"]
    return {"seconds": seconds} | transcribed(settings, paths.MODELS[run.strategy])


def train_stock(settings, strategy: str) -> None:
    """Train with the stock recipe; epochs, learning rates, choice on dev and mean clips per batch are those of ours."""
    import math

    from transformers import EarlyStoppingCallback, set_seed

    from bench import stock
    from stages.records import paths
    from stages.records.shards import read_manifest
    from stages.records.strategies import STRATEGIES
    from stages.training import loop, strategies, trainer_options
    from stages.whisper import model

    set_seed(settings.seed)
    base, processor, tables = stock.load(settings.language, ["train", "dev"])
    seconds = len(tables["train"]) * settings.train.spare_seconds
    for clip in read_manifest(paths.split_folder("train")):
        seconds += clip.duration
    batch_size = round(settings.train.batch_seconds * len(tables["train"]) / seconds)
    steps = math.ceil(len(tables["train"]) / batch_size)
    tuned = strategies.make_trainable(base, strategy, settings)
    longest = 2 * max(map(len, tables["dev"]["labels"]))
    trainer = stock.trainer(
        tuned,
        processor,
        tables["train"],
        Path("stock"),
        eval_dataset=tables["dev"],
        compute_metrics=loop.word_error_rate(processor, settings.language),
        callbacks=[EarlyStoppingCallback(settings.train.patience)],
        seed=settings.seed,
        num_train_epochs=settings.train.epochs,
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=32,
        learning_rate=getattr(settings, STRATEGIES[strategy].stage).learning_rate,
        lr_scheduler_type=trainer_options.SCHEDULES[settings.train.schedule],
        warmup_steps=round(settings.train.warmup_share * steps * settings.train.epochs),
        weight_decay=settings.train.weight_decay,
        max_grad_norm=settings.train.max_grad_norm,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="wer",
        greater_is_better=False,
        predict_with_generate=True,
        generation_max_length=longest,
        use_cpu=True,
    )
    trainer.train()
    model.save_tuned(tuned, paths.MODELS[strategy], "window", 0.0)
    shutil.rmtree("stock")


def transcribed(settings, folder: Path) -> dict:
    """Decode the test clips in both ways; returns their speakers, errors and words, see `carry_out`."""
    from dataclasses import replace

    from stages.decoding import splits, transcription
    from stages.records import paths
    from stages.records.shards import read_manifest
    from stages.wer import error_counts, normalisers
    from stages.whisper import model

    trained_as = model.load_checkpoint(folder)
    test = paths.split_folder("test")
    clips = read_manifest(test)
    results = {"speakers": [clip.speaker for clip in clips]}
    normalise = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    # At the full window, encode_at_own_length changes nothing: these are the texts of a stock pipeline.
    for name, checkpoint in {"own": trained_as, "window": replace(trained_as, audio_context="window")}.items():
        decoder = transcription.prepare(checkpoint, settings)
        hypotheses = {}
        for transcripts in splits.transcribe_split(decoder, test, clips):
            for transcript in transcripts:
                hypotheses[transcript.id] = transcript.hypothesis
        errors, words = [], []
        for clip in clips:
            counts = error_counts.count_errors([clip.text], [hypotheses[clip.id]], normalise)
            errors.append(counts.substitutions + counts.deletions + counts.insertions)
            words.append(counts.words)
        results[name] = {"errors": errors, "words": words}
    return results


def compare(baseline: list[dict], results: list[dict], decoded: tuple[str, str]) -> dict:
    """Return the WER of each result, and the difference of their mean from the baseline's, with its interval.

    Parameters
    ----------
    baseline, results : paired by seed
    decoded : "own" or "window", for baseline and results
    """
    return {"wer": wer(results, decoded[1]), "difference": difference(baseline, results, decoded)}


def cells(comparison: dict, is_baseline: bool) -> list[str]:
    """Return the cells WER by seed, mean, difference and interval; the last two are empty for the baseline."""
    rates = comparison["wer"]
    row = [" ".join(map("{:.2f}".format, rates)), f"{np.mean(rates):.2f}"]
    if is_baseline:
        return [*row, "", ""]
    mean, low, high = comparison["difference"]
    return [*row, f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}"]


def wer(results: list[dict], decoded: str) -> list[float]:
    """Return the test WER of each run, per cent; `decoded` is "own" or "window"."""
    return [100 * sum(result[decoded]["errors"]) / sum(result[decoded]["words"]) for result in results]


def difference(first: list[dict], second: list[dict], decoded: tuple[str, str]) -> list[float]:
    """Return the mean difference in WER (points), second minus first, and the ends of its 95 % interval.

    The bootstrap resamples test speakers and seeds: the interval is for other speakers and for other trainings.

    Parameters
    ----------
    first, second : results, paired by seed
    decoded : "own" or "window", for first and second
    """
    speakers = np.array(first[0]["speakers"])
    names = np.unique(speakers)
    words = np.array(first[0][decoded[0]]["words"])
    per_speaker_words = np.array([words[speakers == name].sum() for name in names])
    changes = []
    for before, after in zip(first, second, strict=True):
        changes.append(np.array(after[decoded[1]]["errors"]) - np.array(before[decoded[0]]["errors"]))
    changes = np.array(changes)  # (seeds, clips)
    per_speaker = np.stack([changes[:, speakers == name].sum(axis=1) for name in names], axis=1)  # (seeds, speakers)
    generator = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLINGS):
        seeds = generator.integers(len(changes), size=len(changes))
        chosen = generator.integers(len(names), size=len(names))
        means.append(100 * per_speaker[seeds][:, chosen].sum(axis=1).mean() / per_speaker_words[chosen].sum())
    mean = 100 * per_speaker.sum() / len(changes) / per_speaker_words.sum()
    return [mean, *np.percentile(means, [2.5, 97.5])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    values = json.loads(parser.parse_args().run)
    values["changes"] = tuple(map(tuple, values["changes"]))
    Path(RESULT).write_text(json.dumps(train_and_transcribe(Run(**values))))
