"""Measure what grows with the number of clips, from 10 thousand to a million, without audio.

    python -m bench.scale                     # on an idle machine a quarter of an hour; 3 GB of memory, 1 GB of disk
    python -m bench.scale --rows 10000 --json

A row of a manifest is a clip of 3.6 s: 10 thousand are 10 hours, 100 thousand 100 hours, a million a thousand hours.

manifest: reading manifest.jsonl.
training: making the batches of an epoch; decoding: those of transcription.
align: reading the transcripts of three models and aligning them with the references. figures, slices: the contents of
scores.json (with significance) and of slices.json. report: figures, tables and examples of the page, without sound.
doctor: the checks of data/, with a small file a clip.
dvc: `dvc add` of shards of 4 MB, with 40 kB a clip; one clip of 3.6 s is 70 kB.

Every step runs in a process of its own, except that figures, slices and report come after align. The columns are the
processor's seconds, those per 1000 clips, the peak memory of the process, and the exponent of growth from the row
above: 1 is linear.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench import row_process
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records import paths, shards
from stages.records.shards import Clip
from stages.records.transcripts import Transcript, write_transcripts
from stages.records.units import Seconds

ROOT = Path(__file__).parent.parent
ROWS = (10_000, 100_000, 1_000_000)
# Of each step: what it measures, and the most clips that it is measured with.
STEPS = {
    "manifest": (("manifest",), 1_000_000),
    "training": (("training",), 1_000_000),
    "decoding": (("decoding",), 1_000_000),
    "scores": (("align", "figures", "slices", "report"), 100_000),
    "doctor": (("doctor",), 100_000),
    "dvc": (("dvc",), 100_000),
}
CLIPS_A_SPEAKER = 100
WRONG_SHARE = 0.3  # of the hypotheses
WORDS = "the little dog has a big red ball and we call it there after school when my mother comes home".split()
SHARD_CLIPS, CLIP_BYTES = 100, 40_000
HEADER = ("step", "clips", "seconds", "s / 1000 clips", "peak MB", "exponent")


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="numbers of clips")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    parser.add_argument("--measure", choices=STEPS, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.measure:
        return print(json.dumps(list(measurements(arguments.measure, arguments.rows[0]))))
    table = []
    for step in arguments.steps:
        table += step_rows(step, sorted(arguments.rows))
    cells = [tuple(str(row[name]) for name in HEADER) for row in table]
    print(aligned([HEADER, *cells], names=1))
    if arguments.json:
        print(json.dumps(table))


def step_rows(step: str, sizes: list[int]) -> list[dict]:
    """The table's rows of one step, by the names of HEADER."""
    names, largest = STEPS[step]
    rows = []
    for size in sizes:
        if size > largest:
            continue
        for name, seconds, memory in measured(step, size):
            rows.append({"step": name, "clips": size, "seconds": round(seconds, 2), "peak MB": memory})
    rows.sort(key=lambda row: (names.index(row["step"]), row["clips"]))
    previous: dict = {}
    for row in rows:
        row["s / 1000 clips"] = round(1000 * row["seconds"] / row["clips"], 4)
        row["exponent"] = "-"
        if previous.get("step") == row["step"] and previous["seconds"]:
            row["exponent"] = round(
                math.log(row["seconds"] / previous["seconds"]) / math.log(row["clips"] / previous["clips"]), 2
            )
        previous = row
    return rows


def measured(step: str, size: int) -> list[tuple[str, Seconds, int]]:
    """Run a step on so many clips in a process of its own; returns name, processor seconds and peak MB of each part."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        write_inputs(Path(scratch), step, size)
        command = [sys.executable, "-m", "bench.scale", "--measure", step, "--rows", str(size)]
        environment = row_process.environment(OMP_NUM_THREADS="1")
        run = subprocess.run(command, cwd=scratch, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def measurements(step: str, size: int) -> Iterator[tuple[str, Seconds, int]]:
    """Yield the name, the processor seconds and the peak MB of each part of a step, in the current folder."""
    start = processor_seconds()
    for name in MEASURE[step](size):
        if name:  # else only what is needed for the measurement was imported or read
            memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            yield name, processor_seconds() - start, memory // 1024
        start = processor_seconds()


def processor_seconds() -> Seconds:
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + times.ru_utime + times.ru_stime


def write_inputs(folder: Path, step: str, size: int) -> None:
    """Write what a step reads, a line at a time, so that this process stays small."""
    if step == "doctor":
        for split in ("train", "test"):
            (folder / "data" / split).mkdir(parents=True)
            (folder / "data" / split / "metadata.csv").write_text("file_name,text\n")
        for number in range(size):
            (folder / "data" / "train" / f"{number}.wav").write_bytes(b"RIFF")
        return
    if step == "dvc":
        generator = random.Random(1)  # noqa: S311
        (folder / "shards").mkdir()
        for number in range(size // SHARD_CLIPS):
            (folder / "shards" / f"{number:05d}.tar").write_bytes(generator.randbytes(SHARD_CLIPS * CLIP_BYTES))
        return
    split = folder / paths.split_folder("test")
    split.mkdir(parents=True)
    shards.write_lines(split / shards.MANIFEST, (asdict(clip(number)) for number in range(size)))
    if step == "scores":
        for model in paths.MODELS:
            write_transcripts(folder / paths.TRANSCRIPTS / f"{model}.jsonl", transcripts(model, size))


def clip(number: int) -> Clip:
    """Clip `number`: of 0.5 to 10 s, with three words a second."""
    generator = random.Random(number)  # noqa: S311
    duration = round(min(10.0, 0.5 + generator.expovariate(1 / 3.1)), 4)
    text = " ".join(generator.choices(WORDS, k=max(1, round(2 * duration))))
    speaker = number // CLIPS_A_SPEAKER
    return Clip(
        id=f"speaker{speaker}-{number:08d}",
        text=text,
        text_raw=text,
        speaker=f"speaker{speaker}",
        age=str(5 + speaker % 10),
        age_months=12 * (5 + speaker % 10),
        gender="f" if speaker % 2 else "m",
        format="table",
        source=f"test/{speaker}.wav",
        source_rate=16_000,
        start=None,
        end=None,
        flags=[],
        duration=duration,
        shard=f"shard-{number // 1000:05d}.tar",
        offset=70_000 * (number % 1000),
        size=70_000,
    )


def transcripts(model: str, size: int) -> Iterator[Transcript]:
    generator = random.Random(model)  # noqa: S311
    for number in range(size):
        row = clip(number)
        hypothesis = row.text
        if generator.random() < WRONG_SHARE:
            words = row.text.split()
            words[generator.randrange(len(words))] = generator.choice(WORDS)
            hypothesis = " ".join(words)
        yield Transcript("test", row.id, row.text, hypothesis, -0.5, 1.0)


def measure_manifest(size: int) -> Iterator[str]:
    yield ""
    check(len(shards.read_manifest(paths.split_folder("test"))) == size)
    yield "manifest"


def measure_training(size: int) -> Iterator[str]:
    from stages.training.batching import Batches

    lengths = [round(100 * row.duration) for row in shards.read_manifest(paths.split_folder("test"))]
    yield ""
    batches = Batches(lengths, 3000, 32_000, 0.1, [0.9, 1.0, 1.1], seed=1)
    batches.epoch = 1
    check(sum(len(part) for part in batches) == size)
    yield "training"


def measure_decoding(size: int) -> Iterator[str]:
    from stages.decoding import batching

    durations = [row.duration for row in shards.read_manifest(paths.split_folder("test"))]
    yield ""
    check(sum(map(len, batching.batches(durations, 600.0, 0.0))) == size)
    yield "decoding"


def measure_scores(size: int) -> Iterator[str]:
    from stages.results import figures, findings, page, summary
    from stages.scores import scoreboard, slicing
    from stages.wer import normalisers

    settings = params.load(ROOT / "params.yaml")
    rules = normalisers.load(ROOT / "sample" / "whisper-mini", "en")
    yield ""
    results = scoreboard.read_results(rules["whisper"])
    yield "align"
    content = scoreboard.figures(results, rules)
    yield "figures"
    slices = slicing.slices(results)
    yield "slices"
    curves: dict = {model: [] for model in paths.TUNED}
    for figure in figures.draw_all(content, slices, curves, results).values():
        figures.svg(figure)
    options = settings.report.model_copy(update={"audio": False})
    page.tables(content, slices, {})
    page.shown_examples(results, content, options, rules["whisper"])
    findings.findings(content, slices, {}, True)
    summary.markdown(content, slices)
    check(content["base"]["test"]["utterances"] == size)
    yield "report"


def measure_doctor(size: int) -> Iterator[str]:
    from tools.doctor import corpus

    settings = params.load(ROOT / "params.yaml")
    yield ""
    check(any(f"{size + 2} files" in finding.text for finding in corpus.findings(settings)))
    yield "doctor"


def measure_dvc(size: int) -> Iterator[str]:
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], check=True)
    yield ""
    subprocess.run([*dvc, "add", "--no-commit", "-q", "shards"], check=True)
    check(Path("shards.dvc").is_file())
    yield "dvc"


MEASURE = {
    "manifest": measure_manifest,
    "training": measure_training,
    "decoding": measure_decoding,
    "scores": measure_scores,
    "doctor": measure_doctor,
    "dvc": measure_dvc,
}


def check(is_right: bool) -> None:
    """Stop if a step did not do what is to be measured."""
    if not is_right:
        raise SystemExit("bench.scale: a step did not do its work, so its time means nothing")


if __name__ == "__main__":
    main()
