"""What goes wrong with a remote: what DVC says, what the doctor says, and that its cure works. On a real S3 server."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.s3_server import BUCKET, S3Server
from tests.support.workplace import Workplace

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FILES, SIZE = 6, 200_000
BIG = 105_000_000  # bytes: dvc-s3 uploads in parts from 100 MB on


def write_data(folder: Path, files: int = FILES, size: int = SIZE) -> None:
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
    for number in range(files):
        (folder / ("train" if number % 2 else "test") / f"{number}.bin").write_bytes(generator.bytes(size))


@pytest.fixture
def server(tmp_path) -> S3Server:
    with S3Server(tmp_path / "store") as server:
        yield server


def make(tmp_path: Path, server: S3Server, files: int = FILES, size: int = SIZE) -> Workplace:
    """A repository with the project's DVC configuration, its remote on the server, and data that is not pushed."""
    folder = tmp_path / "work"
    write_data(folder / "data", files, size)
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    # A base model that is not there is assumed to be large, and the doctor would look for more disk than a machine has.
    shutil.copytree(ROOT / "sample" / "whisper-mini", folder / "sample" / "whisper-mini")
    place = Workplace(folder, tmp_path / "home")
    place.run("git", "init", "-q")
    place.run("dvc", "init", "-q")
    shutil.copyfile(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    place.run("dvc", "remote", "modify", "storage", "url", f"s3://{BUCKET}/dvc")
    place.run("dvc", "remote", "modify", "storage", "endpointurl", server.url)
    place.run("dvc", "add", "-q", "data")
    place.run("git", "add", "-A")
    place.run("git", "commit", "-qm", "data")
    return place


@pytest.fixture
def place(tmp_path, server) -> Workplace:
    return make(tmp_path, server)


@pytest.fixture
def pushed(place) -> Workplace:
    place.run("dvc", "push")
    return place


def an_object(server: S3Server) -> Path:
    return next(path for path in server.objects() if path.stat().st_size == SIZE)


def test_all_is_well(pushed):
    output = pushed.doctor(expect=0)
    assert "answers, and holds 7 objects" in output
    assert "the 7 objects that dvc.lock and *.dvc name are all there" in output
    assert "are read whole" in pushed.doctor("--read-remote", expect=0)
    pushed.forget()  # the list of the folder comes from the remote
    assert "the 7 objects" in pushed.doctor(expect=1)  # data/ is missing
    pushed.run("dvc", "pull", "data")
    assert "authors" not in pushed.doctor(expect=0)


def test_no_credentials(pushed):
    stranger = pushed.with_secret(None)
    (pushed.folder / "data" / "train" / "new.bin").write_bytes(b"new")
    pushed.run("dvc", "add", "-q", "data")
    assert "Unable to locate credentials" in stranger.run("dvc", "push", expect=255)
    output = stranger.doctor(expect=1)
    assert "Unable to locate credentials" in output
    assert "-> there are no credentials: dvc remote modify --local storage profile" in output
    stranger.forget()
    assert "Unable to locate credentials" in stranger.run("dvc", "pull", expect=1)


def test_wrong_secret(pushed):
    stranger = pushed.with_secret("wrong")
    stranger.forget()
    assert "Forbidden" in stranger.run("dvc", "pull", expect=1)
    assert "-> the key or the secret is wrong" in stranger.doctor(expect=1)


def test_missing_bucket(place, server):
    place.run("dvc", "remote", "modify", "storage", "url", "s3://no-such-bucket/dvc")
    place.run("dvc", "push", expect=255)
    output = place.doctor(expect=1)
    assert "-> the bucket is missing: make it, or correct the name" in output


def test_server_down(pushed, server):
    server.kill()
    pushed.forget()
    assert "Could not connect to the endpoint URL" in pushed.run("dvc", "pull", expect=1)
    assert "-> the server does not answer" in pushed.doctor(expect=1)
    server.start()
    pushed.run("dvc", "pull")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def start_push(place: Workplace, server: S3Server) -> subprocess.Popen:
    """Begin to push, and return when some objects have arrived and others have not."""
    command = [sys.executable, "-m", "dvc", "push", "-j", "2"]  # not forked: it is killed
    process = subprocess.Popen(command, cwd=place.folder, env=place.environment)
    until(lambda: len(server.objects()) > 3)
    assert process.poll() is None
    return process


@pytest.fixture
def slow(tmp_path) -> tuple[S3Server, Workplace]:
    """A server that takes a while for 60 files."""
    server = S3Server(tmp_path / "store")
    server.start("--bwlimit", "4M")
    yield server, make(tmp_path, server, files=60)
    server.kill()


def assert_whole(place: Workplace) -> None:
    """What was pushed is there, and arrives elsewhere."""
    assert "are read whole" in place.doctor("--read-remote", expect=0)
    before = {path.name: path.read_bytes() for path in (place.folder / "data").rglob("*.bin")}
    place.forget()
    place.run("dvc", "pull")
    assert {path.name: path.read_bytes() for path in (place.folder / "data").rglob("*.bin")} == before


def test_server_killed_while_pushing(slow):
    server, place = slow
    place.environment["AWS_MAX_ATTEMPTS"] = "1"  # by default, the client tries for 40 s
    process = start_push(place, server)
    server.kill()
    place.environment.pop("AWS_MAX_ATTEMPTS")
    assert process.wait(timeout=120) != 0
    server.start()
    place.run("dvc", "push")
    assert_whole(place)


def test_client_killed_while_pushing(slow):
    server, place = slow
    process = start_push(place, server)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.kill()
    server.start()
    assert "pushed" in place.run("dvc", "push")
    assert_whole(place)


def test_mirror_of_checkpoints_has_credentials_of_its_own(pushed, server):
    path = pushed.folder / "params.yaml"
    path.write_text(path.read_text().replace("checkpoint_mirror:", f"checkpoint_mirror: s3://{BUCKET}/checkpoints"))
    keys = {name: pushed.environment.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    pushed.environment["AWS_ENDPOINT_URL"] = server.url
    for name, key in zip(("access_key_id", "secret_access_key"), keys.values(), strict=True):
        pushed.run("dvc", "remote", "modify", "--local", "storage", name, key)
    output = pushed.doctor(expect=1)
    assert "are all there" in output  # for DVC
    assert "runtime.checkpoint_mirror: s3://kids/checkpoints" in output
    assert "-> export AWS_PROFILE=" in output
    pushed.environment |= keys
    assert "checkpoint mirror, s3://kids/checkpoints: can be read" in pushed.doctor(expect=0)


def test_lost_object_is_found_where_dvc_finds_nothing(pushed, server):
    with server.stopped():
        an_object(server).unlink()
    assert "Everything is up to date." in pushed.run("dvc", "push")
    assert "in sync" in pushed.run("dvc", "status", "-c")
    output = pushed.doctor(expect=1)
    assert "1 objects of data are lost, and DVC does not notice" in output
    listing = next(path for path in server.objects() if path.suffix == ".dir")
    assert f"aws s3 rm s3://{BUCKET}/{listing.relative_to(server.bucket)}" in output
    assert "then: dvc push" in output
    with server.stopped():
        listing.unlink()  # the cure
    pushed.run("dvc", "push")
    assert_whole(pushed)


def test_lost_object_that_is_nowhere_else(pushed, server):
    with server.stopped():
        an_object(server).unlink()
    pushed.forget()
    pushed.run("dvc", "pull", expect=1)
    assert "dvc push on a machine that has it" in pushed.doctor(expect=1)


def test_corrupted_object_is_refused_and_found(pushed, server):
    path = an_object(server)
    good = path.read_bytes()
    with server.stopped():
        path.write_bytes(b"X" + good[1:])
    output = pushed.doctor(expect=1)
    assert f"object {path.parent.name}{path.name} of data is corrupted" in output
    assert "is corrupted" in pushed.doctor("--read-remote", expect=1)
    cache = pushed.folder / ".dvc" / "cache"
    shutil.move(cache, cache.with_name("kept"))
    shutil.rmtree(pushed.folder / "data")
    pushed.run("dvc", "pull", expect=1)  # verify true
    assert not list((pushed.folder / "data").rglob("*.bin"))
    shutil.rmtree(cache)
    shutil.move(cache.with_name("kept"), cache)
    with server.stopped():
        for broken in [path, *(path for path in server.objects() if path.suffix == ".dir")]:  # the cure
            broken.unlink()
    pushed.run("dvc", "push")
    pushed.run("dvc", "checkout")
    assert_whole(pushed)


# A disk of its own for what runs in it, without anybody's rights: a file system in memory, in a name space.
OWN_DISKS = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-ec")
FULL_DISK = """
mkdir -p .dvc/cache
mount -t tmpfs -o size=1m tmpfs .dvc/cache
dvc pull && exit 9
mount -o remount,size=64m .dvc/cache
dvc pull
ls data/*
"""


def test_disk_full_while_pulling(tmp_path, server):
    try:
        subprocess.run([*OWN_DISKS, f"mount -t tmpfs tmpfs {tmp_path}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system gives no name spaces with file systems of their own: {error}")
    place = make(tmp_path, server, files=2, size=10 * SIZE)
    place.run("dvc", "push")
    place.forget()
    output = place.run(*OWN_DISKS, FULL_DISK)
    assert "No space left on device" in output
    assert output.count(".bin") == 2


def test_largest_file_while_pulling(tmp_path, server):
    """Quotas and limits stop what is written in the midst of a file, too."""
    place = make(tmp_path, server, files=2, size=10 * SIZE)
    place.run("dvc", "push")
    place.forget()
    limit = 5 * SIZE  # DVC's own database is smaller
    output = place.run(
        "dvc", "pull", expect=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert "File too large" in output
    place.run("dvc", "pull")
    assert_whole(place)


def test_large_objects_on_a_server_that_is_not_amazon(tmp_path, server):
    """Uploaded in parts. Without the variables, some pulls end with "did not match calculated checksum", not all."""
    place = make(tmp_path, server, files=2, size=BIG)
    variables = {name: value for name, value in place.environment.items() if "_CHECKSUM_" in name}
    for name in variables:
        del place.environment[name]
    assert "export AWS_REQUEST_CHECKSUM_CALCULATION=when_required" in place.doctor(expect=0)
    place.environment |= variables
    place.run("dvc", "push")
    place.forget()
    place.run("dvc", "pull")
    assert (place.folder / "data" / "test" / "0.bin").stat().st_size == BIG
