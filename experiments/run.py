"""Queue experiments, run them and wait for them: ... | python -m experiments.run [--jobs N]

Reads lines of a name and overrides of params.yaml, as `dvc exp run --name NAME -S OVERRIDE ...` takes them:

    rank-8 train_lora.rank=8 train_lora.alpha=16

All of them are checked before the first is queued. What is done already, is queued or runs is not queued again, so
that a recipe that was killed goes on with what is missing; what failed is tried again.
"""

import argparse
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
from dvc.exceptions import DvcException
from dvc.utils.hydra import apply_overrides

from experiments.shown import DONE, FAILED, RUNNING, Experiment, dvc, experiments, flat
from stages.common import params
from stages.common.errors import UserError, exit_on_user_error

POLL_SECONDS = 10.0  # a poll costs a second or two of processor
RESTART = 3  # polls without a worker, before it is started anew
PATIENCE = 12  # and before the queue is given up


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.environ.get("JOBS", "1"), help="experiments side by side")
    arguments = parser.parse_args()
    wanted = read(sys.stdin)
    settings = {name: checked(name, overrides) for name, overrides in wanted.items()}
    missing = not_yet(settings, settled())
    print(f"{len(wanted)} experiments, {len(wanted) - len(missing)} of them done, running or queued", flush=True)
    for name in missing:
        queue(name, wanted[name])
    wait(set(wanted), arguments.jobs)


def read(lines: Iterable[str]) -> dict[str, list[str]]:
    """The overrides of each experiment by its name; empty lines and comments are skipped."""
    wanted: dict[str, list[str]] = {}
    for line in lines:
        name, *overrides = shlex.split(line, comments=True) or [""]
        if name in wanted:
            raise UserError(f"two experiments are called {name}; name them apart")
        if name:
            wanted[name] = overrides
    if not wanted:
        raise UserError("no experiment is named on the standard input; see python -m experiments.run --help")
    return wanted


def checked(name: str, overrides: list[str]) -> params.Params:
    """params.yaml as it is going to be in the experiment; UserError where it would be refused there."""
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copyfile(params.PARAMS_FILE, Path(folder) / params.PARAMS_FILE)
        try:
            apply_overrides(path, overrides)  # what dvc exp run -S does
            return params.load(path)
        except DvcException as error:
            why = str(error.__cause__).splitlines()[0]  # the second line says how to add the key all the same
            raise UserError(
                f"experiment {name}: {why.rstrip('.')}; mend it, {params.PARAMS_FILE} has the keys"
            ) from None
        except UserError as error:
            told = " ".join(str(error).replace(str(path), str(params.PARAMS_FILE)).split())
            raise UserError(f"experiment {name}: {told}") from None


def not_yet(settings: dict[str, params.Params], known: list[Experiment]) -> list[str]:
    """The names of those to be queued; what failed of them leaves the queue.

    Raises
    ------
    UserError
        One of that name exists with other parameters.
    """
    missing = []
    for name, chosen in settings.items():
        same = [experiment for experiment in known if experiment.name == name]
        kept = [experiment for experiment in same if experiment.state != FAILED and not is_dead(experiment)]
        for experiment in kept:
            check_same(name, chosen, experiment)
        for experiment in same:
            if experiment not in kept:
                remove(experiment)
        if not kept:
            missing.append(name)
    return missing


def check_same(name: str, chosen: params.Params, found: Experiment) -> None:
    """Refuse an experiment of the same name that is another one."""
    before, after = (flat(values) for values in (found.params, chosen.model_dump()))
    other = sorted(key for key in before | after if before.get(key) != after.get(key))
    other = [key for key in other if not key.startswith("runtime.")]
    if other:
        told = ", ".join(f"{key} {before.get(key)!r}, now {after.get(key)!r}" for key in other[:3])
        verb = "exp" if found.state == DONE else "queue"
        raise UserError(f"experiment {name} exists with other parameters ({told}); remove it: dvc {verb} remove {name}")


def queue(name: str, overrides: list[str]) -> None:
    """Put an experiment at the end of dvc's queue."""
    options = [part for override in overrides for part in ("--set-param", override)]
    print(f"dvc exp run --queue --name {name} {shlex.join(options).replace('--set-param', '-S')}", flush=True)
    dvc("exp", "run", "--queue", "--name", name, *options)


def remove(experiment: Experiment) -> None:
    """Take a failed or dead experiment out of the queue."""
    if experiment.state == RUNNING:
        dvc("queue", "kill", "--force", experiment.name)  # dvc calls it running until told
    dvc("queue", "remove", experiment.name)


def is_dead(experiment: Experiment) -> bool:
    """Whether its process ended without telling dvc: the machine went down, or somebody killed it."""
    if experiment.state != RUNNING or experiment.process is None:
        return False
    try:
        return psutil.Process(experiment.process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def settled() -> list[Experiment]:
    """All experiments; dvc takes a moment to see that a process has ended, and is given it."""
    known = experiments()
    if any(map(is_dead, known)):
        time.sleep(2 * POLL_SECONDS)
        known = experiments()
    return known


def wait(names: set[str], jobs: int) -> None:
    """Keep the queue going until all are done.

    Raises
    ------
    UserError
        Names those that failed, or that the queue does not run, and what to read.
    """
    before: dict[str, str] | None = None
    unattended = 0  # polls in a row without a worker
    while unattended <= PATIENCE:
        waiting, workers = in_queue()
        waiting = {name: state for name, state in waiting.items() if name in names}
        if not waiting:
            break
        unattended = 0 if workers else unattended + 1
        # Workers end when the queue is empty, and miss what joins it just then (dvc#10562). One that is busy may answer
        # late: it is not given a second one at once.
        if before is None or unattended % RESTART == RESTART - 1:
            dvc("queue", "start", "--jobs", str(jobs))
        if waiting != before:
            tell(waiting, len(names))
        before = waiting
        time.sleep(POLL_SECONDS)
    done = {experiment.name for experiment in experiments() if experiment.state == DONE}
    if missing := sorted(names - done):
        logs = "".join(f"\n  dvc queue logs {name}" for name in missing)
        raise UserError(f"{len(missing)} of {len(names)} experiments are not done; what they said:{logs}")


def in_queue() -> tuple[dict[str, str], int]:
    """What is queued or runs, with its state, and the number of the queue's workers.

    Not from dvc exp show: it reads the folder of an experiment that runs, and fails or hangs when that one ends.
    """
    text = dvc("queue", "status")
    rows = [line.split() for line in text.splitlines()]
    waiting = {row[1]: row[-1].lower() for row in rows if len(row) > 2 and row[-1] in ("Queued", "Running")}
    workers = re.search(r"Worker status: (\d+) active, (\d+) idle", text)
    return waiting, sum(map(int, workers.groups())) if workers else 0


def tell(waiting: dict[str, str], count: int) -> None:
    """Say how far it is, with the time."""
    running = [name for name, state in waiting.items() if state == RUNNING]
    queued = len(waiting) - len(running)
    told = f"{count - len(waiting)} of {count} ended, {queued} queued{', now ' if running else ''}{', '.join(running)}"
    print(f"{time.strftime('%H:%M:%S')}  {told}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; dvc goes on: run the recipe again to wait, or end it with dvc queue stop --kill")
