"""The hardware of this machine: which device to use, and in which precision it computes fastest without harm."""

import contextlib

import torch

from stages.errors import UserError


def choose_device(wanted: str) -> torch.device:
    """Resolve params.yaml's runtime.device; `auto` takes a CUDA device, then Apple's, then the CPU.

    Raises
    ------
    UserError
        The device asked for is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        raise UserError(f"params.yaml: runtime.device is {wanted}, but this machine has none; set it to auto")
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device) -> str:
    """Resolve a `precision` parameter to fp32, bf16 or fp16: `auto` takes bf16 where the hardware computes it."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16"
    return "fp32"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Context in which matrix products run in `precision`; weights stay float32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
