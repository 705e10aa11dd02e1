"""Queue experiments, run them and wait for them: ... | python -m experiments.run [--jobs N]

Reads lines from the standard input, each with a name and overrides of params.yaml. An override is written as in
`dvc exp run --name NAME -S OVERRIDE`:

    rank-8 train_lora.rank=8 train_lora.alpha=16

All lines are checked before the first experiment is queued. Experiments that are done, queued or running are not queued
again, so a recipe that was killed resumes with the missing ones. Failed experiments are queued again.
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

from experiments.shown import DONE, FAILED, QUEUED, RUNNING, Experiment, experiments, flat
from stages.common import params
from stages.common.errors import UserError, exit_on_user_error
from tools.dvc_command import run_dvc

POLL_SECONDS = 10.0  # time between two polls; each costs one or two seconds of processor time
RESTART_POLLS = 3  # number of polls without a worker before the queue is started again
LAST_POLLS = 12  # number of polls without a worker before waiting ends


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--jobs", type=int, default=os.environ.get("JOBS", "1"), help="experiments at a time; default: $JOBS, or 1"
    )
    arguments = parser.parse_args()
    overrides_of = read(sys.stdin)
    settings = {name: checked(name, overrides) for name, overrides in overrides_of.items()}
    missing = not_yet(settings, settled_experiments())
    present = len(settings) - len(missing)
    print(f"{len(settings)} experiments, {present} of them done, running or queued", flush=True)
    for name in missing:
        queue(name, overrides_of[name])
    try:
        wait(set(settings), arguments.jobs)
    except KeyboardInterrupt:
        sys.exit(
            "interrupted; dvc continues to run the queue. To wait for it, run the recipe again; to end it: "
            "dvc queue stop --kill"
        )


def read(lines: Iterable[str]) -> dict[str, list[str]]:
    """Parse lines into the overrides of each experiment, by its name; empty lines and comments are skipped.

    Raises
    ------
    UserError
        There is no experiment, or two have the same name.
    """
    overrides_of: dict[str, list[str]] = {}
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words:
            continue
        name, overrides = words[0], words[1:]
        if name in overrides_of:
            raise UserError(f"two experiments are called {name}; give each its own name")
        overrides_of[name] = overrides
    if not overrides_of:
        raise UserError("no experiment is named on the standard input; see python -m experiments.run --help")
    return overrides_of


def checked(name: str, overrides: list[str]) -> params.Params:
    """Return params.yaml as it will be in an experiment.

    Raises
    ------
    UserError
        Names the experiment and what is wrong with an override.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copyfile(params.PARAMS_FILE, Path(folder) / params.PARAMS_FILE)
        try:
            # This function is not documented, but no command of dvc checks an override without queueing or running it.
            # tests/test_dvc_interfaces.py compares it with `dvc exp run --queue -S`.
            apply_overrides(path, overrides)
            return params.load(path)
        except DvcException as error:
            reason = str(error.__cause__).splitlines()[0].rstrip(".")  # the second line says how to add a new key
            raise UserError(f"experiment {name}: {reason}; correct it, {params.PARAMS_FILE} has the keys") from None
        except UserError as error:
            message = " ".join(str(error).replace(str(path), str(params.PARAMS_FILE)).split())
            raise UserError(f"experiment {name}: {message}") from None


def not_yet(settings: dict[str, params.Params], known: list[Experiment]) -> list[str]:
    """Return the names of the experiments to queue; removes those that failed or died from the queue.

    Parameters
    ----------
    settings : parameters of every experiment, by its name
    known : the experiments that dvc knows

    Raises
    ------
    UserError
        An experiment of the same name has other parameters.
    """
    missing = []
    for name, chosen in settings.items():
        is_present = False
        for experiment in known:
            if experiment.name != name:
                continue
            if experiment.state == FAILED or is_dead(experiment):
                remove(experiment)
            else:
                check_same(name, chosen, experiment)
                is_present = True
        if not is_present:
            missing.append(name)
    return missing


def check_same(name: str, chosen: params.Params, experiment: Experiment) -> None:
    """Raise UserError if an experiment of the same name has other parameters; those of `runtime` may differ."""
    before, after = flat(experiment.params), flat(chosen.model_dump())
    changes = []
    for key in sorted(before | after):
        if before.get(key) != after.get(key) and not key.startswith("runtime."):
            changes.append(f"{key} {before.get(key)!r}, now {after.get(key)!r}")
    if changes:
        command = f"dvc {'exp' if experiment.state == DONE else 'queue'} remove {name}"
        raise UserError(
            f"experiment {name} exists with other parameters ({', '.join(changes[:3])}); remove it: {command}"
        )


def queue(name: str, overrides: list[str]) -> None:
    """Add an experiment to the end of dvc's queue."""
    command = ["exp", "run", "--queue", "--name", name]
    for override in overrides:
        command += ["-S", override]
    print(f"dvc {shlex.join(command)}", flush=True)
    run_dvc(*command)


def remove(experiment: Experiment) -> None:
    """Remove a failed or dead experiment from the queue."""
    if experiment.state == RUNNING:
        run_dvc("queue", "kill", "--force", experiment.name)  # without this, dvc lists a dead one as running
    run_dvc("queue", "remove", experiment.name)


def is_dead(experiment: Experiment) -> bool:
    """Whether dvc lists it as running although its process ended, because it was killed or the machine went down."""
    if experiment.state != RUNNING or experiment.process is None:
        return False
    try:
        return psutil.Process(experiment.process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def settled_experiments() -> list[Experiment]:
    """Return all experiments; first waits, if some have just ended, until dvc has had time to notice that."""
    known = experiments()
    if any(map(is_dead, known)):
        time.sleep(2 * POLL_SECONDS)
        known = experiments()
    return known


def wait(names: set[str], jobs: int) -> None:
    """Wait until the queue has run all the named experiments; starts its workers, again if they end too soon.

    Raises
    ------
    UserError
        Names the experiments that are not done, and the commands that show their logs.
    """
    before: dict[str, str] | None = None
    unattended = 0  # number of consecutive polls without a worker
    while unattended <= LAST_POLLS:
        states, workers = in_queue()
        waiting = {name: state for name, state in states.items() if name in names}
        if not waiting:
            break
        unattended = 0 if workers else unattended + 1
        # Workers end when the queue is empty, and do not see experiments that are added at that moment (dvc#10562). A
        # busy worker may answer late, so a second one is started only after several polls.
        if before is None or unattended % RESTART_POLLS == RESTART_POLLS - 1:
            run_dvc("queue", "start", "--jobs", str(jobs))
        if waiting != before:
            print_progress(waiting, len(names))
        before = waiting
        time.sleep(POLL_SECONDS)
    done = {experiment.name for experiment in experiments() if experiment.state == DONE}
    if missing := sorted(names - done):
        logs = "".join(f"\n  dvc queue logs {name}" for name in missing)
        raise UserError(f"{len(missing)} of {len(names)} experiments are not done; see their logs:{logs}")


def in_queue() -> tuple[dict[str, str], int]:
    """Return the state (queued or running) of each experiment in the queue by its name, and the number of workers."""
    # The printed table is parsed, since `dvc queue status` has no --json. `dvc exp show --json` shows no workers, and
    # reads the folder of a running experiment, and fails or hangs if that one ends meanwhile.
    # tests/test_dvc_interfaces.py checks the parsing with the installed dvc.
    table = run_dvc("queue", "status")
    states = {}
    for line in table.splitlines():
        cells = line.split()  # task, name, date (several words), state
        if len(cells) > 2 and cells[-1].lower() in (QUEUED, RUNNING):
            states[cells[1]] = cells[-1].lower()
    workers = re.search(r"Worker status: (\d+) active, (\d+) idle", table)
    if not workers:
        raise UserError("dvc queue status printed no line `Worker status`; install the dvc of requirements.lock")
    return states, int(workers[1]) + int(workers[2])


def print_progress(waiting: dict[str, str], count: int) -> None:
    """Print the time, how many of `count` experiments have ended and are queued, and which ones run."""
    running = [name for name, state in waiting.items() if state == RUNNING]
    line = f"{count - len(waiting)} of {count} ended, {len(waiting) - len(running)} queued"
    if running:
        line += f", now {', '.join(running)}"
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    main()
