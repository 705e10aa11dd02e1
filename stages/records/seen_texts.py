"""Which utterances have a text that was trained on: corpora of read speech repeat their sentences between speakers.

A tuned decoder may have memorised such a sentence, so its error rate says less about speech than that of others.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stages.records.error_unit import same_text
from stages.records.shards import Clip


@dataclass(frozen=True)
class TrainedTexts:
    """The distinct texts that were trained on, as `same_text` returns them, without the empty text."""

    texts: frozenset[str]
    language: str

    def hold(self, clip: Clip) -> bool:
        """Whether the clip's text was trained on."""
        return same_text(clip.text, self.language) in self.texts

    def count(self, clips: Iterable[Clip]) -> int:
        """How many of the clips have a text that was trained on."""
        return sum(self.hold(clip) for clip in clips)


def of_clips(clips: Iterable[Clip], language: str) -> TrainedTexts:
    """The texts of the clips that were trained on, in Whisper's code of the language that is spoken in them."""
    return TrainedTexts(frozenset(same_text(clip.text, language) for clip in clips) - {""}, language)
