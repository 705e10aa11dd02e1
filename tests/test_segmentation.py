"""Splitting long utterances at their word times, and merging short neighbours."""

import time
from pathlib import Path

import pytest

from stages.corpus.rows import utterance_ids
from stages.corpus.rows.utterance import SplitContents, Utterance, Word
from stages.cutting import segmentation
from stages.records.shards import ShardWriter
from tests.support.corpora import noise, reading, utterance, write_clip

AUDIO = Path("a.wav")


def words(*places: tuple[float, float, str]) -> tuple[Word, ...]:
    return tuple(Word(*place) for place in places)


def spoken(text: str, start: float | None, end: float | None, **changes) -> Utterance:
    return utterance(audio=AUDIO, text=text, text_raw=text, start=start, end=end, **changes)


def split(row: Utterance, longest: float, **options) -> SplitContents:
    found = reading(max_seconds=longest, **options)
    found.add(row)
    segmentation.split_long(found)
    return found


FOUR = words((0.5, 2, "one"), (2.1, 4, "two"), (6, 8, "three"), (8.2, 9.5, "four"))


def test_cut_at_the_largest_gap():
    found = split(spoken("One, two - three? Four.", 0, 10, words=FOUR), 8)
    assert [(row.id, row.text, row.start, row.end) for row in found.utterances] == [
        ("1-part1", "One, two -", 0.5, 4),
        ("1-part2", "three? Four.", 6, 9.5),
    ]
    assert [row.text_raw for row in found.utterances] == ["one two", "three four"]
    assert found.spans[AUDIO] == [(0.5, 4), (6, 9.5)]  # so that context of one piece does not reach into the next


@pytest.mark.parametrize("suffix", ["", "-2", "-1000"])  # as utterance_ids.make_unique adds them
def test_pieces_of_utterances_with_long_ids_fit_into_a_shard(tmp_path, suffix):
    ids = [f"{utterance_ids.safe_id('a long title, ' * 9 + name)}{suffix}" for name in ("one", "two")]
    many = tuple(Word(n, n + 0.5, f"w{n}") for n in range(120))
    names = []
    with ShardWriter(tmp_path / "shards", 1) as writer:
        for id in ids:
            found = split(spoken(" ".join(word.text for word in many), 0, 120, words=many, id=id), 1)
            names += [write_clip(writer, noise(0.1), id=row.id, text=row.text).id for row in found.utterances]
    assert len(set(names)) == 240
    assert {name.rpartition("-part")[2] for name in names} == {str(number) for number in range(1, 121)}


def test_text_of_punctuation_only_is_not_split():
    found = split(spoken("...", 0, 20, words=words((0, 5, "..."), (6, 20, "-"))), 8)
    assert [row.text for row in found.utterances] == ["..."]


def test_pieces_are_as_short_as_needed():
    found = split(spoken("one two three four", 0, 10, words=FOUR), 3)
    assert [row.text for row in found.utterances] == ["one", "two", "three", "four"]
    assert all(row.end - row.start <= 3 for row in found.utterances)


def test_no_tiny_pieces_where_there_is_a_choice():
    row = spoken("uh one two", 0, 9, words=words((0, 0.2, "uh"), (3, 5, "one"), (5.5, 9, "two")))
    assert [piece.text for piece in split(row, 8).utterances] == ["uh one", "two"]


def test_equal_gaps_are_cut_in_the_middle():
    row = spoken("a b c d", 0, 8, words=words(*((2 * n, 2 * n + 1.5, letter) for n, letter in enumerate("abcd"))))
    assert [piece.text for piece in split(row, 5).utterances] == ["a b", "c d"]


def test_whole_file_with_word_times():
    found = split(spoken("one two three four", None, None, words=FOUR), 8)
    assert [row.text for row in found.utterances] == ["one two", "three four"]
    assert found.spans[AUDIO] == [(0.5, 4), (6, 9.5)]  # context of one piece does not reach into the next here either


@pytest.mark.parametrize(
    ("text", "changes", "options"),
    [
        ("one two three four", {}, {}),  # no word times
        ("one two three", {"words": FOUR}, {}),  # of other words
        ("one two four three", {"words": FOUR}, {}),
        ("one two three four", {"words": FOUR}, {"longest": 10}),  # short enough
        ("one two", {"words": words((0, 9, "one"), (9, 10, "two"))[:1]}, {}),
    ],
)
def test_left_whole(text, changes, options):
    row = spoken(text, 0, 10, **changes)
    found = split(row, options.get("longest", 5))
    assert found.utterances == [row]
    assert found.spans[AUDIO] == [(0, 10)]


def test_one_endless_word_stays_whole_and_too_long():
    row = spoken("one two", 0, 12, words=words((0, 9, "one"), (9, 12, "two")))
    assert [(piece.start, piece.end) for piece in split(row, 5).utterances] == [(0, 9), (9, 12)]


def test_fillers_go_from_the_pieces_too():
    row = spoken("one two three", 0, 10, words=(*FOUR[:2], Word(4.1, 4.3, "um"), FOUR[2]))
    assert [piece.text for piece in split(row, 5, style="fluent").utterances] == ["one two", "three"]
    assert len(split(row, 5, style="verbatim").utterances) == 1  # um is heard and not in the text


def test_time_for_many_words_is_not_their_square():
    many = tuple(Word(n, n + 0.5, f"w{n}") for n in range(20_000))
    row = spoken(" ".join(word.text for word in many), 0, 20_000, words=many)
    before = time.process_time()
    found = split(row, 30)
    assert time.process_time() - before < 5  # every word with every other: minutes
    assert " ".join(piece.text for piece in found.utterances) == row.text
    assert len(found.utterances) > 20_000 / 30


def merge(*rows: Utterance, others=(), gap: float = 0.5, longest: float = 10) -> list[tuple]:
    found = reading(merge_gap_seconds=gap, max_seconds=longest)
    for row in rows:
        found.add(row)
    for span in others:
        found.mark_speech(AUDIO, *span)
    segmentation.merge_neighbours(found)
    return [(row.text, row.start, row.end) for row in found.utterances]


ONE, TWO = spoken("one", 1, 2), spoken("two", 2.4, 3)


@pytest.mark.parametrize(
    ("rows", "changes", "expected"),
    [
        ((ONE, TWO), {}, [("one two", 1, 3)]),
        ((TWO, ONE), {}, [("one two", 1, 3)]),
        ((ONE, TWO, spoken("three", 3.1, 5)), {}, [("one two three", 1, 5)]),
        ((ONE, TWO), {"gap": 0.3}, [("one", 1, 2), ("two", 2.4, 3)]),
        ((ONE, TWO), {"longest": 1.9}, [("one", 1, 2), ("two", 2.4, 3)]),
        ((ONE, TWO), {"others": [(2.1, 2.3)]}, [("one", 1, 2), ("two", 2.4, 3)]),  # somebody speaks between
        ((ONE, TWO), {"others": [(0.0, 9.0)]}, [("one", 1, 2), ("two", 2.4, 3)]),
        ((ONE, TWO), {"others": [(3.1, 4.0)]}, [("one two", 1, 3)]),
        ((ONE, spoken("two", 2.4, 3, speaker="ben")), {}, [("one", 1, 2), ("two", 2.4, 3)]),
        ((ONE, spoken("two", 1.9, 3)), {}, [("one", 1, 2), ("two", 1.9, 3)]),  # overlap
        ((ONE, spoken("two", 2.4, None)), {}, [("one", 1, 2), ("two", 2.4, None)]),
        ((spoken("all", None, None), ONE), {}, [("all", None, None), ("one", 1, 2)]),
    ],
)
def test_merge(rows, changes, expected):
    assert merge(*rows, **changes) == expected
