"""Checkpoints at a second place: whole or not at all, and never the end of a training."""

import errno
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from stages.common.errors import UserError
from stages.runtime import checkpoints, failures
from stages.runtime import mirror as mirrors
from stages.runtime.mirror import Mirror
from tests.support import s3_server
from tests.support.s3_server import BUCKET, S3Server


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "inner").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights" * step)
    (path / "inner" / "rng_state.pth").write_bytes(b"state")
    checkpoints.commit(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["memory", "file", pytest.param("s3", marks=pytest.mark.slow)])
def url(request, tmp_path, monkeypatch) -> Iterator[str]:
    match request.param:
        case "memory":
            MemoryFileSystem.store.clear()
            MemoryFileSystem.pseudo_dirs[:] = [""]
            yield "memory://bucket/prefix"
        case "file":
            yield f"file://{tmp_path}/remote"
        case "s3":
            S3FileSystem.clear_instance_cache()  # of another test's server
            with S3Server(tmp_path / "store") as server:
                for name, value in s3_server.environment(tmp_path / "home").items():
                    monkeypatch.setenv(name, value)
                monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
                yield f"s3://{BUCKET}/prefix"


@pytest.fixture
def local(tmp_path) -> Path:
    return tmp_path / "local"


@pytest.fixture
def other(tmp_path) -> Path:
    (tmp_path / "other").mkdir()
    return tmp_path / "other"


def send(url: str, *kept: Path) -> None:
    mirror = Mirror(url, "train_lora/abc")
    mirror.send(list(kept))
    mirror.close()


def test_another_machine_gets_what_was_sent(url, local, other):
    send(url, checkpoint(local, 5), checkpoint(local, 10))
    Mirror(url, "train_lora/abc").fetch(other)
    assert contents(other) == contents(local)
    assert checkpoints.latest(other) == other / "checkpoint-10"


def test_nothing_there_is_no_error(url, other):
    Mirror(url, "train_lora/never").fetch(other)
    assert list(other.iterdir()) == []


def test_what_is_no_longer_kept_is_removed_there(url, local, other):
    first, second = checkpoint(local, 5), checkpoint(local, 10)
    send(url, first)
    send(url, second)
    Mirror(url, "train_lora/abc").fetch(other)
    assert [path.name for path in other.iterdir()] == ["checkpoint-10"]


def test_all_is_removed_after_success(url, local, other):
    mirror = Mirror(url, "train_lora/abc")
    mirror.send([checkpoint(local, 5)])
    mirror.remove()
    Mirror(url, "train_lora/abc").fetch(other)
    assert list(other.iterdir()) == []


def test_an_interrupted_upload_does_not_count_and_is_made_good(url, local, other, monkeypatch, capsys):
    path = checkpoint(local, 5)
    storage = type(fsspec.core.url_to_fs(url)[0])
    put = storage.put_file

    def put_one(files, source, target, *arguments, **options):
        if source.endswith("model.safetensors"):
            raise OSError("connection reset")
        return put(files, source, target, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "put_file", put_one)
        send(url, path)
    output = capsys.readouterr().out
    assert "checkpoint not mirrored (connection reset); training continues" in output
    assert output.count("\n") == 1
    Mirror(url, "train_lora/abc").fetch(other)
    assert list(other.iterdir()) == []
    send(url, path)
    Mirror(url, "train_lora/abc").fetch(other)
    assert checkpoints.latest(other) == other / "checkpoint-5"


def test_damage_there_is_said_and_not_used(url, local, other, capsys):
    send(url, checkpoint(local, 5))
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/train_lora/abc/checkpoint-5/model.safetensors", b"wei")
    Mirror(url, "train_lora/abc").fetch(other)
    assert "checkpoint-5 is damaged; not used" in capsys.readouterr().out
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("name", ["../../evil", "/evil"])
def test_nothing_is_written_outside(url, local, other, name):
    send(url, checkpoint(local, 5))
    files, root = fsspec.core.url_to_fs(url)
    listing = json.dumps({"files": {name: 5}}).encode()
    files.pipe_file(f"{root}/train_lora/abc/checkpoint-5/{checkpoints.COMPLETE}", listing)
    with pytest.raises(UserError, match="outside of it"):
        Mirror(url, "train_lora/abc").fetch(other)


def sent_checkpoints(monkeypatch) -> list[str]:
    """The names of checkpoints, each added as soon as its last file is in memory://."""
    put, sent = MemoryFileSystem.put_file, []

    def put_file(files, source, target):
        put(files, source, target)
        if target.endswith(checkpoints.COMPLETE):
            sent.append(Path(target).parent.name)

    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    return sent


def test_training_does_not_wait_and_only_the_newest_request_does(local, monkeypatch):
    MemoryFileSystem.store.clear()
    paths = [checkpoint(local, step) for step in (5, 10, 15)]
    mirror = Mirror("memory://bucket", "train_lora/abc")
    go, sent = threading.Event(), sent_checkpoints(monkeypatch)
    put = MemoryFileSystem.put_file

    def slow(files, source, target):
        put(files, source, target)
        if target.endswith(checkpoints.COMPLETE):
            assert go.wait(10)

    monkeypatch.setattr(MemoryFileSystem, "put_file", slow)
    mirror.send([paths[0]])
    while not sent:
        pass
    mirror.send([paths[1]])
    mirror.send([paths[2]])
    assert mirror.is_sending(paths[0])
    assert not mirror.is_sending(paths[2])
    go.set()
    mirror.close()
    assert sent == ["checkpoint-5", "checkpoint-15"]
    assert not mirror.is_sending(paths[0])


def test_a_request_as_the_sender_ends_is_sent_at_once(local, monkeypatch):
    """A thread's function returns a moment before its future says so."""
    MemoryFileSystem.store.clear()
    paths = [checkpoint(local, step) for step in (5, 10)]
    ended, go, sent = threading.Event(), threading.Event(), sent_checkpoints(monkeypatch)

    class SlowToEnd(ThreadPoolExecutor):
        def submit(self, function):
            return super().submit(self.run, function)

        def run(self, function):
            function()
            ended.set()
            go.wait(10)

    monkeypatch.setattr(mirrors, "ThreadPoolExecutor", SlowToEnd)
    mirror = Mirror("memory://bucket", "train_lora/abc")
    mirror.send([paths[0]])
    assert ended.wait(10)
    mirror.send([paths[1]])
    go.set()
    mirror.close()
    assert sent == ["checkpoint-5", "checkpoint-10"]


def test_unreachable_place_is_reported_at_the_start(other, monkeypatch):
    mirror = Mirror("memory://bucket", "train_lora/abc")

    def fail(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(MemoryFileSystem, "ls", fail)
    with pytest.raises(
        UserError, match=r"runtime.checkpoint_mirror: memory://bucket/train_lora/abc .*no route to host"
    ):
        mirror.fetch(other)


def test_full_disk_of_this_machine_is_not_put_down_to_the_place(local, other, monkeypatch):
    send("memory://bucket/full", checkpoint(local, 5))

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MemoryFileSystem, "get_file", fail)
    with (
        pytest.raises(UserError, match=r"train_lora: the disk is full .*make room on the disk of"),
        failures.explain_early_end("train_lora", "", lambda: ""),
    ):
        Mirror("memory://bucket/full", "train_lora/abc").fetch(other)


@pytest.mark.parametrize("url", ["gopher://bucket", "abfs://bucket"])
def test_unknown_kinds_are_reported(url):
    with pytest.raises(UserError, match=r"runtime\.checkpoint_mirror"):
        Mirror(url, "train_lora/abc")
