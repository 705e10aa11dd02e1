"""Mistakes that the user can mend, told in one line instead of a stack trace."""

import functools
import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input, parameters or environment. The message names the file, line or key, and what to do."""


def told_plainly(main: Callable[..., None]) -> Callable[..., None]:
    """Decorate a stage's `main`: a UserError ends the process with status 1 and its message alone on stderr."""

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        try:
            main(*args, **kwargs)
        except UserError as error:
            sys.exit(f"error: {error}")

    return wrapper
