"""A copy of a run's checkpoints at any URL that fsspec supports, so that another machine can resume from them.

A thread uploads them during the training. A failed upload is printed and does not end the training; the next
checkpoint is another try.
"""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from fsspec.core import url_to_fs

from stages.common.errors import DISK_ERRORS, UserError, first_lines
from stages.runtime import checkpoints

# By default, S3 clients retry for minutes; here the next checkpoint is the next try.
OPTIONS = {"s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}}}


class Mirror:
    """The checkpoints of one training run at a URL."""

    def __init__(self, url: str, place: str):
        """Connect to `url`; the run's checkpoints are in its folder `place`.

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
        self._lock = threading.Lock()  # guards the fields below
        self._latest: list[Path] = []  # the checkpoints of the newest request
        self._sending: list[Path] = []  # the checkpoints that are being uploaded now
        self._is_running = False  # whether the thread will still look for a newer request

    def fetch(self, folder: Path) -> None:
        """Download every complete checkpoint that is not in `folder`.

        Raises
        ------
        UserError
            The URL cannot be reached, or a file there would be written outside of `folder`.
        OSError
            The disk of this machine is full.
        """
        try:
            for name in self._names():
                if not checkpoints.is_complete(folder / name):
                    self._fetch(name, folder)
        except UserError:
            raise
        except Exception as error:  # every kind of storage has its own errors, without a common class
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
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
                raise UserError(
                    f"{self.url}/{name}: {checkpoints.COMPLETE} names {path!r}, which is outside of it; remove it"
                )
            (incoming / path).parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(f"{remote}/{path}", str(incoming / path))
        if not checkpoints.is_complete(incoming):
            print(f"{self.url}/{name} is damaged; not used")
            shutil.rmtree(incoming)
            return
        shutil.rmtree(folder / name, ignore_errors=True)
        os.replace(incoming, folder / name)
        print(f"fetched {name} from {self.url}")

    def _names(self) -> list[str]:
        """The names of the complete checkpoints at the URL."""
        return [name for name in self._all() if self._files.exists(f"{self._root}/{name}/{checkpoints.COMPLETE}")]

    def _all(self) -> list[str]:
        self._files.invalidate_cache()
        try:
            paths = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        names = [PurePosixPath(path.rstrip("/")).name for path in paths]
        return sorted(name for name in names if name.startswith("checkpoint-"))

    def send(self, local: list[Path]) -> None:
        """Make the URL hold exactly these complete local checkpoints; returns at once, a thread does the work.

        While it works on an earlier request, only the newest of the waiting requests is kept.
        """
        with self._lock:
            self._latest = list(local)
            if not self._is_running:
                self._is_running = True
                self._sender.submit(self._send_all)

    def is_sending(self, checkpoint: Path) -> bool:
        """Whether a checkpoint is being uploaded, so that it must not be removed."""
        with self._lock:
            return checkpoint in self._sending

    def _send_all(self) -> None:
        while True:
            with self._lock:
                self._sending = request = self._latest
            try:
                self._send(request)
            except Exception as error:  # whatever the storage raises
                problem = f"checkpoint not mirrored ({first_lines(error)})"
                print(f"{self.url}: {problem}; training continues, the next one tries again")
            with self._lock:
                if self._latest is request:
                    # Under the lock, so that a request that comes later starts the thread again.
                    self._sending, self._is_running = [], False
                    return

    def _send(self, local: list[Path]) -> None:
        remote_names = self._names()
        for checkpoint in local:
            if checkpoint.name in remote_names:
                continue
            paths = [path for path in sorted(checkpoint.rglob("*")) if path.is_file()]
            paths.sort(key=lambda path: path.name == checkpoints.COMPLETE)  # last: with it, the copy is complete
            for path in paths:
                remote = f"{self._root}/{checkpoint.name}/{path.relative_to(checkpoint).as_posix()}"
                self._files.makedirs(remote.rsplit("/", 1)[0], exist_ok=True)
                self._files.put_file(str(path), remote)
        local_names = {checkpoint.name for checkpoint in local}
        for name in self._all():
            if name not in local_names:
                self._remove(name)

    def _remove(self, name: str) -> None:
        complete = f"{self._root}/{name}/{checkpoints.COMPLETE}"
        if self._files.exists(complete):
            self._files.rm_file(complete)  # first: without it, the copy is incomplete
        if self._files.exists(f"{self._root}/{name}"):
            self._files.rm(f"{self._root}/{name}", recursive=True)

    def close(self) -> None:
        """Wait until the newest request is done."""
        self._sender.shutdown(wait=True)

    def remove(self) -> None:
        """Remove the run's checkpoints from the URL, after training has succeeded. Waits for uploads."""
        self.close()
        try:
            for name in self._all():
                self._remove(name)
        except Exception as error:
            print(f"{self.url}: checkpoints not removed ({first_lines(error)}); they are not needed any more")
