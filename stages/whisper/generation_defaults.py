"""What generation_config.json should say of a Whisper model, where it does not."""

import re

from transformers import WhisperForConditionalGeneration, WhisperTokenizer
from transformers.models.whisper.tokenization_whisper import LANGUAGES

TASKS = ("transcribe", "translate")
NO_TIMESTAMPS = "<|notimestamps|>"


def complete(model: WhisperForConditionalGeneration, tokenizer: WhisperTokenizer) -> bool:
    """Take the ids of the special tokens from the tokenizer, where the generation config lacks them; in place.

    Models that were fine-tuned with early versions of transformers lack them, or the whole file.

    Returns
    -------
    Whether anything was lacking.
    """
    config, vocabulary = model.generation_config, tokenizer.get_vocab()
    languages = {}
    for token, number in vocabulary.items():
        name = re.fullmatch(r"<\|([a-z]{2,3})\|>", token)
        if name and name[1] in LANGUAGES:
            languages[token] = number
    multilingual = getattr(config, "is_multilingual", None)
    if multilingual is None:
        multilingual = bool(languages)
    values = {"no_timestamps_token_id": vocabulary.get(NO_TIMESTAMPS), "is_multilingual": multilingual}
    if multilingual:
        values["lang_to_id"] = dict(sorted(languages.items()))
        values["task_to_id"] = {task: vocabulary[f"<|{task}|>"] for task in TASKS if f"<|{task}|>" in vocabulary}
    is_lacking = False
    for name, value in values.items():
        if _is_given(value) and not _is_given(getattr(config, name, None)):
            setattr(config, name, value)
            is_lacking = True
    return is_lacking


def _is_given(value: int | bool | dict | None) -> bool:
    return value is not None and value != {}
