"""Errors that the user can correct, reported in one line instead of a traceback."""

import errno
import functools
import sys
from collections.abc import Callable

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
INTERRUPTED = 130  # exit status after Ctrl-C, as a shell reports it


class UserError(Exception):
    """Wrong input, parameters or environment. The message names the file, line or key, and says what to do."""


def exit_on_user_error(main: Callable[..., None]) -> Callable[..., None]:
    """Decorate a stage's `main`: a UserError ends the process with status 1 and its message alone on stderr.

    Ctrl-C and a full disk end it with one line, too.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        try:
            main(*args, **kwargs)
        except UserError as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            place = f" (writing {error.filename})" if error.filename else ""
            sys.exit(f"error: the disk is full{place}: {error.strerror}; make room, then run the same command again")
        except KeyboardInterrupt:
            print("interrupted; run the same command to start again", file=sys.stderr)
            sys.exit(INTERRUPTED)

    return wrapper


def first_lines(error: Exception, lines: int = 1) -> str:
    """A library's error message in one line: its first non-empty lines, or the error's type if there are none."""
    texts = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(texts[:lines]) or type(error).__name__
