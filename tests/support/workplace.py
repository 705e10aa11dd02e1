"""A clone with its own home, cache and credentials."""

import shutil
import subprocess
from pathlib import Path

from tests.support import warm_python
from tests.support.s3_server import environment

ROOT = Path(__file__).parent.parent.parent


class Workplace:
    """A clone with its own home, cache and credentials, and how to work there."""

    def __init__(self, folder: Path, home: Path, **secret):
        self.folder = folder
        self.environment = environment(home, **secret) | {"PYTHONPATH": str(ROOT)}
        self.environment["PATH"] = f"{warm_python.folder()}:{self.environment['PATH']}"

    def run(self, *command: str, expect: int | None = 0, **options) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=900, **options
        )
        output = done.stdout + done.stderr
        if expect is not None:
            assert done.returncode == expect, f"{' '.join(command)}: {done.returncode}\n{output}"
        return output

    def doctor(self, *options: str, expect: int) -> str:
        return self.run("python", "-m", "tools.doctor", *options, expect=expect)

    def forget(self) -> None:
        """As on another machine: no data, no cache."""
        shutil.rmtree(self.folder / ".dvc" / "cache", ignore_errors=True)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def with_secret(self, secret: str | None) -> "Workplace":
        return Workplace(self.folder, Path(self.environment["HOME"]), secret=secret)
