"""What transformers says of its own accord, left out where the pipeline and its tools run."""

from transformers.utils import logging


def quiet_transformers() -> None:
    """Let transformers print errors only, for the rest of this process; for the main function of a script.

    What it warns of is either checked by stages/whisper and told as an error, or done by its own Whisper code. Its
    progress bars of reading a file go too; training and decoding have their own.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
