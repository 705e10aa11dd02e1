"""How sure a model was of what it wrote: the log-probability of its tokens, taken down while `generate` runs."""

import torch
from transformers import LogitsProcessor


class TokenLogProbabilities(LogitsProcessor):
    """Sees the scores of every step, and at the next one which tokens were chosen; changes nothing. Not for beams.

    `generate(output_scores=True)` would keep the scores of all steps, 0.2 MB a token for Whisper's vocabulary, to say
    the same. As in openai/whisper, tokens that may not be chosen do not count, and the end of the text does.
    """

    def __init__(self):
        self._chosen: list[torch.Tensor] = []  # (batch, 1) each
        self._last: torch.Tensor | None = None  # (batch, vocabulary)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._last is not None:
            self._chosen.append(self._last.gather(1, input_ids[:, -1:]))
        self._last = scores.float().log_softmax(dim=-1)
        return scores

    def means(self, texts: list[list[int]], end: int, limits: list[int]) -> list[float]:
        """Mean natural logarithm of the probabilities of each text's tokens.

        Parameters
        ----------
        texts : the tokens of each text, without `end`
        end : the token that ends a text
        limits : how many tokens of each text count at most
        """
        step = len(self._chosen)
        final = torch.tensor([[text[step] if len(text) > step else end] for text in texts], device=self._last.device)
        steps = torch.cat([*self._chosen, self._last.gather(1, final)], dim=1).tolist()
        counts = [min(len(text) + 1, limit, step + 1) for text, limit in zip(texts, limits, strict=True)]
        return [sum(row[:count]) / count for row, count in zip(steps, counts, strict=True)]
