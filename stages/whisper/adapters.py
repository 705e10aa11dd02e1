"""PEFT adapters over a Whisper model."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import WhisperForConditionalGeneration

from stages.common.errors import UserError, first_lines

WEIGHTS_FILE = "adapter_model.safetensors"
SHOWN = 3  # names of weights in a message


def load(folder: Path, base: WhisperForConditionalGeneration, base_folder: Path) -> PeftModel:
    """Put an adapter of any kind that PEFT knows over its base, which was loaded from `base_folder`.

    Raises
    ------
    UserError
        The adapter does not fit the base, or lacks weights that its config asks for, or has others. (PEFT itself only
        warns, and leaves them as they were initialised.)
    """
    try:
        with without_peft_warning():
            model = PeftModel.from_pretrained(base, folder, use_safetensors=True, local_files_only=True)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder} does not fit the base model in {base_folder}: {first_lines(error, lines=3)}"
        ) from None
    with safe_open(folder / WEIGHTS_FILE, framework="pt") as file:
        stored = set(file.keys())
    expected = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    wrong = sorted(stored ^ expected)
    if wrong:
        raise UserError(
            f"{folder}: adapter has {len(stored)} weights, its config asks for {len(expected)}; they differ in "
            f"{', '.join(wrong[:SHOWN])}{' ...' if len(wrong) > SHOWN else ''}; train it again"
        )
    return model


@contextlib.contextmanager
def without_peft_warning() -> Iterator[None]:
    """Wrap a model with PEFT without the warning that `is_gradient_checkpointing` is deprecated.

    PEFT 0.21 reads this attribute of every model that it wraps, and transformers 5.24 warns of it: the call is inside
    PEFT, so it cannot be avoided here.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield
