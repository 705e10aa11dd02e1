"""Training on several devices: the stage's script starts itself once per device, under `accelerate launch`.

A single process is started without a launcher. Several are started with the configuration file of
runtime.accelerate_config (for several machines, or FSDP). Without one, there is a process per GPU of this machine, and
they average their gradients (torch's DistributedDataParallel).
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import joblib
import torch
import yaml

from stages.common.errors import UserError
from stages.common.params import Runtime
from stages.runtime import devices, lifeline

STAGE_PROCESS = "STAGE_PROCESS"  # environment variable: id of the process that a started one must not outlive


def relaunch_with_accelerate(command: Sequence[str], runtime: Runtime) -> bool:
    """Run `python -m command` in as many processes as params.yaml asks for, and wait for them.

    Returns
    -------
    False if this process itself must do the work: it is one of the started ones, or the only one.

    Raises
    ------
    UserError
        The configuration file is missing, or a process failed (it has printed the reason).
    """
    if "LOCAL_RANK" in os.environ:  # set by the launcher, ours or the user's own
        if STAGE_PROCESS in os.environ:
            lifeline.end_with(os.getppid(), int(os.environ[STAGE_PROCESS]))
        return False
    lifeline.end_with_dvc()
    launcher = launcher_options(runtime)
    if not launcher:
        return False
    environment = os.environ | {STAGE_PROCESS: str(os.getpid())}
    launch = [sys.executable, "-m", "accelerate.commands.launch", *launcher, "-m", *command]
    result = subprocess.run(launch, env=environment)
    if result.returncode:
        raise UserError("a training process failed; its error is above")
    return True


def launcher_options(runtime: Runtime) -> list[str]:
    """Options for `accelerate launch`; empty: train in this process."""
    if runtime.accelerate_config:
        if not Path(runtime.accelerate_config).is_file():
            raise UserError(
                f"params.yaml: runtime.accelerate_config: {runtime.accelerate_config} is missing; make it with "
                "accelerate config --config_file, or set it to null"
            )
        # accelerate would start one process, which would wait for the others forever.
        if _config(runtime.accelerate_config).get("distributed_type") == "MULTI_CPU":
            raise UserError(
                f"{runtime.accelerate_config}: MULTI_CPU needs an MPI launcher of your own; for several processes on "
                "this machine's CPU set runtime.accelerate_config to null and runtime.processes to their number"
            )
        return ["--config_file", runtime.accelerate_config]
    processes = process_count(runtime)
    if processes == 1:
        return []
    # --multi_gpu makes accelerate use torchrun; the processes choose their own device.
    fixed_options = "--num_machines 1 --main_process_port 0 --mixed_precision no --dynamo_backend no".split()
    threads = max(1, joblib.cpu_count() // processes)
    return [
        "--multi_gpu",
        "--num_processes",
        str(processes),
        *fixed_options,
        "--num_cpu_threads_per_process",
        str(threads),
    ]


def process_count(runtime: Runtime) -> int:
    """How many processes train or transcribe on this machine: runtime.processes, but at most one per core of the CPU.

    Raises
    ------
    UserError
        More processes than GPUs are asked for.
    """
    devices_here = device_count(runtime)
    if not runtime.processes:
        return devices_here
    if devices.choose_device(runtime.device).type == "cuda":
        if runtime.processes > devices_here:
            raise UserError(
                f"params.yaml: runtime.processes is {runtime.processes}, but this machine has {devices_here} GPU(s); "
                "lower it, or leave it empty"
            )
        return runtime.processes
    cores = joblib.cpu_count()
    if runtime.processes > cores:
        print(f"runtime.processes is {runtime.processes}; lowered to {cores}, the number of cores")
    return min(runtime.processes, cores)


def _config(path: str) -> dict:
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not an accelerate configuration; make it with accelerate config --config_file")
    return content


def device_count(runtime: Runtime) -> int:
    """How many devices of the chosen kind this machine has."""
    return torch.cuda.device_count() if devices.choose_device(runtime.device).type == "cuda" else 1
