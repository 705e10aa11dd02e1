"""When each token of a text is spoken, from the decoder's cross-attention.

Some heads of Whisper's cross-attention look at the frames in which the current token is spoken; generation_config names
them (alignment_heads). Their attention and dynamic time warping give each token's time, as in openai/whisper
(timing.py) and in Transformers (return_token_timestamps), which does not take a given text.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration

from stages.decoding.transcription import Decoder, model_inputs
from stages.records.units import SAMPLE_RATE, Seconds
from stages.whisper import dtypes

FRAME: Seconds = 0.02  # of the encoder's output
MEDIAN_WIDTH = 7  # frames, as in openai/whisper


@dataclass(frozen=True)
class TimedTokens:
    """When each token of a text is spoken, from the clip's start, and how likely it is there."""

    starts: list[Seconds]  # one more than tokens: the last is where the text ends
    log_probabilities: list[float]  # natural, given the tokens before; one more than tokens: the last is the end's


def align_tokens(decoder: Decoder, clips: list[np.ndarray], texts: list[list[int]]) -> list[TimedTokens]:
    """Time the tokens of given texts, as one batch.

    Parameters
    ----------
    clips : float32 arrays, shape (samples,), 16 kHz; none longer than the window
    texts : the tokens of each clip's text, without prompt and end token; at least one each
    """
    model = decoder.checkpoint.model
    prompt = decoder.prompt
    end = model.generation_config.eos_token_id
    longest = max(len(text) for text in texts)
    rows = [[*prompt, *text] + [end] * (longest - len(text) + 1) for text in texts]
    inputs = torch.tensor(rows, device=decoder.device)
    log_mel = model_inputs(decoder, clips).features.to(decoder.device)
    with _attention_weights(model), torch.inference_mode(), dtypes.autocast(decoder.device, decoder.precision):
        output = model(input_features=log_mel, decoder_input_ids=inputs, output_attentions=True, use_cache=False)
    attention = torch.stack([output.cross_attentions[layer][:, head] for layer, head in alignment_heads(model)], dim=1)
    first = len(prompt) - 1  # the row that predicts the first token of the text
    timed = []
    for row, (clip, text) in enumerate(zip(clips, texts, strict=True)):
        last = first + len(text) + 1
        frames = max(1, round(len(clip) / SAMPLE_RATE / FRAME))
        # A token is spoken where the decoder looks while it predicts the token.
        borders = token_borders(attention[row, :, first:last, :frames].float().cpu().numpy())
        scores = output.logits[row, first:last].float().log_softmax(dim=-1)
        chosen = torch.tensor([*text, end], device=scores.device)[:, None]
        timed.append(TimedTokens(borders[:-1], scores.gather(1, chosen)[:, 0].tolist()))
    return timed


def alignment_heads(model: WhisperForConditionalGeneration) -> list[tuple[int, int]]:
    """(layer, head) of the cross-attention heads that look at what is spoken.

    For a model whose generation_config does not name them, all heads of the upper half of the decoder, as in
    openai/whisper.
    """
    named = getattr(model.generation_config, "alignment_heads", None)
    if named:
        return [(layer, head) for layer, head in named]
    layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]


@contextlib.contextmanager
def _attention_weights(model: WhisperForConditionalGeneration) -> Iterator[None]:
    """Let a model compute attention so that it has the weights: the fused kernels do not."""
    fused = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(fused)


def token_borders(weights: np.ndarray) -> list[Seconds]:
    """Where each row's token begins, and where the last one ends.

    Parameters
    ----------
    weights : attention, shape (heads, tokens, frames)
    """
    deviation = weights.std(axis=1, keepdims=True)
    normal = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(deviation, 1e-6)
    edge = MEDIAN_WIDTH // 2
    padded = np.pad(normal, ((0, 0), (0, 0), (edge, edge)), mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_WIDTH, axis=-1), axis=-1)
    path = warp(-smooth.mean(axis=0))
    tokens, frames = smooth.shape[1:]
    starts = np.searchsorted(path[:, 0], np.arange(tokens))
    return [*(path[starts, 1] * FRAME).tolist(), frames * FRAME]


def warp(cost: np.ndarray) -> np.ndarray:
    """The cheapest monotone path from corner to corner: shape (steps, 2), of (row, column).

    Parameters
    ----------
    cost : shape (rows, columns)
    """
    rows, columns = cost.shape
    total = np.empty((rows, columns))
    total[0] = np.cumsum(cost[0])
    for row in range(1, rows):
        from_above = total[row - 1].copy()
        from_above[1:] = np.minimum(from_above[1:], total[row - 1, :-1])
        along = np.cumsum(cost[row])
        # total[j] = cost[j] + min(from_above[j], total[j - 1]), for all columns at once
        before = np.concatenate([[0.0], along[:-1]])
        total[row] = along + np.minimum.accumulate(from_above - before)
    row, column = rows - 1, columns - 1
    path = [(row, column)]
    while row or column:
        options = []
        if row and column:
            options.append((total[row - 1, column - 1], row - 1, column - 1))
        if row:
            options.append((total[row - 1, column], row - 1, column))
        if column:
            options.append((total[row, column - 1], row, column - 1))
        _, row, column = min(options)
        path.append((row, column))
    return np.array(path[::-1])
