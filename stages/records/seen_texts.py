"""Which utterances have a text that was trained on: corpora of read speech repeat their sentences between speakers.

A tuned decoder can know such a sentence by heart, so the WER on it says less about speech than the WER on others.
"""

from collections.abc import Iterable

from stages.records.light_normaliser import light
from stages.records.shards import Clip


def distinct_texts(clips: Iterable[Clip]) -> set[str]:
    """The texts of clips as they are compared: light-normalised, without the empty text, which is no sentence."""
    return {light(clip.text) for clip in clips} - {""}


def is_seen(clip: Clip, trained: set[str]) -> bool:
    """Whether the clip's text was trained on.

    Parameters
    ----------
    trained : `distinct_texts` of the clips that were trained on
    """
    return light(clip.text) in trained


def count(clips: Iterable[Clip], trained: set[str]) -> int:
    """How many of the clips have a text that was trained on."""
    return sum(is_seen(clip, trained) for clip in clips)
