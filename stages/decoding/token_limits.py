"""Texts that need more new tokens than their clip's limit: named before decoding, and counted after it.

A text is cut at the limit, which is there to stop endless repetition. For Lao, Khmer, Burmese and Tibetan, Whisper's
tokenizer makes two or three tokens of each code point, so that the limit may cut what was really said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from stages.decoding.long_recordings import SEGMENT_SHARE
from stages.decoding.transcription import EXTRA_TOKENS, Decoder, Hypothesis, token_limit
from stages.records.shards import Clip
from stages.records.transcripts import Transcript

KEY = "transcribe.tokens_per_second"
BATCH = 1000  # texts that are tokenised at once: 100 000 take seconds
REPETITIONS = 3  # of a piece of text, in a row and at the end, are a sign of endless repetition
REPEATED_SHARE = 1 / 3  # of the text, at least
RUNAWAY_RATIO = 2.0  # a text with more tokens than so many times the reference's was not cut in what was said


@dataclass(frozen=True)
class Need:
    """How many tokens a clip's reference has, and how many new tokens the clip may have."""

    split: str  # the evaluation set
    clip: Clip
    tokens: int
    limit: int
    segments: int  # that the clip is cut into, at least; each has a limit of its own

    @property
    def name(self) -> str:
        return f"{self.split}/{self.clip.id}"


def needs_of(split: str, clips: Sequence[Clip], decoder: Decoder) -> list[Need]:
    """The tokens of the references, which are counted in batches, beside the limits."""
    counts = token_counts([clip.text for clip in clips], decoder.checkpoint.processor.tokenizer)
    needs = []
    for clip, tokens in zip(clips, counts, strict=True):
        segments = 1
        if clip.duration > decoder.window:
            segments = math.ceil(clip.duration / (SEGMENT_SHARE * decoder.window))
        limit = segments * token_limit(clip.duration / segments, decoder)
        needs.append(Need(split, clip, tokens, limit, segments))
    return needs


def token_counts(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The number of tokens of each text, without special tokens."""
    counts: list[int] = []
    for begin in range(0, len(texts), BATCH):
        batch = [" " + text for text in texts[begin : begin + BATCH]]  # as Whisper was trained on them
        counts += map(len, tokenizer(batch, add_special_tokens=False).input_ids)
    return counts


def warn_of_references(needs: Sequence[Need], decoder: Decoder) -> None:
    """Print warnings of references that have more tokens than their clips' limits allow; nothing where all fit."""
    over = [need for need in needs if need.tokens > need.limit]
    without_positions = [need for need in over if need.tokens > need.segments * decoder.max_tokens]
    too_low = [need for need in over if need.tokens <= need.segments * decoder.max_tokens]
    if too_low:
        worst = max(too_low, key=_needed_rate)
        print(
            f"warning: {len(too_low)} of {len(needs)} references have more tokens than {KEY} lets the model write, and "
            f"it would be cut off there. In params.yaml, raise {KEY} from {decoder.settings.tokens_per_second:g} to "
            f"{math.ceil(_needed_rate(worst))}; clip {worst.name} needs most: {worst.tokens} tokens in "
            f"{worst.clip.duration:.1f} s"
        )
    if without_positions:
        first = without_positions[0]
        print(
            f"warning: {len(without_positions)} of {len(needs)} references have more tokens than the decoder has "
            f"positions for ({decoder.max_tokens}), such as that of clip {first.name} ({first.tokens}): the model "
            "cannot write all of them; cut these utterances into shorter ones"
        )


def _needed_rate(need: Need) -> float:
    """The tokens per second that would let the model write the reference."""
    return (need.tokens - need.segments * EXTRA_TOKENS) / need.clip.duration


def warn_of_cut_transcripts(needs: Sequence[Need], rows: Sequence[Transcript], decoder: Decoder) -> None:
    """Print how many transcripts were cut although they may be what was said; nothing where there are none.

    Parameters
    ----------
    needs, rows : of the same clips, in the same order
    """
    cut, low = 0, []
    for need, row in zip(needs, rows, strict=True):
        if row.is_cut:
            cut += 1
            is_runaway = need.limit > RUNAWAY_RATIO * need.tokens or repeats_itself(row.hypothesis)
            if not is_runaway and need.limit < need.segments * decoder.max_tokens:
                low.append(need.name)
    if not low:
        return
    others = f" (and {cut - len(low)} more that repeat themselves or run away)" if cut > len(low) else ""
    print(
        f"warning: {len(low)} of {len(rows)} transcripts were cut off at the limit of new tokens and may be what was "
        f"said{others}, such as that of clip {low[0]}. If they end too early, raise {KEY} in params.yaml, now "
        f"{decoder.settings.tokens_per_second:g}"
    )


def may_lack_speech(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis was cut, and not because it repeats itself; for recordings without a reference."""
    return hypothesis.is_cut and not repeats_itself(hypothesis.text)


def repeats_itself(text: str) -> bool:
    """Whether at least a third of the text, at its end, is one piece three times or more: "no no no no no"."""
    text = text.rstrip("\ufffd ")  # of a letter that was cut in its middle
    shortest = math.ceil(REPEATED_SHARE * len(text))
    for period in range(1, len(text) // REPETITIONS + 1):
        repeated = max(REPETITIONS * period, shortest)
        tail = text[-repeated:]
        if tail[period:] == tail[:-period]:
            return True
    return False
