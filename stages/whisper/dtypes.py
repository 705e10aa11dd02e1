"""The precision of computations: the fastest one that does no harm on a device."""

import contextlib

import torch

FP16_CORES = (7, 0)  # CUDA compute capability from which fp16 is faster than fp32


def choose_precision(wanted: str, device: torch.device, learning: bool) -> str:
    """Resolve a `precision` parameter to fp32, bf16 or fp16: `auto` takes bf16 where the hardware computes it.

    Emulated, bf16 is slow: on a CPU without AVX512-BF16 or AMX, 50 times slower than fp32. GPUs that lack it, but have
    fp16's tensor cores (V100, T4), take fp16 unless they learn: gradients could leave its range.
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
    """Let GPUs compute the float32 products that remain under `precision: auto` in TF32; fp32, asked for, is exact."""
    torch.set_float32_matmul_precision("high" if wanted == "auto" else "highest")


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Context in which matrix products run in `precision`; weights stay float32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
