"""The precision of computations: on each device, the fastest that does not harm the result."""

import contextlib

import torch

FP16_CORES = (7, 0)  # CUDA compute capability from which fp16 is faster than fp32


def choose_precision(wanted: str, device: torch.device, learning: bool) -> str:
    """Resolve a `precision` parameter to fp32, bf16 or fp16; `auto` is bf16 if the hardware has it.

    Emulated, bf16 is slow: on a CPU without AVX512-BF16 or AMX, 50 times slower than fp32. GPUs that lack it, but have
    fp16 tensor cores (V100, T4), use fp16 for decoding, but not for training: gradients could leave its range.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16"
        return "fp16" if not learning and torch.cuda.get_device_capability() >= FP16_CORES else "fp32"
    if device.type == "cpu":
        known = torch.cpu.get_capabilities()
        return "bf16" if known.get("avx512_bf16") or known.get("amx_bf16") else "fp32"
    return "fp32"


def allow_tf32(wanted: str) -> None:
    """With precision `auto`, let GPUs compute the remaining float32 products in TF32; with `fp32`, exactly."""
    torch.set_float32_matmul_precision("high" if wanted == "auto" else "highest")


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Context in which matrix products run in `precision`; weights stay float32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
