"""Utterances that are too long or too short for a clip of their own: split by their word times, or merged."""

import re
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

from stages.common.params import Preprocess
from stages.corpus.markup import cleaning
from stages.corpus.rows import utterance_ids
from stages.corpus.rows.utterance import SplitContents, Utterance, Word
from stages.cutting.timeline import SpeechTimeline
from stages.records import spacing
from stages.records.units import Seconds

SHORTEST_PIECE: Seconds = 1.0  # where there is a choice


def split_long(reading: SplitContents) -> None:
    """Split cleaned utterances of more than max_seconds at the largest gaps between their words.

    Those without word times, or with word times of other words, stay as they are: audio is never cut under its text.
    """
    rows: list[Utterance] = []
    for row in reading.utterances:
        pieces = _pieces(row, reading) if _is_longer(row, reading.options.max_seconds) else [row]
        rows += pieces
        if pieces[0] is not row:
            _replace_span(reading, row, pieces)
    reading.utterances = rows


def _is_longer(row: Utterance, longest: Seconds) -> bool:
    if not row.words:
        return False
    start = row.words[0].start if row.start is None else row.start
    return max(row.words[-1].end, row.end or 0) - start > longest


def _pieces(row: Utterance, reading: SplitContents) -> list[Utterance]:
    """The utterance in pieces of no more than max_seconds; itself where its words are not those of the text."""
    words = sorted(row.words, key=attrgetter("start", "end"))
    texts = _texts(row, words, reading)
    if texts is None:
        return [row]
    pieces = []
    for number, group in enumerate(_split(words, reading.options.max_seconds), start=1):
        piece = _piece(row, words[group.start : group.stop], texts[group.start : group.stop], reading.language)
        pieces.append(replace(piece, id=utterance_ids.part_id(row.id, number)))
    return pieces


def _piece(row: Utterance, words: list[Word], texts: list[str], language: str) -> Utterance:
    """The piece of an utterance with these words, and the part of the cleaned transcript that belongs to each."""
    return replace(
        row,
        start=words[0].start,
        end=max(word.end for word in words),
        text="".join(texts).strip(),
        text_raw=spacing.join((word.text for word in words), language),
        words=tuple(words),
        flags=(*row.flags, "split"),
    )


def _split(words: list[Word], longest: Seconds) -> Iterator[range]:
    """Ranges of words that last no more than `longest`; the largest gap is cut first, of equal ones the middle one."""
    waiting = [range(len(words))]
    while waiting:
        group = waiting.pop()
        start = words[group.start].start
        end = max(word.end for word in words[group.start : group.stop])
        if end - start <= longest or len(group) == 1:
            yield group
            continue
        cut = max(group[1:], key=lambda index: _worth(words, group, index))
        waiting.append(range(cut, group.stop))
        waiting.append(range(group.start, cut))  # the earlier one is taken next


def _worth(words: list[Word], group: range, index: int) -> tuple:
    """How good it is to cut before a word: no tiny pieces, a large gap, near the middle."""
    before = words[index - 1].end - words[group[0]].start
    after = words[group[-1]].end - words[index].start
    return min(before, after) >= SHORTEST_PIECE, words[index].start - words[index - 1].end, -abs(before - after)


def _texts(row: Utterance, words: list[Word], reading: SplitContents) -> list[str] | None:
    """The part of the cleaned transcript that belongs to each word; None where the words are not those of the text."""
    options, language = reading.options, reading.language
    raw = [(word.text, row.markup) for word in words]
    owners, spoken = [], []  # the word of each token, and the token without punctuation
    for index, cleaned in enumerate(cleaning.clean_all(raw, options.style, "keep", options.markup, language)):
        for token in map(_bare, spacing.pieces(cleaned.text, language)):
            if token:
                owners.append(index)
                spoken.append(token)
    tokens = spacing.pieces(row.text, language)
    bare = list(map(_bare, tokens))
    if not spoken or spoken != list(filter(None, bare)):
        return None
    texts: list[list[str]] = [[] for _ in words]
    place = -1  # of the last token that is more than punctuation
    for token, bare_token in zip(tokens, bare, strict=True):
        if bare_token:
            place += 1
        owner = owners[max(0, place)]  # punctuation on its own goes with the word before it
        texts[owner].append(token)
    return list(map("".join, texts))


def _bare(token: str) -> str:
    """The letters and digits of a token, in lower case."""
    return re.sub(r"[\W_]+", "", token.lower())


def _replace_span(reading: SplitContents, row: Utterance, pieces: list[Utterance]) -> None:
    """Mark the pieces as speech instead of the whole: the gaps between them may be context of others."""
    spans = reading.spans[row.audio]
    if row.start is not None:  # else it is the whole recording, which is no span
        spans.remove((row.start, float("inf") if row.end is None else row.end))
    for piece in pieces:
        spans.append((piece.start, piece.end))


def merge_neighbours(reading: SplitContents) -> None:
    """Join utterances of a speaker within merge_gap_seconds of each other, up to max_seconds, if nobody speaks between.

    One-word turns are too short for Whisper to have any context; published recipes join them to 15 or 30 s.
    """
    options = reading.options
    neighbours = {audio: SpeechTimeline(spans) for audio, spans in reading.spans.items()}
    merged: list[Utterance] = []
    last_of: dict[tuple, int] = {}  # the speaker's last utterance in a recording
    for row in sorted(reading.utterances, key=lambda row: (row.source, row.start or 0.0)):
        key = (row.audio, row.channel, row.speaker)
        before = merged[last_of[key]] if key in last_of else None
        is_joined = before is not None and _joinable(before, row, options)
        if is_joined and not neighbours[row.audio].speak_between(before.end, row.start):
            merged[last_of[key]] = _joined(before, row, reading.language)
        else:
            last_of[key] = len(merged)
            merged.append(row)
    reading.utterances = merged


def _joinable(before: Utterance, row: Utterance, options: Preprocess) -> bool:
    if None in (before.start, before.end, row.start, row.end) or before.file != row.file:
        return False
    near = 0 <= row.start - before.end <= options.merge_gap_seconds
    return near and row.end - before.start <= options.max_seconds


def _joined(before: Utterance, row: Utterance, language: str) -> Utterance:
    return replace(
        before,
        end=row.end,
        text=spacing.join((before.text, row.text), language),
        text_raw=spacing.join((before.text_raw, row.text_raw), language),
        words=before.words + row.words,
        flags=before.flags if "merged" in before.flags else (*before.flags, "merged"),
    )
