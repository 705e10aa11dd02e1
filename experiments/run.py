"""Queue experiments, run them and wait for them: ... | python -m experiments.run [--jobs N]

Reads lines of a name and overrides of params.yaml, as `dvc exp run --name NAME -S OVERRIDE ...` takes them:

    rank-8 train_lora.rank=8 train_lora.alpha=16

All of them are checked before the first is queued. What is done already, is queued or runs is not queued again, so
that a recipe that was killed goes on with what is missing; what failed is tried again.
"""

import argparse
import contextlib
import os
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

from experiments.shown import DONE, FAILED, QUEUED, RUNNING, Experiment, dvc, experiments, flat
from stages import params
from stages.errors import UserError, told_plainly

POLL_SECONDS = 10.0  # a poll costs a second or two of processor
PATIENCE = 12  # polls in which nothing runs and nothing changes, before the queue is given up
DEAD = "dead"  # called running, but its process is gone


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", "1")), help="experiments side by side")
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
    before, idle = None, 0
    while True:
        states = state_of_each(names)
        if states != before:
            tell(states)
        if not {QUEUED, RUNNING, DEAD} & set(states.values()):
            break
        idle = 0 if states != before or RUNNING in states.values() else idle + 1
        if idle > PATIENCE:
            break
        # Again and again: workers end when the queue is empty, and miss what joins it just then (dvc#10562).
        if QUEUED in states.values():
            dvc("queue", "start", "--jobs", str(jobs))
        before = states
        time.sleep(POLL_SECONDS)
    failed = sorted(name for name, state in states.items() if state != DONE)
    if failed:
        logs = "".join(f"\n  dvc queue logs {name}" for name in failed)
        raise UserError(f"{len(failed)} of {len(names)} experiments are not done; why, say:{logs}")


def state_of_each(names: set[str]) -> dict[str, str]:
    """The state of each experiment; "missing" where dvc does not know it."""
    states = dict.fromkeys(sorted(names), "missing")
    for experiment in experiments():
        if experiment.name in names and states[experiment.name] != DONE:
            states[experiment.name] = DEAD if is_dead(experiment) else experiment.state
    return states


def tell(states: dict[str, str]) -> None:
    """Say how far it is, with the time."""
    counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
    running = [name for name, state in states.items() if state == RUNNING]
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    print(f"{time.strftime('%H:%M:%S')}  {told}{': ' if running else ''}{', '.join(running)}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
