"""ELAN's annotations without times of their own: which timed annotation each belongs to, and in which order."""

from collections import defaultdict
from xml.etree.ElementTree import Element

from stages.records import spacing

MAX_DEPTH = 20  # of tiers below each other, for the order of annotations


class References:
    """The REF_ANNOTATIONs of a document. Raises KeyError where one lacks an attribute."""

    def __init__(self, root: Element):
        self.parents: dict[str, str] = {}  # the annotation that each refers to
        self._following: dict[str, str] = {}  # of those that divide one annotation, the next of each
        firsts = []
        for annotation in root.iter("REF_ANNOTATION"):
            id, previous = annotation.attrib["ANNOTATION_ID"], annotation.get("PREVIOUS_ANNOTATION")
            self.parents[id] = annotation.attrib["ANNOTATION_REF"]
            if previous:
                self._following[previous] = id
            else:
                firsts.append(id)
        self._ranks: dict[str, int] = {}  # place among those that divide one annotation
        for id in firsts:
            rank = 0
            following: str | None = id
            while following is not None and following not in self._ranks:
                self._ranks[following] = rank
                rank += 1
                following = self._following.get(following)
        self._timed: dict[str, str] = {}
        for id in self.parents:
            self._find_timed(id)

    def timed(self, id: str) -> str:
        """The annotation whose times an annotation has: the last that its references lead to.

        An annotation that is no reference has its own, and one whose references go in a circle has none.
        """
        return self._timed.get(id, id)

    def joined(self, rows: list[tuple[str, str]], language: str) -> list[tuple[str, str]]:
        """The annotations of a tier (id, text), with those of the same timed annotation joined in their order."""
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        joined = []
        for row in rows:
            if row[0] in self.parents:
                groups[self.timed(row[0])].append(row)
            else:
                joined.append(row)
        for group in groups.values():
            group.sort(key=lambda row: self._order(row[0]))
            id, text = group[0]
            if len(group) > 1:
                text = spacing.join((part.strip() for _, part in group), language)
            joined.append((id, text))
        return joined

    def _find_timed(self, id: str) -> None:
        chain: dict[str, None] = {}
        while id in self.parents and id not in self._timed and id not in chain:
            chain[id] = None
            id = self.parents[id]
        is_circle = id in chain
        timed = self.timed(id)
        for step in chain:
            self._timed[step] = step if is_circle else timed

    def _order(self, id: str) -> list[int]:
        """The places of an annotation and of those above it, the highest first."""
        places: list[int] = []
        while id in self.parents and len(places) < MAX_DEPTH:
            places.insert(0, self._ranks.get(id, 0))
            id = self.parents[id]
        return places
