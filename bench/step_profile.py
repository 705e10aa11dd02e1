"""Show where the time of a training step goes, by kind of operation (torch.profiler).

    python -m bench.step_profile MODEL            # a folder, such as models/base

The step has clips as long as children's utterances, in the precision that training uses here, on one core or the GPU.
The line below a table says what share of the time the operations would take at the speed of the machine's fastest
matrix product.
"""

import argparse
import os
from collections import Counter
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from bench.train import matrix_rates
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records.strategies import STRATEGIES
from stages.runtime import devices
from stages.training import loss, strategies
from stages.whisper import dtypes, model

PROFILE = Path("profiles/whisper-base.yaml")
CLIPS, FRAMES, TOKENS = 16, 448, 16  # of a step: 16 clips of 4.5 s, about the profile's 64 s of audio
STEPS = 3  # that are profiled, after one that is not
# The first kind whose word is in an operation's name is its kind.
KINDS = {
    "attention": ("scaled_dot_product",),
    "matrix products": ("mm", "convolution", "gemm", "conv1d"),
    "copies between float32 and bfloat16": ("copy_",),
    "dropout": ("bernoulli", "dropout"),
    "layer norm": ("layer_norm",),
    "activation (GELU)": ("gelu",),
    "loss over the vocabulary": ("softmax", "nll_loss"),
    "optimizer": ("lerp", "addc", "sqrt", "foreach", "vector_norm", "adam"),
}
OTHER = "other"


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a Whisper model")
    folder = parser.parse_args().model
    settings = params.load(PROFILE)
    device = devices.choose_device(settings.runtime.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    precision = dtypes.choose_precision(settings.train.precision, device, learning=True)
    rate = max(matrix_rates(device.type).values())
    for name in STRATEGIES:
        step = training_step(name, folder, settings, device, precision)
        step()
        times = profiled(step, device)
        with FlopCounterMode(display=False) as counter:
            step()
        show(name, times, counter.get_total_flops() / rate, f"{precision}, {device.type}, {os.cpu_count()} cores")


def training_step(name: str, folder: Path, settings: params.Params, device: torch.device, precision: str):
    """A function that runs a forward and a backward pass and an update on random clips."""
    base = model.load_whisper(folder)
    model.set_language(base, settings.language)
    model.encode_at_own_length(base)
    loss.use_token_mean_loss(base)
    tuned = strategies.make_trainable(base, name, settings).to(device).train()
    learning = [weights for weights in tuned.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-6)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "input_features": torch.randn(CLIPS, base.config.num_mel_bins, FRAMES, generator=generator).to(device),
        "decoder_input_ids": torch.randint(1000, (CLIPS, TOKENS), generator=generator).to(device),
        "labels": torch.randint(1000, (CLIPS, TOKENS), generator=generator).to(device),
    }

    def step() -> None:
        with dtypes.autocast(device, precision):
            result = tuned(**batch)
        result["loss"].backward()
        torch.nn.utils.clip_grad_norm_(learning, settings.train.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    return step


def profiled(step, device: torch.device) -> Counter[str]:
    """Seconds of one step by kind of operation; on a GPU, those of its kernels."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    with profile(activities=activities) as profiler:
        for _ in range(STEPS):
            step()
        if on_gpu:
            torch.cuda.synchronize()
    seconds: Counter[str] = Counter()
    for event in profiler.key_averages():
        microseconds = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        seconds[kind_of(event.key)] += microseconds / 1e6 / STEPS
    return seconds


def kind_of(operation: str) -> str:
    """The kind of an operation, by its name."""
    for kind, words in KINDS.items():
        if any(word in operation for word in words):
            return kind
    return OTHER


def show(name: str, seconds: Counter[str], floor: float, machine: str) -> None:
    """Print the table of one strategy.

    Parameters
    ----------
    floor : seconds that the step's operations take at the speed of the fastest matrix product
    """
    total = seconds.total()
    rows = [(name, "ms", "%")]
    for kind, spent in seconds.most_common():
        rows.append((kind, f"{1000 * spent:.0f}", f"{100 * spent / total:.1f}"))
    print(aligned(rows, names=1))
    print(f"{machine}: {total:.2f} s a step, of which {100 * floor / total:.0f} % at the fastest product's speed\n")


if __name__ == "__main__":
    main()
