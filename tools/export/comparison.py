"""Compare an export with the model that it was made from: both decode a few clips, and their words are compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from stages.common.errors import UserError
from stages.common.params import Params
from stages.decoding import splits, transcription
from stages.decoding.transcription import Decoder
from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.shards import Clip
from stages.records.units import Seconds
from stages.wer.alignment import align
from stages.wer.normalisers import Normaliser
from stages.whisper.model import Checkpoint, whisper_of

# A merged adapter or another engine sums the same weights in another order, which changes a logit by a millionth. Two
# tokens with logits that close are rare, so this share of the words may differ, and always one word. A broken export (a
# lost adapter, other features, another prompt) differs in most clips.
ROUNDING_SHARE = 0.001
# Quantized weights are another model. Its errors may differ by this share of the reference words: one point of WER.
QUANTIZED_SHARE = 0.01


@dataclass(frozen=True)
class Comparison:
    """Errors of source and export on the same clips, decoded in the same way, after Whisper's normaliser.

    They are of words, or, in a language without spaces, of characters.
    """

    export: str  # name of its folder
    audio_context: str  # "utterance" or "window": what the encoder sees
    clips: int
    words: int  # in the references
    source_errors: int  # words
    errors: int  # words, of the export
    differing: int  # words that differ between source and export; at least |errors - source_errors|

    @property
    def source_wer(self) -> float:
        return self.source_errors / self.words

    @property
    def wer(self) -> float:
        return self.errors / self.words


def choose(clips: Sequence[Clip], count: int, window: Seconds) -> list[Clip]:
    """Choose evenly spaced clips among those that fit in the model's window.

    Parameters
    ----------
    count : number of clips; if there are fewer, all of them

    Raises
    ------
    UserError
        No clip fits.
    """
    fitting = [clip for clip in clips if clip.duration <= window]
    if not fitting:
        raise UserError(f"no test clip fits in the model's window of {window:g} s: an export cannot be checked")
    return evenly_spaced(fitting, count)


def evenly_spaced(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Return `count` of the clips, with the first and the last one; if there are fewer, all of them."""
    places = np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int)
    return [clips[place] for place in places]


def decoder(checkpoint: Checkpoint, settings: Params, audio_context: str | None = None) -> Decoder:
    """Prepare a checkpoint to decode exactly: greedily, in float32, the whole clip, without merging an adapter.

    Parameters
    ----------
    audio_context : "window": as stock tools decode; None: as the model was trained
    """
    torch.backends.cudnn.allow_tf32 = False  # else convolutions on a GPU round to 10 bits
    exact = {"num_beams": 1, "temperature": 0.0, "precision": "fp32", "speech_only": False, "retry_doubtful": False}
    settings = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update=exact)})
    context = audio_context or checkpoint.audio_context
    return transcription.prepare(
        replace(checkpoint, model=whisper_of(checkpoint.model), audio_context=context), settings
    )


def texts(ready: Decoder, split: Path, clips: Sequence[Clip]) -> list[str]:
    """Transcribe clips, in their order.

    Parameters
    ----------
    split : folder of the clips' audio, such as processed_data/evaluation/test
    """
    hypotheses = {}
    for rows in splits.transcribe_split(ready, split, clips):
        hypotheses |= {row.id: row.hypothesis for row in rows}
    return [hypotheses[clip.id] for clip in clips]


def compare(
    export: str, audio_context: str, clips: Sequence[Clip], source: list[str], hypotheses: list[str], rule: Normaliser
) -> Comparison:
    """Count the word errors of source and export, and the words that differ between them.

    Parameters
    ----------
    export, audio_context : see Comparison
    source, hypotheses : texts that the source and the export wrote, one per clip

    Raises
    ------
    UserError
        The references of the clips have no word.
    """
    references = [clip.text for clip in clips]
    of_source, of_export = align(references, source, rule), align(references, hypotheses, rule)
    if not of_source.words.sum():
        raise UserError("the clips of the check hold no word; raise --clips")
    return Comparison(
        export=export,
        audio_context=audio_context,
        clips=len(clips),
        words=int(of_source.words.sum()),
        source_errors=int(of_source.errors.sum()),
        errors=int(of_export.errors.sum()),
        differing=int(align(source, hypotheses, rule).errors.sum()),
    )


def check(compared: Comparison, same_weights: bool, unit: ErrorUnit = WORDS) -> None:
    """Raise an error if an export differs from its source by more than rounding explains.

    Parameters
    ----------
    same_weights : true: the words must be the same; false (quantized weights): only the WER is compared
    unit : what was counted: words, or characters

    Raises
    ------
    UserError
        Gives both WERs, and how many words differ and may differ.
    """
    share = ROUNDING_SHARE if same_weights else QUANTIZED_SHARE
    allowed = max(1, int(share * compared.words))
    difference = compared.differing if same_weights else abs(compared.errors - compared.source_errors)
    if difference > allowed:
        message = (
            f"{compared.export} is refused: on {compared.clips} clips ({compared.words} {unit.plural}, "
            f"{compared.audio_context}), {unit.rate} is {100 * compared.wer:.2f} % instead of "
            f"{100 * compared.source_wer:.2f} %, {compared.differing} {unit.plural} differ, and {allowed} may; "
            "nothing was written"
        )
        if not same_weights:
            message += "; use --quantization float32, or a larger --clips"
        raise UserError(message)
