"""Which precision is computed in where nobody says."""

import pytest
import torch

from stages.whisper import dtypes


@pytest.mark.parametrize(
    ("bf16", "capability", "learning", "expected"),
    [
        (True, (9, 0), True, "bf16"),
        (True, (9, 0), False, "bf16"),
        (False, (7, 5), True, "fp32"),  # a T4
        (False, (7, 5), False, "fp16"),
        (False, (6, 1), False, "fp32"),  # fp16 is slower there
    ],
)
def test_precision_of_gpus(monkeypatch, bf16, capability, learning, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert dtypes.choose_precision("auto", torch.device("cuda"), learning) == expected
    assert dtypes.choose_precision("fp32", torch.device("cuda"), learning) == "fp32"


@pytest.mark.parametrize(
    ("known", "expected"), [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({}, "fp32")]
)
def test_precision_of_cpus(monkeypatch, known, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert dtypes.choose_precision("auto", torch.device("cpu"), learning=False) == expected
