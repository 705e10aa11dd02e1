"""Transcribe clips in batches of similar length: the base at its full window, a tuned model as it was trained."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from tqdm import tqdm
from transformers import LogitsProcessorList

from stages.common.params import Params, Transcribe
from stages.decoding import batching, pauses
from stages.decoding.confidence import TokenLogProbabilities
from stages.records.shards import Clip, read_audio
from stages.records.transcripts import Transcript, compression_ratio
from stages.records.units import SAMPLE_RATE, SILENCE, Seconds
from stages.runtime import devices
from stages.whisper import dtypes, features
from stages.whisper.model import Checkpoint, prompt_tokens, set_language

EXTRA_TOKENS = 16  # beyond tokens_per_second: a short clip still holds a sentence
STRETCH_SHARE = 0.5  # of the window: the longest stretch of a recording that is longer than the window
DIGITS = 4  # of log-probabilities


@dataclass(frozen=True)
class Decoder:
    """A checkpoint with everything that decides what it answers."""

    checkpoint: Checkpoint
    settings: Transcribe
    prompt_length: int  # tokens
    most_tokens: int  # new ones the decoder has positions for, after the prompt
    device: torch.device
    precision: str  # resolved: fp32, bf16 or fp16

    @property
    def window(self) -> Seconds:
        return self.checkpoint.processor.feature_extractor.n_samples / SAMPLE_RATE


@dataclass(frozen=True)
class Inputs:
    """A batch, ready for the model."""

    features: torch.Tensor  # (clips, mel_bins, frames)
    limits: list[int]  # most new tokens, of each clip


@dataclass(frozen=True)
class Hypothesis:
    """What a model heard."""

    text: str  # as the model wrote it, special tokens removed
    log_probability: float | None  # mean over its tokens, natural; None: the model was not asked, nothing was audible


@dataclass(frozen=True)
class Segment:
    """What a model heard in a part of a recording."""

    start: Seconds
    end: Seconds
    answer: Hypothesis


def prepare(checkpoint: Checkpoint, settings: Params) -> Decoder:
    """Put a checkpoint on this machine's device and fix everything that decides what it answers."""
    if isinstance(checkpoint.model, PeftModel):
        # Merged, an adapter costs nothing at each of the decoder's steps.
        checkpoint = replace(checkpoint, model=checkpoint.model.merge_and_unload())
    device = devices.choose_device(settings.runtime.device)
    model = checkpoint.model.to(device)
    set_language(model, settings.language)
    prompt = len(prompt_tokens(model, settings.language))
    precision = dtypes.choose_precision(settings.transcribe.precision, device, learning=False)
    most_tokens = model.config.max_target_positions - prompt
    return Decoder(checkpoint, settings.transcribe, prompt, most_tokens, device, precision)


def transcribe_split(
    decoder: Decoder, folder: Path, clips: Sequence[Clip], known: Collection[str] = ()
) -> Iterator[list[Transcript]]:
    """Transcribe the clips of processed_data/<split>; yields the transcripts of each batch as soon as they are there.

    Parameters
    ----------
    clips : all of the split's, so that batches are the same however often the work was interrupted
    known : ids of clips that need no transcript, if all of their batch need none
    """
    durations = [clip.duration for clip in clips]
    together = [index for index, seconds in enumerate(durations) if seconds <= decoder.window]
    groups = [[together[place] for place in batch] for batch in clip_batches(decoder, [durations[i] for i in together])]
    waiting = [batch for batch in groups if not all(clips[index].id in known for index in batch)]
    long = [index for index, clip in enumerate(clips) if clip.duration > decoder.window and clip.id not in known]

    def read(batch: list[int]) -> Inputs:
        return model_inputs(decoder, [read_audio(folder, clips[index]) for index in batch])

    done = len(clips) - sum(map(len, waiting)) - len(long)
    with tqdm(total=len(clips), initial=done, desc=f"transcribe {folder.name}", unit="clip") as progress:
        for batch, inputs in _ahead(waiting, read):
            answers = decode_batch(decoder, inputs)
            yield [_transcript(folder.name, clips[i], answer) for i, answer in zip(batch, answers, strict=True)]
            progress.update(len(batch))
        for index in long:
            answer = _joined(transcribe_recording(decoder, read_audio(folder, clips[index])))
            yield [_transcript(folder.name, clips[index], answer)]
            progress.update()


def _transcript(split: str, clip: Clip, answer: Hypothesis) -> Transcript:
    heard = {"hypothesis": answer.text, "log_probability": answer.log_probability}
    ratio = round(compression_ratio(answer.text), DIGITS)
    return Transcript(split=split, id=clip.id, reference=clip.text, compression_ratio=ratio, **heard)


def _ahead(waiting: list[list[int]], read: Callable[[list[int]], Inputs]) -> Iterator[tuple[list[int], Inputs]]:
    """Every batch with its inputs, those of the next one made while the caller works on the last."""
    with ThreadPoolExecutor(1) as reader:
        reads = (reader.submit(read, batch) for batch in waiting)
        coming = next(reads, None)
        for batch in waiting:
            inputs, coming = coming.result(), next(reads, None)
            yield batch, inputs


def clip_batches(decoder: Decoder, durations: Sequence[Seconds]) -> Iterator[list[int]]:
    """Indices of clips that are decoded together, for clips of these durations."""
    at_least = decoder.window if decoder.checkpoint.audio_context == "window" else 0.0
    return batching.batches(durations, decoder.settings.batch_seconds, at_least)


def transcribe(decoder: Decoder, clips: list[np.ndarray]) -> list[Hypothesis]:
    """Transcribe clips that fit together in memory, none longer than the window.

    Parameters
    ----------
    clips : float32 arrays, shape (samples,), 16 kHz
    """
    return decode_batch(decoder, model_inputs(decoder, clips))


def transcribe_recording(decoder: Decoder, samples: np.ndarray) -> list[Segment]:
    """Transcribe a recording of any length; one that is longer than the window is cut at pauses.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    """
    spans = [(0, len(samples))]
    if len(samples) > decoder.window * SAMPLE_RATE:
        spans = pauses.cut(samples, STRETCH_SHARE * decoder.window)
    # For what is not audible, Whisper invents words.
    audible = [index for index, (start, end) in enumerate(spans) if np.abs(samples[start:end]).max() >= SILENCE]
    answers = [Hypothesis("", None)] * len(spans)
    for batch in clip_batches(decoder, [(spans[index][1] - spans[index][0]) / SAMPLE_RATE for index in audible]):
        chosen = [audible[place] for place in batch]
        heard = transcribe(decoder, [samples[slice(*spans[index])] for index in chosen])
        for index, answer in zip(chosen, heard, strict=True):
            answers[index] = answer
    seconds = [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in spans]
    return [Segment(*span, answer) for span, answer in zip(seconds, answers, strict=True)]


def _joined(stretches: list[Segment]) -> Hypothesis:
    answers = [stretch.answer for stretch in stretches if stretch.answer.log_probability is not None]
    if not answers:
        return Hypothesis("", None)
    mean = sum(answer.log_probability for answer in answers) / len(answers)
    return Hypothesis(" ".join(answer.text for answer in answers if answer.text), round(mean, DIGITS))


def model_inputs(decoder: Decoder, clips: list[np.ndarray]) -> Inputs:
    """Make features and token limits of clips, each float32 of shape (samples,), 16 kHz."""
    checkpoint, extractor = decoder.checkpoint, decoder.checkpoint.processor.feature_extractor
    # Never under autocast: in bfloat16, the extractor fails on a CPU.
    spectrograms = [features.log_mel(extractor, clip, checkpoint.spare_seconds) for clip in clips]
    limits = [token_limit(len(clip) / SAMPLE_RATE, decoder) for clip in clips]
    return Inputs(features.batch(spectrograms, extractor, checkpoint.audio_context), limits)


def decode_batch(decoder: Decoder, inputs: Inputs) -> list[Hypothesis]:
    """Generate the text of every clip of a batch."""
    torch.manual_seed(decoder.settings.seed)  # for each batch anew, so that those before do not matter
    generate = _beams if decoder.settings.num_beams > 1 else _greedy
    with torch.inference_mode(), dtypes.autocast(decoder.device, decoder.precision):
        tokens, log_probabilities = generate(decoder, inputs.features.to(decoder.device), inputs.limits)
    # Each clip's own limit, so that its text does not depend on which clips it was batched with.
    tokens = [row[:limit] for row, limit in zip(tokens, inputs.limits, strict=True)]
    texts = decoder.checkpoint.processor.batch_decode(tokens, skip_special_tokens=True)
    return [Hypothesis(text.strip(), round(p, DIGITS)) for text, p in zip(texts, log_probabilities, strict=True)]


def token_limit(seconds: Seconds, decoder: Decoder) -> int:
    """Most new tokens for a clip: by its duration, and never more than the decoder has positions for."""
    return min(decoder.most_tokens, EXTRA_TOKENS + math.ceil(seconds * decoder.settings.tokens_per_second))


def _greedy(decoder: Decoder, inputs: torch.Tensor, limits: list[int]) -> tuple[list[list[int]], list[float]]:
    """The likeliest token at every step or, above a temperature of 0, one drawn."""
    watched = TokenLogProbabilities()
    rows = _generate(decoder, inputs, limits, logits_processor=LogitsProcessorList([watched]))
    tokens = _without_end(rows, decoder)
    return tokens, watched.means(tokens, _end(decoder), limits)


def _beams(decoder: Decoder, inputs: torch.Tensor, limits: list[int]) -> tuple[list[list[int]], list[float]]:
    """The likeliest text of those that several beams follow."""
    # Unless all scores are returned, those of the beams are not either.
    found = _generate(decoder, inputs, limits, return_dict_in_generate=True, output_scores=True)
    return _without_end(found.sequences, decoder), found.sequences_scores.tolist()


def _generate(decoder: Decoder, inputs: torch.Tensor, limits: list[int], **options):
    return decoder.checkpoint.model.generate(
        input_features=inputs,
        num_beams=decoder.settings.num_beams,
        temperature=decoder.settings.temperature,
        max_new_tokens=max(limits),
        return_timestamps=False,
        # Else a model that writes timestamps all the same is taken through the window a second time.
        force_unique_generate_call=True,
        **options,
    )


def _end(decoder: Decoder) -> int:
    return decoder.checkpoint.model.generation_config.eos_token_id


def _without_end(rows: torch.Tensor, decoder: Decoder) -> list[list[int]]:
    """The new tokens of each row."""
    end = _end(decoder)
    return [list(takewhile(lambda token: token != end, row)) for row in rows[:, decoder.prompt_length :].tolist()]
