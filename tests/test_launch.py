"""How many processes train, and what is wrong with a launcher's configuration."""

import pytest

from stages.common import params
from stages.common.errors import UserError
from stages.runtime import launch
from tests.support.training import settings


def runtime(**changes) -> params.Runtime:
    return settings(changes).runtime


def test_one_device_needs_no_launcher(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert launch.relaunch_with_accelerate(["stages.train", "lora"], runtime()) is False
    assert launch.relaunch_with_accelerate(["stages.train", "lora"], runtime(processes=1)) is False


def test_every_gpu_of_the_machine_is_used_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(launch.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(launch.torch.cuda, "device_count", lambda: 8)
    for chosen, count in ((runtime(device="auto"), "8"), (runtime(device="auto", processes=2), "2")):
        command = launch.launcher_options(chosen)
        assert command[command.index("--num_processes") + 1] == count
    assert launch.launcher_options(runtime(device="cpu")) == []


def test_more_processes_than_cores_are_lowered_and_than_gpus_refused(monkeypatch, capsys):
    monkeypatch.setattr(launch.joblib, "cpu_count", lambda: 2)
    command = launch.launcher_options(runtime(processes=8))
    assert command[command.index("--num_processes") + 1] == "2"
    assert capsys.readouterr().out == "runtime.processes is 8; lowered to 2, the number of cores\n"
    monkeypatch.setattr(launch.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(launch.torch.cuda, "device_count", lambda: 4)
    with pytest.raises(UserError, match=r"runtime.processes is 8, but this machine has 4 GPU\(s\)"):
        launch.launcher_options(runtime(device="cuda", processes=8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing; make it with accelerate config"),
        ("a: [", "is not valid YAML"),
        ("- 1", "is not an accelerate configuration"),
        ("distributed_type: MULTI_CPU", "runtime.processes"),  # accelerate would hang
    ],
)
def test_configuration_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "accelerate.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        launch.launcher_options(runtime(accelerate_config=str(path)))
