"""A second place for a run's checkpoints, at any URL that fsspec knows, so that another machine can resume from them.

Sending happens beside the training and never ends it: what fails is said, and the next checkpoint tries again.
"""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from fsspec.core import url_to_fs

from stages.common.errors import UserError, first_lines
from stages.runtime import checkpoints

# S3 clients by default try for minutes; the next checkpoint comes anyway.
OPTIONS = {"s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}}}


class Mirror:
    """The checkpoints of one training run at a URL."""

    def __init__(self, url: str, place: str):
        """Connect to `url`; the run's checkpoints lie in its folder `place`.

        Raises
        ------
        UserError
            The kind of URL is unknown, or needs a package that is not installed.
        """
        self.url = f"{url.rstrip('/')}/{place}"
        protocol = url.split("://")[0]
        try:
            options = OPTIONS.get(protocol, {})
            self._files, self._root = url_to_fs(self.url, use_listings_cache=False, **options)
        except (ImportError, ValueError) as error:
            raise UserError(f"params.yaml: runtime.checkpoint_mirror {url!r} cannot be used: {error}") from None
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="mirror")
        self._lock = threading.Lock()  # guards what follows
        self._latest: list[Path] = []  # what was last asked to be there
        self._sending: list[Path] = []  # what is being sent; empty: nothing
        self._is_running = False  # the sender has not yet found that nothing waits

    def fetch(self, folder: Path) -> None:
        """Bring every complete checkpoint that lies there and not in `folder`.

        Raises
        ------
        UserError
            The place cannot be reached, or what lies there would be written outside `folder`.
        """
        try:
            for name in self._names():
                if not checkpoints.is_complete(folder / name):
                    self._fetch(name, folder)
        except UserError:
            raise
        except Exception as error:  # each kind of storage has its own, which have nothing in common
            raise UserError(
                f"runtime.checkpoint_mirror: {self.url} cannot be read ({first_lines(error)}); check the network and "
                "the credentials, or set it to null"
            ) from None

    def _fetch(self, name: str, folder: Path) -> None:
        remote = f"{self._root}/{name}"
        sizes = json.loads(self._files.cat_file(f"{remote}/{checkpoints.COMPLETE}"))["files"]
        incoming = folder / f".incoming-{name}"
        shutil.rmtree(incoming, ignore_errors=True)
        for path in [*sizes, checkpoints.COMPLETE]:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise UserError(f"{self.url}/{name}: {checkpoints.COMPLETE} names {path!r}, outside of it; remove it")
            (incoming / path).parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(f"{remote}/{path}", str(incoming / path))
        if not checkpoints.is_complete(incoming):
            print(f"{self.url}/{name} is damaged and not used")
            shutil.rmtree(incoming)
            return
        shutil.rmtree(folder / name, ignore_errors=True)
        os.replace(incoming, folder / name)
        print(f"fetched {name} from {self.url}")

    def _names(self) -> list[str]:
        """The complete checkpoints that lie there."""
        return [name for name in self._all() if self._files.exists(f"{self._root}/{name}/{checkpoints.COMPLETE}")]

    def _all(self) -> list[str]:
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        names = (PurePosixPath(path.rstrip("/")).name for path in found)
        return sorted(name for name in names if name.startswith("checkpoint-"))

    def send(self, kept: list[Path]) -> None:
        """Make these complete local checkpoints the ones that lie there; returns at once.

        While an earlier request is being carried out, only the newest one waits.
        """
        with self._lock:
            self._latest = list(kept)
            if not self._is_running:
                self._is_running = True
                self._sender.submit(self._send_all)

    def is_sending(self, checkpoint: Path) -> bool:
        """Whether a checkpoint must stay, because it may be read just now."""
        with self._lock:
            return checkpoint in self._sending

    def _send_all(self) -> None:
        while True:
            with self._lock:
                self._sending = wanted = self._latest
            try:
                self._send(wanted)
            except Exception as error:  # whatever the storage raises
                problem = f"checkpoint not mirrored ({first_lines(error)})"
                print(f"{self.url}: {problem}; training continues, the next one tries again")
            with self._lock:
                if self._latest is wanted:
                    # Under the lock: a request that comes from now on starts the sender anew.
                    self._sending, self._is_running = [], False
                    return

    def _send(self, wanted: list[Path]) -> None:
        there = self._names()
        for checkpoint in wanted:
            if checkpoint.name in there:
                continue
            paths = [path for path in sorted(checkpoint.rglob("*")) if path.is_file()]
            paths.sort(key=lambda path: path.name == checkpoints.COMPLETE)  # last: from then on it counts
            for path in paths:
                remote = f"{self._root}/{checkpoint.name}/{path.relative_to(checkpoint).as_posix()}"
                self._files.makedirs(remote.rsplit("/", 1)[0], exist_ok=True)
                self._files.put_file(str(path), remote)
        for name in self._all():
            if name not in {checkpoint.name for checkpoint in wanted}:
                self._remove(name)

    def _remove(self, name: str) -> None:
        complete = f"{self._root}/{name}/{checkpoints.COMPLETE}"
        if self._files.exists(complete):
            self._files.rm_file(complete)  # first: from then on it counts no longer
        if self._files.exists(f"{self._root}/{name}"):
            self._files.rm(f"{self._root}/{name}", recursive=True)

    def close(self) -> None:
        """Wait until all that was asked for is sent."""
        self._sender.shutdown(wait=True)

    def remove(self) -> None:
        """Remove the run's place: training has succeeded. Waits for what is being sent."""
        self.close()
        try:
            for name in self._all():
                self._remove(name)
        except Exception as error:
            print(f"{self.url}: checkpoints not removed ({first_lines(error)}); they are of no more use")
