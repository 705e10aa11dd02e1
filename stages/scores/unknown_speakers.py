"""What the scores say where the corpus does not name all speakers; where it does, nothing here adds a word.

Every recording of an unknown speaker counts as a speaker of its own, so intervals are over recordings, and nothing kept
the children of the training data out of the evaluation sets.
"""

from collections.abc import Iterable

from stages.records import speaker_counts
from stages.records.shards import UNKNOWN_SPEAKER, Clip, of_unknown_speakers

UNKNOWN = "utterances_of_unknown_speakers"  # of figures: how many of their utterances
UNKNOWN_IN_TRAINING = "training_utterances_of_unknown_speakers"  # of a set's figures: how many of train, dev, replay


def counts(clips: list[Clip]) -> dict[str, int]:
    """What figures of these clips hold beside their interval: nothing if all speakers are known."""
    unknown = of_unknown_speakers(clips)
    return {UNKNOWN: unknown, "utterances": len(clips)} if unknown else {}


def resampled(figures: dict) -> str:
    """What an interval is over, to be written behind it; "" if all speakers are known.

    Parameters
    ----------
    figures : a block of scores.json or slices.json that has an interval
    """
    if UNKNOWN not in figures:
        return ""
    words = {"all": " over recordings", "some": " over speakers and recordings"}
    return words[speaker_counts.kind(figures[UNKNOWN], figures["utterances"])]


def speakers_text(figures: dict) -> str:
    """How many speakers a set or a slice has, in words, or what counts as a speaker there."""
    return speaker_counts.text(figures["speakers"], figures.get(UNKNOWN, 0), figures["utterances"])


def speakers_cell(figures: dict) -> str:
    """How many speakers a set or a slice has, for a column of a table."""
    return speaker_counts.cell(figures["speakers"], figures.get(UNKNOWN, 0), figures["utterances"])


def card_cell(card: dict) -> str:
    """How many speakers a split of corpus.json has, for a column of a table."""
    return speaker_counts.cell(card["speakers"], unknown_in_card(card), card["clips"])


def unknown_in_card(card: dict) -> int:
    """How many utterances of a split of corpus.json have an unknown speaker."""
    return sum(row["clips"] for row in card.get("flagged", []) if row["flag"] == UNKNOWN_SPEAKER)


def splits_sentence(corpus: dict) -> str | None:
    """Which splits have unknown speakers, and what follows from it; None if all speakers are known.

    Parameters
    ----------
    corpus : the contents of corpus.json
    """
    splits = []
    for split, card in corpus.items():
        unknown = unknown_in_card(card)
        if unknown:
            splits.append(f"{split} ({unknown} of {card['clips']} utterances)")
    if not splits:
        return None
    return (
        f"Speakers are unknown in {', '.join(splits)}. Each recording of theirs counts as a speaker, so intervals are "
        "over recordings, and too narrow if a child has several recordings. That no child is both in the training data "
        "and in an evaluation set was not checked for them."
    )


def notes(sets: dict[str, dict]) -> list[str]:
    """The sentences of every evaluation set with its name before them; none if all speakers are known.

    Parameters
    ----------
    sets : one model's figures of scores.json, by evaluation set
    """
    lines = []
    for name, figures in sets.items():
        for sentence in sentences(figures):
            lines.append(f"{name}: {sentence}")
    return lines


def caption(sets: dict[str, dict]) -> str:
    """The end of a caption of these sets' intervals; "" if all their speakers are known."""
    has_unknown = any(UNKNOWN in figures for figures in sets.values())
    return ", over recordings where speakers are unknown" if has_unknown else ""


def sentences(figures: dict) -> Iterable[str]:
    """What a reader of a set's figures has to know about its unknown speakers, and about those of training."""
    total, unknown = figures["utterances"], figures.get(UNKNOWN, 0)
    if unknown == total:
        yield (
            f"The speakers of all {total} utterances are unknown: each recording counts as a speaker. Intervals and p "
            "are over recordings, not children, and too narrow if a child has several recordings. That these children "
            "are not in the training data was not checked."
        )
    elif unknown:
        yield (
            f"The speakers of {unknown} of {total} utterances are unknown: each of their recordings counts as a "
            "speaker. Intervals and p are too narrow if such a child has several recordings. That these children are "
            "not in the training data was not checked."
        )
    in_training = figures.get(UNKNOWN_IN_TRAINING, 0)
    if in_training:
        yield (
            f"The speakers of {in_training} utterances of the training data are unknown: that none of them speaks in "
            "this set was not checked."
        )
