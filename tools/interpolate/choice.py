"""Which alpha is chosen, and whether it is better than the tuned model itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stages.common.errors import UserError
from stages.scores.scoreboard import SetResults
from stages.scores.significance import Difference, SpeakerBootstrap


@dataclass(frozen=True)
class Point:
    """A model at one alpha, scored on dev and on the adults' set."""

    alpha: float
    children: SetResults
    adults: SetResults


def weighted_sum(point: Point, trade: float) -> Fraction:
    """The children's error rate + trade * the adults', as an exact number: equal sums are ties."""
    return _rate(point.children) + Fraction(trade) * _rate(point.adults)


def _rate(results: SetResults) -> Fraction:
    return Fraction(int(results.errors.errors.sum()), int(results.errors.words.sum()))


def check_has_words(name: str, results: SetResults) -> None:
    """Raise UserError if the references of a set hold nothing to count errors of."""
    if not results.errors.words.sum():
        raise UserError(f"the references of {name} hold no word: it has no error rate; use another set")


def choose(points: Sequence[Point], trade: float) -> Point:
    """The point with the lowest weighted sum; of several, that with the largest alpha."""
    return min(points, key=lambda point: (weighted_sum(point, trade), -point.alpha))


def difference(before: SetResults, after: SetResults) -> Difference:
    """Compare two alphas on the same utterances, by speakers; negative: the second makes fewer errors."""
    bootstrap = SpeakerBootstrap([clip.speaker for clip in before.clips])
    return bootstrap.difference(before.errors.errors, after.errors.errors, before.errors.words)
