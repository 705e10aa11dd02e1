"""Whether an export answers as the model it was made from: both decode a few clips, and their words are compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from stages.common.errors import UserError
from stages.common.params import Params
from stages.decoding import transcription
from stages.decoding.transcription import Decoder
from stages.records.shards import Clip
from stages.records.units import Seconds
from stages.wer.alignment import align
from stages.wer.normalisers import Normaliser
from stages.whisper.model import Checkpoint, whisper_of

# Between the same weights lies rounding only: a merged adapter, or another engine, sums in another order, which moves
# a logit by a millionth. Two tokens that close are rare, so one word in a thousand may differ, and one in any case.
# What is broken (a lost adapter, other features, another prompt) differs in most clips.
ROUNDING_SHARE = 0.001
# Rounded weights are another model. Its WER may differ by this share of the reference words: a point.
QUANTIZED_SHARE = 0.01


@dataclass(frozen=True)
class Comparison:
    """What source and export answered on the same clips, decoded in the same way; under Whisper's normaliser."""

    export: str  # its folder
    audio_context: str  # "utterance" or "window": what both encoders saw
    clips: int
    words: int  # in the references
    source_errors: int  # words
    errors: int
    differing: int  # words between source and export; |errors - source_errors| is never more

    @property
    def source_wer(self) -> float:
        return self.source_errors / self.words

    @property
    def wer(self) -> float:
        return self.errors / self.words


def choose(clips: Sequence[Clip], count: int, window: Seconds) -> list[Clip]:
    """Evenly spaced clips out of those that fit in the model's window; all where there are no more.

    Raises
    ------
    UserError
        None fits.
    """
    fitting = [clip for clip in clips if clip.duration <= window]
    if not fitting:
        raise UserError(f"no test clip fits in the model's window of {window:g} s: an export cannot be checked")
    return evenly_spaced(fitting, count)


def evenly_spaced(clips: Sequence[Clip], count: int) -> list[Clip]:
    """So many of the clips, the first and the last among them; all where there are no more."""
    places = np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int)
    return [clips[place] for place in places]


def decoder(checkpoint: Checkpoint, settings: Params, audio_context: str | None = None) -> Decoder:
    """A checkpoint ready to decode exactly: greedily, in float32, an adapter beside its base and not merged.

    Parameters
    ----------
    audio_context : "window" decodes as stock tools do; None: as the model was trained
    """
    torch.backends.cudnn.allow_tf32 = False  # else convolutions on a GPU keep 10 bits
    exact = {"num_beams": 1, "temperature": 0.0, "precision": "fp32"}
    settings = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update=exact)})
    context = audio_context or checkpoint.audio_context
    return transcription.prepare(
        replace(checkpoint, model=whisper_of(checkpoint.model), audio_context=context), settings
    )


def texts(ready: Decoder, split: Path, clips: Sequence[Clip]) -> list[str]:
    """What a model hears in clips of processed_data/<split>, in their order."""
    heard = {row.id: row.hypothesis for rows in transcription.transcribe_split(ready, split, clips) for row in rows}
    return [heard[clip.id] for clip in clips]


def compare(
    export: str, audio_context: str, clips: Sequence[Clip], source: list[str], answers: list[str], rule: Normaliser
) -> Comparison:
    """Count the words that source and export got wrong, and those in which they differ.

    Raises
    ------
    UserError
        The clips hold no reference word.
    """
    references = [clip.text for clip in clips]
    before, after = (align(references, found, rule) for found in (source, answers))
    if not before.words.sum():
        raise UserError("the clips of the check hold no word; raise --clips")
    counts = (before.words, before.errors, after.errors, align(source, answers, rule).errors)
    return Comparison(export, audio_context, len(clips), *(int(values.sum()) for values in counts))


def check(found: Comparison, same_weights: bool) -> None:
    """Refuse an export that answers otherwise than its source.

    Parameters
    ----------
    same_weights : the words themselves must be the source's; else only their WER is compared

    Raises
    ------
    UserError
        They differ by more than rounding explains; says by how much.
    """
    share = ROUNDING_SHARE if same_weights else QUANTIZED_SHARE
    allowed = max(1, int(share * found.words))
    seen = found.differing if same_weights else abs(found.errors - found.source_errors)
    if seen > allowed:
        raise UserError(
            f"{found.export} is refused: on {found.clips} clips ({found.words} words, {found.audio_context}), WER is "
            f"{100 * found.wer:.2f} % instead of {100 * found.source_wer:.2f} %, {found.differing} words differ, and "
            f"{allowed} may; nothing was written"
            + ("" if same_weights else "; take --quantization float32, or a larger --clips")
        )
