"""The device that this machine computes on."""

import torch

from stages.common.errors import UserError


def choose_device(wanted: str) -> torch.device:
    """Resolve params.yaml's runtime.device; `auto` takes a CUDA device, then Apple's, then the CPU.

    Raises
    ------
    UserError
        This machine does not have that device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        raise UserError(f"params.yaml: runtime.device is {wanted}, but this machine has none; set it to auto")
    return torch.device(wanted)
