"""Find where each line of a transcript is spoken in a recording.

1. Stretches of speech are found and put in groups (voice.py), and each group is transcribed.
2. The recognised words of the whole recording are aligned with the words of the whole transcript. So each line gets the
   groups in which its words were recognised (matching.py, placing.py).
3. A line of which too little was recognised is tried in the free groups between the lines before and after it. The
   model says how much more probable its text is there than in silence.
4. Where neighbouring lines share a group, the cross-attention says where one ends: the model is given their texts from
   the transcript (tools/token_times.py).
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stages.common.errors import UserError
from stages.decoding import transcription, voice
from stages.decoding.transcription import Decoder
from stages.decoding.voice import Span
from stages.records.units import SAMPLE_RATE, Seconds
from tools.align import placing
from tools.align.alignment import Alignment, Placed
from tools.align.placing import Range
from tools.align.stretches import clipped, parts_between, unused
from tools.align.transcript import Line
from tools.token_times import TimedTokens, align_tokens

LONGEST_GROUP: Seconds = 14.0
PAUSE: Seconds = 0.6  # a pause of at least this length divides two groups
MARGIN: Seconds = 0.2  # the model also gets this much sound before and after a group
# A text counts as spoken in a group if its tokens are this much more probable there than in silence: mean difference of
# log-probabilities. On children's sessions (bench/sessions.py), it is 2 to 6 in the right place, below 0.1 elsewhere.
LOWEST_GAIN = 1.2
SILENCE: Seconds = 3.0  # length of the silence that texts are compared in


class Aligner:
    """A recording, its groups of stretches of speech, and what the model says about texts in them."""

    def __init__(self, decoder: Decoder, samples: np.ndarray):
        self.decoder = decoder
        self.samples = samples
        # Half a window leaves room for margins, and for a group that two lines share.
        longest = min(LONGEST_GROUP, decoder.window / 2)
        self.groups = voice.groups(voice.speech(samples, longest), longest, PAUSE)
        self.spans = [(group[0][0], group[-1][1]) for group in self.groups]

    def stretches(self, first: int, last: int) -> list[Span]:
        """The stretches of some groups, in order."""
        return list(itertools.chain.from_iterable(self.groups[first : last + 1]))

    def fits(self, start: Seconds, end: Seconds, tokens: int) -> bool:
        """Whether the sound fits into the model's window, and the tokens and the end token into its positions."""
        return end - start + 2 * MARGIN <= self.decoder.window and tokens < self.decoder.max_tokens

    def sound(self, start: Seconds, end: Seconds) -> np.ndarray:
        """The samples from `start` to `end`, with margins."""
        first = max(0, round((start - MARGIN) * SAMPLE_RATE))
        return self.samples[first : round((end + MARGIN) * SAMPLE_RATE)]

    def hypotheses(self) -> list[str]:
        """The text that is recognised in each group."""
        clips = [self.sound(*span) for span in self.spans]
        texts = [""] * len(clips)
        for numbers, batch in self._batches(clips):
            decoded = transcription.transcribe(self.decoder, batch)
            for number, hypothesis in zip(numbers, decoded, strict=True):
                texts[number] = hypothesis.text
        return texts

    def _batches(self, clips: list[np.ndarray]) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Divide clips into batches; yields the clips of each batch with their numbers."""
        durations = [len(clip) / SAMPLE_RATE for clip in clips]
        for numbers in transcription.clip_batches(self.decoder, durations):
            yield numbers, [clips[number] for number in numbers]

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text, without prompt and end token."""
        return self.decoder.checkpoint.processor.tokenizer(f" {text}", add_special_tokens=False).input_ids

    def gains(self, text: str, groups: list[int]) -> list[float]:
        """How much more probable a text is in each of some groups than in silence.

        Returns
        -------
        For each group, the difference of the mean log-probabilities of the text's tokens; 0 if it is too long.
        """
        tokens = self.tokens(text)
        if not groups or not self.fits(0, 0, len(tokens)):
            return [0.0] * len(groups)
        # Very soft noise rather than zeros, which no microphone records.
        noise = np.random.default_rng(0).standard_normal(round(SILENCE * SAMPLE_RATE)).astype(np.float32)
        clips = [1e-4 * noise]
        for group in groups:
            clips.append(self.sound(*self.spans[group]))
        means = [0.0] * len(clips)
        for numbers, batch in self._batches(clips):
            timed = align_tokens(self.decoder, batch, [tokens] * len(batch))
            for number, result in zip(numbers, timed, strict=True):
                means[number] = float(np.mean(result.log_probabilities))
        return [mean - means[0] for mean in means[1:]]

    def timed(self, span: Span, texts: list[str]) -> TimedTokens:
        """When each token of texts is spoken that follow each other in a span; times count from the clip's start."""
        tokens = []
        for text in texts:
            tokens += self.tokens(text)
        return align_tokens(self.decoder, [self.sound(*span)], [tokens])[0]


def align(decoder: Decoder, samples: np.ndarray, lines: Sequence[Line], normalise: Callable[[str], str]) -> Alignment:
    """Find where each line is spoken.

    Parameters
    ----------
    samples : float32, shape (samples,), 16 kHz
    lines : in the order in which they are spoken
    normalise : changes references and hypotheses before they are compared

    Raises
    ------
    UserError
        No speech was found in the recording.
    """
    aligner = Aligner(decoder, samples)
    if not aligner.groups:
        raise UserError("nobody speaks in it, as far as the speech detector can tell")
    recognised = [normalise(text).split() for text in aligner.hypotheses()]
    words: list[list[str]] = []
    lengths: list[int] = []
    placed: list[Placed] = []
    for line in lines:
        words.append(normalise(line.spoken).split())
        lengths.append(len(line.spoken))
        placed.append(Placed(line, None, None, None))
    places = placing.place_by_words(words, recognised, aligner.spans)

    def score(line: int, groups: list[int]) -> list[float]:
        return [gain - LOWEST_GAIN for gain in aligner.gains(lines[line].spoken, groups)]

    places = placing.fill_gaps(places, lengths, aligner.spans, score)
    used: list[Span] = []
    for numbers in components(places):
        for number, result, spans in _place_together(aligner, lines, numbers, places):
            placed[number] = result
            used += spans
    return Alignment(placed, unused(aligner.stretches(0, len(aligner.groups) - 1), used))


def components(places: Sequence[Range | None]) -> list[list[int]]:
    """The numbers of the placed lines, divided into parts: neighbours that share a group are in the same part."""
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

    The model is given as many lines at once as it can take. If the line after them shares their last group, its text is
    aligned too, so that their end is known.
    """
    begin = aligner.spans[places[numbers[0]].first][0]
    while numbers:
        count = _how_many_fit(aligner, lines, numbers, places, begin)
        if count == 0:  # the line is too long for the model, and is left without times
            numbers = numbers[1:]
            begin = aligner.spans[places[numbers[0]].first][0] if numbers else begin
            continue
        last = places[numbers[count - 1]].last
        shares_last = count < len(numbers) and places[numbers[count]].first <= last
        chosen = numbers[: count + shares_last]
        stretches = clipped(aligner.stretches(places[numbers[0]].first, last), begin)
        texts = [lines[number].spoken for number in chosen]
        timed = aligner.timed((begin, stretches[-1][1]), texts)
        edges = _token_edges(aligner, texts)
        offset = max(0.0, begin - MARGIN)  # of the clip's start
        borders = [-math.inf]
        for edge in edges[1:-1]:
            borders.append(offset + timed.starts[edge])
        borders.append(math.inf)
        for index, number in enumerate(numbers[:count]):
            parts = parts_between(stretches, borders[index], borders[index + 1])
            if parts:
                mean = float(np.mean(timed.log_probabilities[edges[index] : edges[index + 1]]))
                yield number, Placed(lines[number], parts[0][0], parts[-1][1], round(math.exp(mean), 3)), parts
        numbers = numbers[count:]
        if numbers:
            begin = borders[count] if shares_last else aligner.spans[places[numbers[0]].first][0]


def _token_edges(aligner: Aligner, texts: list[str]) -> list[int]:
    """The index of each text's first token among the tokens of all texts, and the number of all tokens."""
    edges = [0]
    for text in texts:
        edges.append(edges[-1] + len(aligner.tokens(text)))
    return edges


def _how_many_fit(
    aligner: Aligner, lines: Sequence[Line], numbers: list[int], places: Sequence[Range | None], begin: Seconds
) -> int:
    """How many of the lines, from `begin` on, the model can take at once, together with the text of the next line."""
    tokens = len(aligner.tokens(lines[numbers[0]].spoken))
    for count, number in enumerate(numbers):
        if count + 1 < len(numbers):
            tokens += len(aligner.tokens(lines[numbers[count + 1]].spoken))
        if not aligner.fits(begin, aligner.spans[places[number].last][1], tokens):
            return count
    return len(numbers)
