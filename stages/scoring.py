"""Word and character error rates under two normalisations, from counts that add up over a corpus."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import jiwer
from transformers import WhisperTokenizer
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from stages.errors import UserError
from stages.light_normaliser import light

Normaliser = Callable[[str], str]
DIGITS = 6  # of a rate in wer.json


def normalisers(tokenizer: WhisperTokenizer, language: str) -> dict[str, Normaliser]:
    """Whisper's normaliser (the English one for English, else the basic one) and the light one, by name.

    Raises
    ------
    UserError
        The checkpoint has no normalizer.json, without which English spelling variants cannot be mapped.
    """
    if language != "en":
        return {"whisper": tokenizer.basic_normalize, "light": light}
    if tokenizer.english_spelling_normalizer is None:
        raise UserError("the base model has no normalizer.json; copy it from the original checkpoint on the hub")
    return {"whisper": EnglishTextNormalizer(tokenizer.english_spelling_normalizer), "light": light}


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
        """Rates and counts as they stand in wer.json."""
        counts = asdict(self)
        del counts["characters"], counts["character_errors"]
        return {"wer": round(self.wer, DIGITS), "cer": round(self.cer, DIGITS)} | counts


def count_errors(references: Sequence[str], hypotheses: Sequence[str], normalise: Normaliser) -> ErrorCounts:
    """Align each hypothesis with its reference (minimum edit distance, jiwer) and sum the errors.

    Utterances whose reference is empty after normalisation stay: whatever was recognised there counts as insertions.

    Raises
    ------
    UserError
        No reference word is left, so there is nothing to divide by.
    """
    references = [normalise(text) for text in references]
    hypotheses = [normalise(text) for text in hypotheses]
    if not any(references):
        raise UserError("no reference word is left after normalisation: a word error rate cannot be computed")
    words = jiwer.process_words(references, hypotheses)
    characters = jiwer.process_characters(references, hypotheses)
    return ErrorCounts(
        utterances=len(references),
        words=words.hits + words.substitutions + words.deletions,
        substitutions=words.substitutions,
        deletions=words.deletions,
        insertions=words.insertions,
        characters=characters.hits + characters.substitutions + characters.deletions,
        character_errors=characters.substitutions + characters.deletions + characters.insertions,
    )
