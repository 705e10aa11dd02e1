"""The training loss: mean cross entropy over all tokens of a batch, however the batch is split into parts."""

import functools

import torch
from torch.nn import functional
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

IGNORED = -100  # label that adds nothing to the loss (PyTorch's cross entropy)


def use_token_mean_loss(model: WhisperForConditionalGeneration) -> None:
    """Make forward(labels=...) return only the loss, computed only at positions with a label; changes the model.

    Whisper's own forward also projects padding and prompt onto the vocabulary, which in short utterances are more
    than half of all positions. It also ignores the trainer's `num_items_in_batch`, so that each part of an accumulated
    or distributed batch has the same weight, however many tokens it has
    (https://github.com/huggingface/transformers/pull/46068). Without labels, forward and generate are unchanged.
    """
    forward = model.forward

    @functools.wraps(forward)
    def forward_with_loss(input_features=None, labels=None, num_items_in_batch=None, decoder_input_ids=None, **kwargs):
        if labels is None:
            return forward(input_features=input_features, decoder_input_ids=decoder_input_ids, **kwargs)
        kwargs["use_cache"] = False  # training does not continue a text
        states = model.model(input_features, decoder_input_ids=decoder_input_ids, **kwargs).last_hidden_state
        labels = labels.reshape(-1)
        labelled = labels.ne(IGNORED).nonzero().squeeze(1)
        logits = model.proj_out(states.flatten(0, 1).index_select(0, labelled))
        total = functional.cross_entropy(logits.float(), labels.index_select(0, labelled), reduction="sum")
        tokens = num_items_in_batch if num_items_in_batch is not None else labelled.numel()
        return Seq2SeqLMOutput(loss=total / torch.as_tensor(tokens, device=total.device).clamp(min=1))

    model.forward = forward_with_loss
    model.accepts_loss_kwargs = True
