"""Find when each word of a segment is spoken: the tokens by cross-attention (tools/token_times.py), then the words."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from stages.decoding import transcription
from stages.decoding.spoken_segments import SpokenSegment
from stages.decoding.transcription import Decoder
from stages.decoding.voice import Span
from stages.records import spacing
from stages.records.units import SAMPLE_RATE, Seconds
from tools.token_times import FRAME, TimedTokens, align_tokens
from tools.transcribe.captions import Word

# The decoder looks at a word this much before it begins: the mean on children of dev (bench/word_times.py).
LEAD: Seconds = 0.14
SLIVER: Seconds = 0.15  # less of a word than this beyond a pause is an error of the attention
TAIL: Seconds = 0.4  # so much of the last word may be beyond its end by the attention

Place = tuple[str, int, int]  # a word, the index of its first token, and of the one after its last


def words_of(decoder: Decoder, samples: np.ndarray, segments: Sequence[SpokenSegment]) -> list[list[Word] | None]:
    """The words of each segment; None where its text is too long for the decoder's positions, so times are not known.

    Parameters
    ----------
    samples : of the whole recording, float32, shape (samples,), 16 kHz
    """
    tokenizer = decoder.checkpoint.processor.tokenizer
    words: list[list[Word] | None] = [None if segment.hypothesis.text else [] for segment in segments]
    numbers: list[int] = []  # of the segments that are timed
    clips: list[np.ndarray] = []
    texts: list[list[int]] = []
    places: list[list[Place]] = []
    for number, segment in enumerate(segments):
        tokens, places_of_segment = places_of(segment.hypothesis.text, tokenizer, decoder.language)
        if places_of_segment and len(tokens) < decoder.max_tokens:
            numbers.append(number)
            clips.append(samples[round(segment.start * SAMPLE_RATE) : round(segment.end * SAMPLE_RATE)])
            texts.append(tokens)
            places.append(places_of_segment)
    for batch in transcription.clip_batches(decoder, [len(clip) / SAMPLE_RATE for clip in clips]):
        timed = align_tokens(decoder, [clips[index] for index in batch], [texts[index] for index in batch])
        for index, tokens in zip(batch, timed, strict=True):
            words[numbers[index]] = _timed(segments[numbers[index]], places[index], tokens)
    return words


def _timed(segment: SpokenSegment, places: Sequence[Place], tokens: TimedTokens) -> list[Word]:
    """The words of a segment whose tokens are timed."""
    borders = [segment.start]  # where each word begins, and the last one ends
    for _, first, _ in places[1:]:
        borders.append(segment.start + tokens.starts[first] + LEAD)
    borders.append(end_of_last(segment.start + tokens.starts[places[-1][2]] + LEAD, segment.stretches))
    borders = moved_to_edges(borders, segment.stretches)
    words = []
    for (text, first, after), start, end in zip(places, borders, borders[1:], strict=False):
        start, end = in_speech((start, end), segment.stretches)
        mean = sum(tokens.log_probabilities[first:after]) / (after - first)
        words.append(Word(text, start, end, round(math.exp(mean), 3)))
    return in_order(words, segment.start, segment.end)


def places_of(text: str, tokenizer: PreTrainedTokenizerBase, language: str) -> tuple[list[int], list[Place]]:
    """The tokens of a text, and its words with their tokens; no words where it cannot be told which tokens are whose.

    What a word is, see spacing.pieces: in languages without spaces, a letter with its marks. Pieces that share a token
    are one word, and punctuation that stands alone is a part of the word before it.
    """
    spoken = f" {text}"  # as Whisper was trained on texts
    tokens = tokenizer(spoken, add_special_tokens=False).input_ids
    # The tokenizer writes a character for each byte of a token.
    lengths = [len(token) for token in tokenizer.convert_ids_to_tokens(tokens)]
    if sum(lengths) != len(spoken.encode()):
        return tokens, []
    token_of_byte = np.repeat(np.arange(len(tokens)), lengths)
    places: list[Place] = []
    position = 1  # in bytes
    begin = 0  # of the newest word, in characters of `text`
    characters = 0
    for piece in spacing.pieces(text, language):
        word = piece.rstrip()
        # A space before the word belongs to it, also where the tokenizer makes a token of the space alone.
        first = int(token_of_byte[position - 1 if spoken[characters] == " " else position])
        after = int(token_of_byte[position + len(word.encode()) - 1]) + 1
        is_punctuation = not any(map(str.isalnum, word))
        if places and (is_punctuation or first < places[-1][2]):
            places[-1] = (text[begin : characters + len(word)], places[-1][1], after)
        else:
            begin = characters
            places.append((word, first, after))
        position += len(piece.encode())
        characters += len(piece)
    return tokens, places


def moved_to_edges(borders: Sequence[Seconds], stretches: Sequence[Span]) -> list[Seconds]:
    """The borders between words; one that leaves a sliver of a word beyond a pause is moved to the pause.

    Parameters
    ----------
    borders : where each word begins, and the last one ends
    stretches : of speech, in order
    """
    moved = list(borders)
    for index in range(1, len(borders) - 1):
        border = borders[index]
        for start, end in stretches:
            if not start < border < end:
                continue
            if end - border < SLIVER and borders[index + 1] > end:
                moved[index] = end
            elif border - start < SLIVER and borders[index - 1] < start:
                moved[index] = start
    return moved


def in_speech(span: Span, stretches: Sequence[Span]) -> Span:
    """A word's span without the pauses at its edges; as it is where no speech was found in it.

    Parameters
    ----------
    stretches : of speech, in order
    """
    parts = []
    for start, end in stretches:
        if start < span[1] and end > span[0]:
            parts.append((max(start, span[0]), min(end, span[1])))
    return (parts[0][0], parts[-1][1]) if parts else span


def end_of_last(end: Seconds, stretches: Sequence[Span]) -> Seconds:
    """When a segment's last word ends: with its stretch of speech, since the attention leaves it before that."""
    for start, finish in stretches:
        if start < end < finish <= end + TAIL:
            return finish
    return end


def in_order(words: Sequence[Word], start: Seconds, end: Seconds) -> list[Word]:
    """Words one after the other between two times, each at least a frame long, or an equal share where that is less."""
    shortest = min(FRAME, (end - start) / max(1, len(words)))
    ordered: list[Word] = []
    earliest = start
    for word in words:
        begin = max(word.start, earliest)
        earliest = max(word.end, begin + shortest)
        ordered.append(replace(word, start=begin, end=earliest))
    latest = end
    for index in reversed(range(len(ordered))):
        finish = min(ordered[index].end, latest)
        latest = max(start, min(ordered[index].start, finish - shortest))  # never a rounding error before it
        ordered[index] = replace(ordered[index], start=latest, end=finish)
    return ordered
