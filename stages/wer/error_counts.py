"""Word and character error rates, from counts that add up over a corpus."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import jiwer

from stages.common.errors import UserError
from stages.wer.alignment import UtteranceErrors, align
from stages.wer.normalisers import Normaliser

DIGITS = 6  # of a rate in scores.json


@dataclass(frozen=True)
class ErrorCounts:
    """Alignment counts summed over a set of utterances."""

    utterances: int
    words: int  # in the references
    substitutions: int
    deletions: int
    insertions: int
    characters: int
    character_errors: int

    @property
    def wer(self) -> float:
        """Corpus word error rate, a share of the reference words: (S + D + I) / N. Can exceed 1."""
        return (self.substitutions + self.deletions + self.insertions) / self.words

    @property
    def cer(self) -> float:
        """Corpus character error rate, spaces counted."""
        return self.character_errors / self.characters

    def figures(self) -> dict[str, float | int]:
        """Rates and counts, as in scores.json."""
        counts = asdict(self)
        del counts["characters"], counts["character_errors"]
        return {"wer": round(self.wer, DIGITS), "cer": round(self.cer, DIGITS)} | counts


def count_errors(
    references: Sequence[str],
    hypotheses: Sequence[str],
    normalise: Normaliser,
    aligned: UtteranceErrors | None = None,
) -> ErrorCounts:
    """Count word and character errors over all utterances.

    Utterances whose reference is empty after normalisation are counted too: all their hypothesis words are insertions.

    Parameters
    ----------
    aligned : the result of `align` for these texts and this normaliser, if it is known; None: computed here

    Raises
    ------
    UserError
        Nothing is left of the references after normalisation, so a rate cannot be computed.
    """
    errors = align(references, hypotheses, normalise) if aligned is None else aligned
    if not errors.words.any():
        raise UserError("nothing is left of the references after normalisation: an error rate cannot be computed")
    characters = jiwer.process_characters(list(map(normalise, references)), list(map(normalise, hypotheses)))
    return ErrorCounts(
        utterances=len(references),
        words=int(errors.words.sum()),
        substitutions=int(errors.substitutions.sum()),
        deletions=int(errors.deletions.sum()),
        insertions=int(errors.insertions.sum()),
        characters=characters.hits + characters.substitutions + characters.deletions,
        character_errors=characters.substitutions + characters.deletions + characters.insertions,
    )
