"""Turn off the warnings and progress bars of transformers."""

from transformers.utils import logging


def quiet_transformers() -> None:
    """Let transformers print errors only, for the rest of this process; for the main function of a script.

    Its warnings are about things that stages/whisper checks and reports as errors, or that its own Whisper code does.
    Its progress bars for reading files are turned off, too; training and decoding have their own.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
