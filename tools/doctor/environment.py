"""Check Python, the packages of requirements.txt, and the device that computes."""

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
PYTHONS = ((3, 10), (3, 13))  # oldest and newest


def findings() -> Iterator[Finding]:
    """Yield whether Python and the packages have the versions that are needed."""
    version = f"Python {platform.python_version()}"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        yield Finding("ok", version)
    else:
        yield Finding("problem", f"{version}; 3.10 to 3.13 is needed", "make an environment with another Python")
    are_right = True
    for requirement in _requirements():
        mistake = _wrong_version(requirement)
        if mistake:
            are_right = False
            yield Finding("problem", mistake, "pip install -r requirements.txt")
    if are_right:
        yield Finding("ok", "packages of requirements.txt: all installed, in versions that it allows")


def _requirements() -> list[Requirement]:
    requirements = []
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text and not text.startswith("-"):
            requirements.append(Requirement(text))
    return requirements


def _wrong_version(requirement: Requirement) -> str | None:
    """Return what is wrong with the installed version; None if nothing is."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} is {version}; requirements.txt asks for {requirement.specifier}"


def accelerator(settings: Params) -> Iterator[Finding]:
    """Yield the device that runtime.device chooses, the precision of training there, and problems with both."""
    try:
        device = devices.choose_device(settings.runtime.device)
    except UserError as error:
        yield Finding("problem", str(error))
        return
    try:
        processes = launch.process_count(settings.runtime)
    except UserError as error:
        yield Finding("problem", str(error))
        return
    for check in (lambda: shared_memory.check(settings, processes), lambda: trackers.check(settings.runtime)):
        try:
            check()
        except UserError as error:
            yield Finding("problem", str(error))
    precision = dtypes.choose_precision(settings.train.precision, device, learning=True)
    if device.type == "cuda":
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)  # bytes
            memory = f"{free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
            name = torch.cuda.get_device_name(number)
            yield Finding("ok", f"GPU {number}: {name}, {memory}; trains in {precision}")
    elif device.type == "cpu":
        cure = "enough for the sample; for Whisper-base use a machine with a GPU, or check nvidia-smi and the driver"
        yield Finding("warning", f"no GPU is used: the CPU trains in {precision}", cure)
    else:
        yield Finding("ok", f"device {device.type}; trains in {precision}")
