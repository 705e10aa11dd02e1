"""The mean of the weights at the last evaluations, which is more accurate than the weights of a single one.

Averaging weights along a training run reduces noise (Polyak and Juditsky 1992; Izmailov et al. 2018,
arXiv:1803.05407); speech toolkits such as icefall and ESPnet average their last or best checkpoints. Here the mean is
updated while training runs, and dev is decoded with it, so that the dev WER is that of the weights that are saved.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FILE = "average.safetensors"  # in each checkpoint once there is a mean
COUNT = "count"  # key of its metadata: how many sets of weights were averaged


def trainable_weights(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


@torch.no_grad()
def set_weights(model: torch.nn.Module, values: dict[str, torch.Tensor]) -> None:
    """Set some of a model's trainable weights, in place.

    Parameters
    ----------
    values : new weights by parameter name
    """
    weights = trainable_weights(model)
    for name, value in values.items():
        weights[name].copy_(value)


class WeightAverage:
    """The running mean of a model's trainable weights. It needs memory for a copy, and for another in evaluations."""

    def __init__(self):
        self.count = 0  # of sets of weights that were added
        self.mean: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def add(self, model: torch.nn.Module) -> None:
        """Add the model's present weights to the mean."""
        self.count += 1
        for name, weight in trainable_weights(model).items():
            if name in self.mean:
                self.mean[name].lerp_(weight.float(), 1 / self.count)
            else:
                self.mean[name] = weight.detach().float().clone()

    def copy_to(self, model: torch.nn.Module) -> None:
        """Set the model's weights to the mean; if there is no mean, change nothing."""
        set_weights(model, self.mean)

    @contextlib.contextmanager
    def applied_to(self, model: torch.nn.Module) -> Iterator[None]:
        """Context in which the model has the mean as its weights."""
        weights = trainable_weights(model)
        before = {name: weights[name].detach().clone() for name in self.mean}
        self.copy_to(model)
        try:
            yield
        finally:
            set_weights(model, before)

    def save(self, checkpoint: Path) -> None:
        """Write the mean, if there is one, to a checkpoint's folder."""
        if self.count:
            mean = {name: weight.contiguous() for name, weight in self.mean.items()}
            save_file(mean, checkpoint / FILE, metadata={COUNT: str(self.count)})

    def load(self, checkpoint: Path, model: torch.nn.Module) -> None:
        """Read the mean of a checkpoint, which may have none, onto the device of the model's weights."""
        self.count, self.mean = 0, {}
        if not (checkpoint / FILE).is_file():
            return
        with safe_open(checkpoint / FILE, framework="pt") as file:
            self.count = int(file.metadata()[COUNT])
            for name, weight in trainable_weights(model).items():
                self.mean[name] = file.get_tensor(name).to(weight.device)
