"""Run the dvc of this environment and read what it prints."""

import subprocess
import sys
import tempfile

from stages.common.errors import UserError


def run_dvc(*arguments: str, seconds: float | None = None) -> str:
    """Run a dvc command and return what it printed.

    Parameters
    ----------
    arguments : the command's words, without `dvc`
    seconds : time limit; None: there is no limit

    Raises
    ------
    UserError
        The command failed (with dvc's message), or took longer than the limit.
    """
    command = f"dvc {' '.join(arguments[:3])}"
    # Files and not pipes: the workers of dvc's queue inherit them, and reading a pipe ends only with the last worker.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            process = subprocess.run(
                [sys.executable, "-m", "dvc", *arguments], stdout=output, stderr=errors, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"{command} gave no answer in {seconds:g} s") from None
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            message = " ".join(errors.read().replace("ERROR:", "").split())
            raise UserError(f"{command} failed: {message}")
        return output.read()
