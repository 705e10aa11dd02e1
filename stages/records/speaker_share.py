"""Which of the training speakers are trained on, where train.data_share is less than all of them."""

import hashlib
from collections.abc import Iterable


def choose(speakers: Iterable[str], share: float, seed: int) -> set[str]:
    """A share of the speakers, at least one; those of a smaller share are among those of a larger.

    Parameters
    ----------
    speakers : names, repeated or not
    share : in (0, 1], of the distinct names
    """
    # Whoever else the corpus holds, two speakers keep their order.
    ranked = sorted(set(speakers), key=lambda name: hashlib.sha256(f"{seed} learnt from {name}".encode()).digest())
    return set(ranked[: max(1, round(share * len(ranked)))])
