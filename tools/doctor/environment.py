"""Python, the packages of requirements.txt, and what there is to compute on."""

import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from packaging.requirements import Requirement

from stages.common.errors import UserError
from stages.common.params import Params
from stages.runtime import devices, launch, trackers
from stages.training import shared_memory
from stages.whisper import dtypes
from tools.doctor import Finding

REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"
PYTHONS = ((3, 10), (3, 13))


def findings() -> Iterator[Finding]:
    """Versions."""
    version = f"Python {platform.python_version()}"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        yield Finding("ok", version)
    else:
        yield Finding("problem", f"{version}; 3.10 to 3.13 is needed", "make an environment with another one")
    wrong = [line for line in map(_wrong, _requirements()) if line]
    for line in wrong:
        yield Finding("problem", line, "pip install -r requirements.txt")
    if not wrong:
        yield Finding("ok", "packages of requirements.txt: all there, in the versions it allows")


def _requirements() -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def _wrong(requirement: Requirement) -> str | None:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} is {version}; requirements.txt asks for {requirement.specifier}"


def accelerator(settings: Params) -> Iterator[Finding]:
    """The device that runtime.device chooses, and the precision that `auto` stands for there."""
    try:
        device = devices.choose_device(settings.runtime.device)
    except UserError as error:
        yield Finding("problem", str(error))
        return
    processes = settings.runtime.processes or launch.device_count(settings.runtime)
    for check in (lambda: shared_memory.check(settings, processes), lambda: trackers.check(settings.runtime)):
        try:
            check()
        except UserError as error:
            yield Finding("problem", str(error))
    precision = dtypes.choose_precision(settings.train.precision, device, learning=True)
    if device.type == "cuda":
        for number in range(torch.cuda.device_count()):
            free, whole = (size / 2**30 for size in torch.cuda.mem_get_info(number))
            name = torch.cuda.get_device_name(number)
            yield Finding("ok", f"GPU {number}: {name}, {free:.0f} of {whole:.0f} GiB free; trains in {precision}")
    elif device.type == "cpu":
        cure = "enough for the sample; for Whisper-base take a machine with one, or check nvidia-smi and the driver"
        yield Finding("warning", f"no GPU is used: the CPU trains in {precision}", cure)
    else:
        yield Finding("ok", f"device {device.type}; trains in {precision}")
