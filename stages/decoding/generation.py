"""Token search with Transformers' generate: greedy (or sampling), and beam search."""

import torch
from transformers import LogitsProcessorList, WhisperForConditionalGeneration

from stages.common.params import Transcribe
from stages.decoding.confidence import TokenLogProbabilities

Output = tuple[list[list[int]], list[float]]  # of each clip: the new tokens, and their mean log-probability


def greedy(
    model: WhisperForConditionalGeneration,
    features: torch.Tensor,
    settings: Transcribe,
    prompt_length: int,
    limits: list[int],
) -> Output:
    """Take the likeliest token at every step or, with a temperature above 0, a random one.

    Parameters
    ----------
    features : log-mel, shape (clips, mel_bins, frames)
    prompt_length : tokens that generate puts before the new ones
    limits : of each clip, how many new tokens count at most
    """
    recorder = TokenLogProbabilities()
    rows = _generate(model, features, settings, limits, logits_processor=LogitsProcessorList([recorder]))
    end = model.generation_config.eos_token_id
    tokens = _new_tokens(rows, prompt_length, end)
    return tokens, recorder.means(tokens, end, limits)


def beam_search(
    model: WhisperForConditionalGeneration,
    features: torch.Tensor,
    settings: Transcribe,
    prompt_length: int,
    limits: list[int],
) -> Output:
    """Take the likeliest text that settings.num_beams beams find; parameters as of `greedy`."""
    # generate returns the beams' scores only if it also returns those of every step.
    output = _generate(model, features, settings, limits, return_dict_in_generate=True, output_scores=True)
    tokens = _new_tokens(output.sequences, prompt_length, model.generation_config.eos_token_id)
    return tokens, output.sequences_scores.tolist()


def _generate(
    model: WhisperForConditionalGeneration, features: torch.Tensor, settings: Transcribe, limits: list[int], **options
):
    return model.generate(
        input_features=features,
        num_beams=settings.num_beams,
        temperature=settings.temperature,
        max_new_tokens=max(limits),
        return_timestamps=False,
        # Otherwise generate decodes the window a second time if the model writes timestamps nevertheless.
        force_unique_generate_call=True,
        **options,
    )


def _new_tokens(rows: torch.Tensor, prompt_length: int, end: int) -> list[list[int]]:
    """The tokens of each row after the prompt and before the end token."""
    texts = []
    for row in rows[:, prompt_length:].tolist():
        length = row.index(end) if end in row else len(row)
        texts.append(row[:length])
    return texts
