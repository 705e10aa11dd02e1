"""Find when each token of a given text is spoken, from the decoder's cross-attention.

Some heads of Whisper's cross-attention look at the frames in which the current token is spoken; generation_config names
them (alignment_heads). Dynamic time warping of their attention gives each token's time, as in openai/whisper
(timing.py). Transformers does the same (return_token_timestamps), but only for texts that the model generates.
"""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration

from stages.decoding.transcription import Decoder, model_inputs
from stages.records.units import SAMPLE_RATE, Seconds
from stages.whisper import dtypes

FRAME: Seconds = 0.02  # length of a frame of the encoder's output
MEDIAN_WIDTH = 7  # frames, as in openai/whisper


@dataclass(frozen=True)
class TimedTokens:
    """When each token of a text is spoken, from the clip's start, and how probable it is there."""

    starts: list[Seconds]  # of each token, and then the end of the text
    log_probabilities: list[float]  # natural, of each token given those before it, and then of the end token


def align_tokens(decoder: Decoder, clips: list[np.ndarray], texts: list[list[int]]) -> list[TimedTokens]:
    """Find when the tokens of given texts are spoken, as one batch.

    Parameters
    ----------
    clips : float32 arrays, shape (samples,), 16 kHz; none longer than the window
    texts : the tokens of each clip's text, without prompt and end token; at least one each
    """
    model = decoder.checkpoint.model
    prompt = decoder.prompt
    end = model.generation_config.eos_token_id
    longest = max(map(len, texts))
    rows = []
    for text in texts:
        padding = [end] * (longest - len(text) + 1)
        rows.append(list(prompt) + list(text) + padding)
    inputs = torch.tensor(rows, device=decoder.device)
    log_mel = model_inputs(decoder, clips).features.to(decoder.device)
    with torch.inference_mode(), dtypes.autocast(decoder.device, decoder.precision):
        encoded = model.get_encoder()(log_mel)  # apart, since its attention would take 14 MB a clip and second
        with _attention_weights(model):
            output = model(encoder_outputs=encoded, decoder_input_ids=inputs, output_attentions=True, use_cache=False)
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

    Where generation_config does not name them, these are all heads of the upper half of the decoder, as in
    openai/whisper. (Transformers gives no times for such a checkpoint.)
    """
    named = getattr(model.generation_config, "alignment_heads", None)
    if named:
        return [(layer, head) for layer, head in named]
    layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
    return list(itertools.product(range(layers // 2, layers), range(heads)))


@contextlib.contextmanager
def _attention_weights(model: WhisperForConditionalGeneration) -> Iterator[None]:
    """Let a model compute attention in a way that returns the weights; the fused kernels do not."""
    fused = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(fused)


def token_borders(weights: np.ndarray) -> list[Seconds]:
    """When each token begins, and when the last one ends.

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
