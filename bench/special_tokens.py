"""Measure whether models can still write timestamps and tell silence from speech, with the probabilities of two tokens:

python -m bench.special_tokens FOLDER MODEL... [--windows 16]

FOLDER is made by bench.sessions; windows with speech are cut from its recordings, and as many without from bench.noise.
"no speech" is the probability of <|nospeech|> as the first token: decoders with a threshold for it (0.6 in
faster-whisper) rely on this. "times" is the share of the timestamps in the probability of timestamps and
<|notimestamps|>, the token after the prompt. "written" is the mean number of timestamps if the model writes freely,
after a first <|0.00|> and without the rules by which decoders force times.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from bench import noise
from bench.train import device_type
from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.text_table import aligned
from stages.records.units import SAMPLE_RATE
from stages.whisper import model
from stages.whisper.model import Checkpoint

HEADER = ("model", "windows", "no speech, median", "over 0.6", "times, mean", "written")
THRESHOLD = 0.6
MOST_TOKENS = 100  # that a model writes freely


def speech_windows(folder: Path, count: int, length: int) -> list[np.ndarray]:
    """Stretches of the sessions, evenly spaced, which have speech because no gap of a session is as long.

    Parameters
    ----------
    length : samples
    """
    windows = []
    for path in sorted(folder.glob("*.wav")):
        samples, _ = soundfile.read(path, dtype="float32")
        for start in range(0, len(samples) - length + 1, length):
            windows.append(samples[start : start + length])
    chosen = np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int)
    return [windows[index] for index in chosen]


def quiet_windows(count: int, length: int) -> list[np.ndarray]:
    """The beginning (soft) or the end (loud) of each kind's recording, in turns."""
    windows: list[np.ndarray] = []
    made = noise.kinds([])
    rounds = -(-count // len(made))
    minutes = len(made) * 2 * rounds * length / SAMPLE_RATE / 60
    for number, (_, samples) in enumerate(noise.recordings(made, minutes)):
        for start in range(rounds):
            first = start * length if number % 2 == 0 else len(samples) - (start + 1) * length
            windows.append(samples[first : first + length])
    return windows[:count]


@torch.inference_mode()
def measure(checkpoint: Checkpoint, windows: list[np.ndarray], language: str) -> tuple[str, ...]:
    """The figures of a row, in the order of HEADER."""
    network, device = checkpoint.model.to(device_type()), device_type()
    extractor = checkpoint.processor.feature_extractor
    untimed = network.generation_config.no_timestamps_token_id
    prompt = model.prompt_tokens(network, language)[:-1]
    nothing = untimed - 1  # in all of OpenAI's vocabularies; the tokenizers call it <|nospeech|> or <|nocaptions|>
    no_speech, times, written = [], [], []
    for window in windows:
        features = extractor(window, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features.to(device)
        states = BaseModelOutput(network.get_encoder()(features).last_hidden_state)
        logits = network(encoder_outputs=states, decoder_input_ids=torch.tensor([prompt], device=device)).logits[0]
        no_speech.append(float(logits[0].softmax(-1)[nothing]))
        after = logits[-1].softmax(-1)[untimed:]
        times.append(float(after[1:].sum() / after.sum()))
        tokens = write_freely(network, states, [*prompt, untimed + 1])
        written.append(sum(token > untimed for token in tokens))
    return (
        f"{np.median(no_speech):.3f}",
        f"{sum(probability > THRESHOLD for probability in no_speech)}/{len(windows)}",
        f"{np.mean(times):.2f}",
        f"{np.mean(written):.1f}",
    )


def write_freely(network, states: BaseModelOutput, prompt: list[int]) -> list[int]:
    """The likeliest tokens after a prompt, without any rule, up to the end token or MOST_TOKENS of them."""
    tokens: list[int] = []
    given, cache = prompt, None
    while len(tokens) < MOST_TOKENS:
        inputs: Tensor = torch.tensor([given], device=network.device)
        output = network(encoder_outputs=states, decoder_input_ids=inputs, past_key_values=cache, use_cache=True)
        token, cache = int(output.logits[0, -1].argmax()), output.past_key_values
        if token == network.config.eos_token_id:
            break
        tokens.append(token)
        given = [token]
    return tokens


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of bench.sessions")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a checkpoint with a window of 30 s")
    parser.add_argument("--windows", type=int, default=16, help="with speech, and as many without; default: 16")
    arguments = parser.parse_args()
    settings = params.load()
    rows = []
    for folder in arguments.models:
        network, processor = model.load_whisper(folder), model.load_processor(folder)
        checkpoint = Checkpoint(network.eval(), processor, "window", 0.0)
        length = processor.feature_extractor.n_samples
        kinds = {
            "speech": speech_windows(arguments.folder, arguments.windows, length),
            "noise": quiet_windows(arguments.windows, length),
        }
        for name, windows in kinds.items():
            rows.append((str(folder), name, *measure(checkpoint, windows, settings.language)))
            print(" ".join(rows[-1]), flush=True)  # at once, so that these figures are seen if the run is stopped
    print(aligned([HEADER, *rows], names=2))


if __name__ == "__main__":
    main()
