"""A confidence for each hypothesis: the mean log-probability of its tokens, recorded while `generate` runs."""

import torch
from transformers import LogitsProcessor


class TokenLogProbabilities(LogitsProcessor):
    """Records the log-probability of every chosen token; leaves the scores as they are. Not for beam search.

    It gets the scores of a step, and only at the next step the token that was chosen. `generate(output_scores=True)`
    would give the same figures, but keep the scores of all steps: 0.2 MB a token for Whisper's vocabulary. As in
    openai/whisper, suppressed tokens have no probability, and the end token counts as a token of the text.
    """

    def __init__(self):
        self._chosen: list[torch.Tensor] = []  # (batch, 1) each
        self._last: torch.Tensor | None = None  # (batch, vocabulary): of the newest step

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._last is not None:
            self._chosen.append(self._last.gather(1, input_ids[:, -1:]))
        self._last = scores.float().log_softmax(dim=-1)
        return scores

    def means(self, texts: list[list[int]], end: int, limits: list[int]) -> list[float]:
        """Mean natural log-probability of each text's tokens.

        Parameters
        ----------
        texts : the tokens of each text, without `end`
        end : the token that ends a text
        limits : of each text, how many tokens count at most
        """
        step = len(self._chosen)
        final = torch.tensor([[text[step] if len(text) > step else end] for text in texts], device=self._last.device)
        rows = torch.cat([*self._chosen, self._last.gather(1, final)], dim=1).tolist()
        means = []
        for row, text, limit in zip(rows, texts, limits, strict=True):
            count = min(len(text) + 1, limit, step + 1)
            means.append(sum(row[:count]) / count)
        return means
