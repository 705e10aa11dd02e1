"""Decode doubtful texts again at rising temperatures, as openai/whisper does (transcribe.py, decode_with_fallback).

A model that repeats a word takes the same likeliest tokens each time; drawn tokens usually lead out of the repetition.
"""

from collections.abc import Callable
from dataclasses import replace

from stages.decoding.transcription import Decoder, Hypothesis
from stages.records.transcripts import HIGHEST_COMPRESSION, compression_ratio

# As in openai/whisper.
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
LOWEST_LOG_PROBABILITY = -1.0

Decode = Callable[[Decoder, list[int]], list[Hypothesis]]  # of texts, by number


def is_doubtful(hypothesis: Hypothesis) -> bool:
    """Whether a text repeats itself or is improbable."""
    if hypothesis.log_probability is None or not hypothesis.text:
        return False
    return _is_improbable(hypothesis) or _repeats_itself(hypothesis)


def _is_improbable(hypothesis: Hypothesis) -> bool:
    return hypothesis.log_probability is not None and hypothesis.log_probability < LOWEST_LOG_PROBABILITY


def _repeats_itself(hypothesis: Hypothesis) -> bool:
    return compression_ratio(hypothesis.text) > HIGHEST_COMPRESSION


def decode_again(decoder: Decoder, hypotheses: list[Hypothesis], decode: Decode) -> list[Hypothesis]:
    """Decode doubtful texts again, at rising temperatures, until they are not doubtful any more.

    Parameters
    ----------
    decode : decodes some of the texts, by their numbers, with the given decoder

    Returns
    -------
    All hypotheses. Of those that stay doubtful at every temperature, one that repeats itself is replaced by the first
    one that does not; improbable ones are as they were. (openai/whisper takes the one of the highest temperature.)
    """
    hypotheses = list(hypotheses)
    for temperature in TEMPERATURES:
        if temperature <= decoder.settings.temperature:
            continue  # less random than the first try
        doubtful = [number for number, hypothesis in enumerate(hypotheses) if is_doubtful(hypothesis)]
        if not doubtful:
            break
        settings = decoder.settings.model_copy(update={"temperature": temperature, "num_beams": 1})
        again = decode(replace(decoder, settings=settings), doubtful)
        for number, hypothesis in zip(doubtful, again, strict=True):
            if not hypothesis.text and _is_improbable(hypothesis):
                continue  # the end token was drawn by chance: words would be lost
            is_better = _repeats_itself(hypotheses[number]) and not _repeats_itself(hypothesis)
            if is_better or not is_doubtful(hypothesis):
                hypotheses[number] = hypothesis
    return hypotheses
