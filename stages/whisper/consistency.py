"""Whether the parts of a checkpoint belong together: the model, its tokenizer and its feature extractor.

Transformers makes an empty tokenizer of a folder without tokenizer files, and takes a feature extractor of another
model, without a word. Such a checkpoint answers with empty text, or learns from wrong features.
"""

from pathlib import Path

from transformers import WhisperForConditionalGeneration, WhisperProcessor

from stages.common.errors import UserError
from stages.whisper.generation_defaults import NO_TIMESTAMPS


def check(model: WhisperForConditionalGeneration, processor: WhisperProcessor, folder: Path) -> None:
    """Check that the processor of a folder is the one that the model was trained with.

    Raises
    ------
    UserError
        Says which parts disagree, by which numbers, and where to take them from.
    """
    problems = [*_tokenizer_problems(model, processor), *_extractor_problems(model, processor)]
    if problems:
        raise UserError(
            f"{folder}: {'; '.join(problems)}. Copy the tokenizer and preprocessor files of the OpenAI model that this "
            "one comes from (on the hub: openai/whisper-...) into the folder"
        )


def _tokenizer_problems(model: WhisperForConditionalGeneration, processor: WhisperProcessor) -> list[str]:
    tokenizer, config = processor.tokenizer, model.generation_config
    problems = []
    size = model.config.vocab_size
    if len(tokenizer) > size:
        problems.append(f"the tokenizer has {len(tokenizer)} tokens, the model {size}")
    if tokenizer.eos_token_id != config.eos_token_id:
        problems.append(f"the tokenizer's end of text is {tokenizer.eos_token_id}, the model's {config.eos_token_id}")
    expected = getattr(config, "no_timestamps_token_id", None)
    token = tokenizer.get_vocab().get(NO_TIMESTAMPS)
    if expected is not None and token != expected:
        problems.append(f"{NO_TIMESTAMPS} is token {token} of the tokenizer, {expected} of generation_config.json")
    return problems


def _extractor_problems(model: WhisperForConditionalGeneration, processor: WhisperProcessor) -> list[str]:
    extractor, config = processor.feature_extractor, model.config
    problems = []
    if extractor.feature_size != config.num_mel_bins:
        problems.append(
            f"the feature extractor makes {extractor.feature_size} mel bins, the model reads {config.num_mel_bins}"
        )
    window = 2 * config.max_source_positions  # the encoder halves the number of frames
    if extractor.nb_max_frames != window:
        problems.append(f"the feature extractor's window is {extractor.nb_max_frames} frames, the model's {window}")
    return problems
