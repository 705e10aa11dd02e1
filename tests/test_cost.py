"""What a stage cost, on the device that it computed on."""

import platform

import pytest
import torch

from stages.runtime import cost


@pytest.fixture
def gpu(tmp_path, monkeypatch) -> None:
    """A machine with a GPU, on which nothing was computed yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 700 * 2**20)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_machine_and_memory_are_those_of_the_device(gpu, device):
    with cost.measured("train_lora", torch.device(device)) as figures:
        figures["clips"] = 3
    found = cost.known()["train_lora"]
    assert found["clips"] == 3
    assert found["machine"] == {"cpu": platform.machine(), "cuda": "H200"}[device]
    assert (found["peak_memory_mb"] == 700) == (device == "cuda")
    assert found["peak_memory_mb"] > 10
