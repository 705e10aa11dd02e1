"""The mean of the weights over the last evaluations, which is more accurate than the weights of any one of them.

Averaging along one training run is an old remedy against noise (Polyak and Juditsky 1992; Izmailov et al. 2018,
arXiv:1803.05407); speech toolkits such as icefall and ESPnet average their last or best checkpoints. Here the mean is
taken while training runs and is what dev is decoded with, so that the dev WER is that of the weights that are saved.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FILE = "average.safetensors"  # in each checkpoint once there is a mean
COUNT = "count"  # its metadata: how many sets of weights the mean is over


def learning_weights(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


@torch.no_grad()
def give_weights(model: torch.nn.Module, values: dict[str, torch.Tensor]) -> None:
    """Set some of a model's learning weights, in place."""
    weights = learning_weights(model)
    for name, value in values.items():
        weights[name].copy_(value)


class WeightAverage:
    """The running mean of a model's learning weights. It costs a copy of them, and another during evaluations."""

    def __init__(self):
        self.count = 0  # sets of weights that were added
        self.mean: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def add(self, model: torch.nn.Module) -> None:
        """Take the model's present weights into the mean."""
        self.count += 1
        for name, weight in learning_weights(model).items():
            if name in self.mean:
                self.mean[name].lerp_(weight.float(), 1 / self.count)
            else:
                self.mean[name] = weight.detach().float().clone()

    def put_into(self, model: torch.nn.Module) -> None:
        """Give the model the mean as its weights; without a mean, leave it as it is."""
        give_weights(model, self.mean)

    @contextlib.contextmanager
    def used_by(self, model: torch.nn.Module) -> Iterator[None]:
        """Context in which the model's weights are the mean."""
        weights = learning_weights(model)
        before = {name: weights[name].detach().clone() for name in self.mean}
        self.put_into(model)
        try:
            yield
        finally:
            give_weights(model, before)

    def save(self, checkpoint: Path) -> None:
        """Write the mean, if there is one, into a checkpoint's folder."""
        if self.count:
            mean = {name: weight.contiguous() for name, weight in self.mean.items()}
            save_file(mean, checkpoint / FILE, metadata={COUNT: str(self.count)})

    def load(self, checkpoint: Path, model: torch.nn.Module) -> None:
        """Read the mean that a checkpoint holds, onto the device of the model's weights; there may be none."""
        self.count, self.mean = 0, {}
        if not (checkpoint / FILE).is_file():
            return
        with safe_open(checkpoint / FILE, framework="pt") as file:
            self.count = int(file.metadata()[COUNT])
            self.mean = {
                name: file.get_tensor(name).to(weight.device) for name, weight in learning_weights(model).items()
            }
