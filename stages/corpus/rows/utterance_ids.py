"""Utterance ids that are unique in a split and fit for file names in a shard."""

import hashlib
import re
from dataclasses import replace
from itertools import count

from stages.corpus.rows.utterance import SplitContents, Utterance

MAX_LENGTH = 80  # characters that are taken over; plain tar headers hold 100 bytes, and a hash and a suffix follow
LONGEST = 95  # characters of an id with everything that follows, before .flac or .json
HASH = 8  # characters


def make_unique(reading: SplitContents) -> None:
    """Give every utterance of a split a safe id that no other has; refuse rows that repeat another.

    An id that different utterances share gets a number: anna-1, anna-1-2, anna-1-3.
    """
    natural_ids = {safe_id(row.id) for row in reading.utterances}
    contents: dict[str, set[tuple]] = {}  # under each natural id, what it was used for
    given_ids: set[str] = set()
    utterances: list[Utterance] = []
    for row in reading.utterances:
        natural_id = safe_id(row.id)
        contents_of_id = contents.setdefault(natural_id, set())
        if row.content in contents_of_id:
            detail = "the same id, recording, times, text and speaker again"
            reading.refuse(row.id, row.file, row.line, "duplicate", detail)
            continue
        id = natural_id
        if contents_of_id:
            reading.warn("an id used for different utterances, made unique", f"{row.file} ({row.id})")
            for number in count(2):
                id = f"{natural_id}-{number}"
                if id not in natural_ids and id not in given_ids:
                    break
        contents_of_id.add(row.content)
        given_ids.add(id)
        utterances.append(replace(row, id=id))
    reading.utterances = utterances


def safe_id(id: str) -> str:
    """The id in letters, digits, - and _, at most 89 characters; what had to change ends in a hash of the original.

    WebDataset splits file names at the first dot, and plain tar headers hold 100 bytes.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", id)[:MAX_LENGTH]
    if safe and safe == id:
        return safe
    return f"{safe}-{_hash(id)}"


def part_id(id: str, number: int) -> str:
    """The id of a part of an utterance: anna-1-part2; of a long id, a hash takes the place of its end."""
    end = f"-part{number}"
    if len(id) + len(end) > LONGEST:
        id = f"{id[: LONGEST - len(end) - HASH - 1]}-{_hash(id)}"
    return id + end


def _hash(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:HASH]
