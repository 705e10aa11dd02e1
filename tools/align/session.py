"""Find where each line of a transcript is spoken in a recording.

1. Stretches of speech are found (voice.py), grouped, and transcribed.
2. Recognised words and transcript are aligned as wholes: that gives each line its groups (matching.py, placing.py).
3. A line of which too little was recognised is tried in the groups that are left between its neighbours: how much
   likelier is its text there than in silence, for the model?
4. Where neighbouring lines share a group, the cross-attention of the true text says where one ends (word_times.py).
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stages.common.errors import UserError
from stages.decoding import transcription
from stages.decoding.transcription import Decoder
from stages.records.units import SAMPLE_RATE, Seconds
from tools import voice
from tools.align import placing
from tools.align.alignment import Alignment, Placed
from tools.align.placing import Range
from tools.align.transcript import Line
from tools.align.word_times import TimedTokens, align_tokens
from tools.voice import Span

LONGEST_GROUP: Seconds = 14.0
PAUSE: Seconds = 0.6  # between stretches of different groups, at least
MARGIN: Seconds = 0.2  # of sound around a group, for the model
# How much likelier a text's tokens have to be in a group than in silence, for it to be what is said there: mean
# difference of log-probabilities. On children (bench/sessions.py), it is 2 to 6 in the right place, under 0.1 elsewhere
SURELY = 1.2
SILENCE: Seconds = 3.0
SHORTEST_PART: Seconds = 0.25  # of a stretch; a line's border this near to a stretch's end does not divide it


class Aligner:
    """One recording and its groups of stretches."""

    def __init__(self, decoder: Decoder, samples: np.ndarray):
        self.decoder = decoder
        self.samples = samples
        # Half a window leaves room for margins, and for a group that two lines share.
        longest = min(LONGEST_GROUP, decoder.window / 2)
        self.groups = voice.groups(voice.speech(samples, longest), longest, PAUSE)
        self.spans = [(group[0][0], group[-1][1]) for group in self.groups]

    def stretches(self, first: int, last: int) -> list[Span]:
        """The stretches of some groups, in order."""
        return [span for group in self.groups[first : last + 1] for span in group]

    def fits(self, start: Seconds, end: Seconds, tokens: int) -> bool:
        """Whether the model hears all of it at once, and has positions for so many tokens of text and their end."""
        return end - start + 2 * MARGIN <= self.decoder.window and tokens < self.decoder.max_tokens

    def sound(self, start: Seconds, end: Seconds) -> np.ndarray:
        first = max(0, round((start - MARGIN) * SAMPLE_RATE))
        return self.samples[first : round((end + MARGIN) * SAMPLE_RATE)]

    def hypotheses(self) -> list[str]:
        """The text that is recognised in each group."""
        clips = [self.sound(*span) for span in self.spans]
        texts = [""] * len(clips)
        for batch in transcription.clip_batches(self.decoder, [len(clip) / SAMPLE_RATE for clip in clips]):
            decoded = transcription.transcribe(self.decoder, [clips[index] for index in batch])
            for index, hypothesis in zip(batch, decoded, strict=True):
                texts[index] = hypothesis.text
        return texts

    def tokens(self, text: str) -> list[int]:
        return self.decoder.checkpoint.processor.tokenizer(f" {text}", add_special_tokens=False).input_ids

    def gains(self, text: str, groups: list[int]) -> list[float]:
        """How much likelier a text is in each of some groups than in silence: mean log-probability of its tokens."""
        tokens = self.tokens(text)
        if not groups or not self.fits(0, 0, len(tokens)):
            return [0.0] * len(groups)
        # Not digital silence, which no microphone records.
        noise = np.random.default_rng(0).standard_normal(round(SILENCE * SAMPLE_RATE)).astype(np.float32)
        clips = [1e-4 * noise, *(self.sound(*self.spans[group]) for group in groups)]
        likely = [0.0] * len(clips)
        for batch in transcription.clip_batches(self.decoder, [len(clip) / SAMPLE_RATE for clip in clips]):
            timed = align_tokens(self.decoder, [clips[index] for index in batch], [tokens] * len(batch))
            for index, result in zip(batch, timed, strict=True):
                likely[index] = float(np.mean(result.log_probabilities))
        return [value - likely[0] for value in likely[1:]]

    def timed(self, span: Span, texts: list[str]) -> TimedTokens:
        tokens = [token for text in texts for token in self.tokens(text)]
        return align_tokens(self.decoder, [self.sound(*span)], [tokens])[0]


def align(decoder: Decoder, samples: np.ndarray, lines: Sequence[Line], normalise: Callable[[str], str]) -> Alignment:
    """Find where each line is spoken.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    lines : in the order in which they are spoken
    normalise : of references and hypotheses before they are compared

    Raises
    ------
    UserError
        There is no speech in the recording.
    """
    aligner = Aligner(decoder, samples)
    if not aligner.groups:
        raise UserError("nobody speaks in it, as far as the speech detector can tell")
    heard = [normalise(text).split() for text in aligner.hypotheses()]
    words = [normalise(line.spoken).split() for line in lines]
    places = placing.place_by_words(words, heard, aligner.spans)

    def score(line: int, groups: list[int]) -> list[float]:
        return [gain - SURELY for gain in aligner.gains(lines[line].spoken, groups)]

    lengths = [len(line.spoken) for line in lines]
    places = placing.fill_gaps(places, lengths, aligner.spans, score)
    placed = [Placed(line, None, None, None) for line in lines]
    used: list[Span] = []
    for numbers in components(places):
        for number, result, spans in _place_together(aligner, lines, numbers, places):
            placed[number] = result
            used += spans
    return Alignment(placed, unused(aligner.stretches(0, len(aligner.groups) - 1), used))


def components(places: Sequence[Range | None]) -> list[list[int]]:
    """The numbers of placed lines, together where neighbours share a group."""
    parts: list[list[int]] = []
    last = -1  # group of the newest part
    for number, place in enumerate(places):
        if place is None:
            continue
        if parts and place.first <= last:
            parts[-1].append(number)
        else:
            parts.append([number])
        last = max(last, place.last)
    return parts


def _place_together(
    aligner: Aligner, lines: Sequence[Line], numbers: list[int], places: Sequence[Range | None]
) -> Iterator[tuple[int, Placed, list[Span]]]:
    """Place lines that share groups; yields each line's number, its place, and its stretches of speech.

    As many lines at once as the model can take. Where the next one shares their last group, its text is aligned too,
    to know where it begins.
    """
    begin = aligner.spans[places[numbers[0]].first][0]
    while numbers:
        count = _how_many_fit(aligner, lines, numbers, places, begin)
        if count == 0:  # a line that is too long for the model is left without times
            numbers = numbers[1:]
            begin = aligner.spans[places[numbers[0]].first][0] if numbers else begin
            continue
        last = places[numbers[count - 1]].last
        shares_last = count < len(numbers) and places[numbers[count]].first <= last
        chosen = numbers[: count + shares_last]
        stretches = clipped(aligner.stretches(places[numbers[0]].first, last), begin)
        timed = aligner.timed((begin, stretches[-1][1]), [lines[number].spoken for number in chosen])
        edges = np.cumsum([0, *(len(aligner.tokens(lines[number].spoken)) for number in chosen)])
        offset = max(0.0, begin - MARGIN)
        borders = [-math.inf, *(offset + timed.starts[edge] for edge in edges[1:-1]), math.inf]
        for index, number in enumerate(numbers[:count]):
            own = parts_between(stretches, borders[index], borders[index + 1])
            if own:
                mean = float(np.mean(timed.log_probabilities[edges[index] : edges[index + 1]]))
                yield number, Placed(lines[number], own[0][0], own[-1][1], round(math.exp(mean), 3)), own
        numbers = numbers[count:]
        if numbers:
            begin = borders[count] if shares_last else aligner.spans[places[numbers[0]].first][0]


def _how_many_fit(
    aligner: Aligner, lines: Sequence[Line], numbers: list[int], places: Sequence[Range | None], begin: Seconds
) -> int:
    """How many of the lines the model can take at once, with the text of the line after them, from `begin` on."""
    tokens = len(aligner.tokens(lines[numbers[0]].spoken))
    for count, number in enumerate(numbers):
        if count + 1 < len(numbers):
            tokens += len(aligner.tokens(lines[numbers[count + 1]].spoken))
        if not aligner.fits(begin, aligner.spans[places[number].last][1], tokens):
            return count
    return len(numbers)


def clipped(stretches: Sequence[Span], begin: Seconds) -> list[Span]:
    """The stretches, or their parts, from `begin` on."""
    return [(max(start, begin), end) for start, end in stretches if end > begin]


def unused(stretches: Sequence[Span], used: Sequence[Span]) -> list[Span]:
    """The stretches that no line has a part of."""
    free = []
    index = 0
    ordered = sorted(used)
    for start, end in stretches:
        while index < len(ordered) and ordered[index][1] <= start:
            index += 1
        if index == len(ordered) or ordered[index][0] >= end:
            free.append((start, end))
    return free


def parts_between(stretches: Sequence[Span], first: Seconds, last: Seconds) -> list[Span]:
    """The stretches, or parts of them, between two borders; a part that is too short belongs to the other side."""
    parts = []
    for start, end in stretches:
        part_start = _moved_to_edge(first, start, end) if start < first < end else start
        part_end = _moved_to_edge(last, start, end) if start < last < end else end
        if part_end > part_start and first <= (part_start + part_end) / 2 < last:
            parts.append((part_start, part_end))
    return parts


def _moved_to_edge(border: Seconds, start: Seconds, end: Seconds) -> Seconds:
    """A border within a stretch, or the stretch's edge if that is very near."""
    if border - start < SHORTEST_PART:
        return start
    return end if end - border < SHORTEST_PART else border
