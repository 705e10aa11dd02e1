"""The choice of training speakers for train.data_share."""

import hashlib
from collections.abc import Iterable


def choose(speakers: Iterable[str], share: float, seed: int) -> set[str]:
    """A share of the speakers, at least one; a larger share includes the speakers of a smaller one.

    Parameters
    ----------
    speakers : names, repeated or not
    share : in (0, 1], of the distinct names
    """
    # The order of two speakers does not depend on the other speakers of the corpus.
    ranked = sorted(set(speakers), key=lambda name: hashlib.sha256(f"{seed} learnt from {name}".encode()).digest())
    return set(ranked[: max(1, round(share * len(ranked)))])
