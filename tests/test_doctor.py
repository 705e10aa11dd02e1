"""What the doctor finds on this machine; what it finds on a remote is in test_remote_faults.py."""

import errno
import json
import os
import shutil
import subprocess
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stages.common import params
from stages.corpus.rows.files import LFS_POINTER
from stages.runtime import trackers
from stages.training import shared_memory, trainer_options
from tests.support.corpora import write
from tools.doctor import __main__ as doctor
from tools.doctor import corpus, credentials, disk, environment, git, remote

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ROOT / "params.yaml", "params.yaml")
    subprocess.run(["git", "init", "-q"], check=True)
    write(Path("data/train/a.wav"), "x")
    write(Path("data/test/a.wav"), "x")
    return tmp_path


def as_text(findings) -> str:
    return "\n".join(f"{finding.level}: {finding.text} -> {finding.cure}" for finding in findings)


@pytest.fixture
def settings() -> params.Params:
    return params.load(ROOT / "params.yaml")


def test_clean_workspace_has_no_problem(workspace, settings):
    assert "problem" not in as_text(doctor.findings(no_remote=True, read_remote=False))


# In parts, so that nothing in this file looks like a secret itself.
KEY_ID, SECRET = "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/" + "K7MDENG"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".dvc/config", "['remote \"storage\"']\n    url = s3://x\n    access_key_id = abc\n"),
        (".dvc/config", f"    secret_access_key = {SECRET}\n"),
        ("notes.txt", f"key {KEY_ID} here"),
        ("run.sh", f"export AWS_SECRET_ACCESS_KEY='{SECRET}'"),
        ("token", "hf_" + "a" * 34),
        ("id_rsa", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"),
    ],
)
def test_secrets_in_git_are_found_and_not_shown(workspace, name, content):
    write(Path(name), content)
    assert "problem" not in as_text(credentials.findings())  # not tracked: nobody else gets it
    subprocess.run(["git", "add", "-A"], check=True)
    found = as_text(credentials.findings())
    assert f"{name}, which git tracks, holds" in found
    assert "--local" in found
    assert KEY_ID not in found
    assert SECRET not in found


def test_this_project_holds_no_secret(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert "problem" not in as_text(credentials.findings())


def test_outside_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "not a git repository" in as_text(git.findings())
    assert "problem" not in as_text(credentials.findings())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in as_text(git.findings())


def test_git_that_does_not_know_whose_commits_it_makes(workspace, monkeypatch):
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(workspace))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for name in ("NAME", "EMAIL"):
        monkeypatch.delenv(f"GIT_COMMITTER_{name}", raising=False)
    assert "warning: git does not know your user.name and user.email" in as_text(git.findings())
    monkeypatch.setenv("GIT_COMMITTER_NAME", "t")
    assert "does not know your user.email: git commit fails" in as_text(git.findings())
    subprocess.run(["git", "config", "user.email", "t@t"], check=True)
    assert as_text(git.findings()) == ""


def test_missing_corpus_names_what_brings_it(workspace, settings):
    shutil.rmtree("data")
    assert "git checkout data" in as_text(corpus.findings(settings))
    Path("data.dvc").touch()
    assert "dvc pull data" in as_text(corpus.findings(settings))


def test_corpus_without_a_test_set(workspace, settings):
    shutil.rmtree("data/test")
    assert "data/test is missing or empty" in as_text(corpus.findings(settings))


def test_pointers_instead_of_recordings(workspace, settings):
    write(Path("data/train/b.wav"), LFS_POINTER + b"v1\noid sha256:1\nsize 5\n")
    assert "1 files of data/ are Git LFS pointers, such as data/train/b.wav" in as_text(corpus.findings(settings))


def test_recording_that_may_not_be_read(workspace, settings, monkeypatch):
    def refuse(path, *arguments):
        if path == Path("data/train/a.wav"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open(path, *arguments)

    monkeypatch.setattr(corpus, "open", refuse, raising=False)
    findings = as_text(corpus.findings(settings))
    assert "problem: 1 files of data/ cannot be read, such as data/train/a.wav -> give yourself the right" in findings
    assert "ok: data/: 2 files in test, train" in findings


def test_speakers_that_the_last_run_did_not_know(workspace, settings):
    card = {"clips": 3, "hours": 0.1, "speakers": 3, "flagged": []}
    path = Path("metrics/corpus.json")
    write(path, json.dumps({"train": card, "test": card}))
    assert "unknown" not in as_text(corpus.findings(settings))
    write(path, json.dumps({"train": card, "test": {**card, "flagged": [{"flag": "unknown-speaker", "clips": 2}]}}))
    text = as_text(corpus.findings(settings))
    assert "warning: metrics/corpus.json, of the last run: Speakers are unknown in test (2 of 3 utterances)." in text
    assert "intervals are over recordings, and too narrow if a child has several recordings" in text
    assert "was not checked" in text
    write(path, "{")
    assert "problem: metrics/corpus.json is not valid JSON" in as_text(corpus.findings(settings))


def test_miniature_on_a_corpus_of_ones_own(workspace, settings):
    Path("data.dvc").touch()
    assert "cp profiles/whisper-base.yaml params.yaml" in as_text(corpus.findings(settings))


def set_free(monkeypatch, free: float) -> None:
    """Let every disk have so many bytes free."""
    usage = namedtuple("usage", "free")(free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_full_disk(workspace, settings, monkeypatch):
    set_free(monkeypatch, 2e6)
    assert as_text(disk.findings(settings)).startswith("problem: disk: 0.0 GB free where about 12.0 GB")
    set_free(monkeypatch, 2e12)
    assert as_text(disk.findings(settings)).startswith("ok")


def test_versions_that_are_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "REQUIREMENTS", write(tmp_path / "r.txt", "torch~=1.0  # old\nno-such-package\n"))
    found = as_text(environment.findings())
    assert "requirements.txt asks for ~=1.0" in found
    assert "no-such-package is not installed" in found
    monkeypatch.setattr(environment.sys, "version_info", (3, 9, 1))
    assert "3.10 to 3.13 is needed" in as_text(environment.findings())


def test_gpus_are_listed(settings, monkeypatch):
    monkeypatch.setattr(environment.devices, "choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(environment.dtypes, "choose_precision", lambda *_, **__: "bf16")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (2**33, 2**34))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "H200")
    assert "ok: GPU 1: H200, 8 of 16 GiB free; trains in bf16" in as_text(environment.accelerator(settings))


def test_too_little_shared_memory_for_data_workers(settings, monkeypatch):
    set_free(monkeypatch, 64e6)  # Docker's
    monkeypatch.setattr(trainer_options.joblib, "cpu_count", lambda: 16)
    assert "problem" not in as_text(environment.accelerator(settings))  # the sample has none
    real = params.load(ROOT / "profiles" / "whisper-base.yaml")
    found = as_text(environment.accelerator(real))
    needed = "data_workers, 4 on this machine, takes up to 249 MB of shared memory, and /dev/shm has 64 MB free"
    assert needed in found
    monkeypatch.setattr(trainer_options.joblib, "cpu_count", lambda: 2)
    assert "data_workers, 2 on this machine, takes up to 125 MB" in as_text(environment.accelerator(real))
    set_free(monkeypatch, 64e9)
    assert "problem" not in as_text(environment.accelerator(real))
    monkeypatch.setattr(shared_memory, "SHARED_MEMORY", Path("nowhere"))  # no Linux
    shared_memory.check(real)


def test_tracker_that_is_not_installed(settings, monkeypatch):
    assert "report_to" not in as_text(environment.accelerator(settings))
    monkeypatch.setattr(trackers, "is_installed", lambda package: False)
    chosen = settings.model_copy(update={"runtime": settings.runtime.model_copy(update={"report_to": ["wandb"]})})
    assert "problem: params.yaml: runtime.report_to names wandb" in as_text(environment.accelerator(chosen))


def test_wrong_parameters_do_not_keep_the_rest_from_being_looked_at(workspace, monkeypatch, capsys):
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("rank: 16", "rank: 0"))
    monkeypatch.setattr("sys.argv", ["doctor", "--no-remote"])
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "PROBLEM params.yaml has 1 mistake(s)" in out
    assert "nothing in them looks like a secret" in out


class FakeRepo:
    """A repository with one folder of objects, and a remote that has `in_remote` of them."""

    def __init__(self, folder: Path, objects: list[str], in_remote: list[str]):
        listing = write(folder / "list.json", json.dumps([{"md5": name} for name in objects]))
        files = SimpleNamespace(invalidate_cache=lambda: None, find=lambda *_, **__: {name: {} for name in in_remote})
        store = SimpleNamespace(oid_to_path=str, path="remote", fs=SimpleNamespace(fs=files))
        self.config = {"core": {"remote": "storage"}, "remote": {"storage": {"url": "/remote", "verify": True}}}
        self.cloud = SimpleNamespace(get_remote_odb=lambda _: store)
        self.index = SimpleNamespace(outs=[FakeFolder()])
        self.cache = SimpleNamespace(local=SimpleNamespace(exists=lambda _: True, oid_to_path=lambda _: listing))

    def __enter__(self) -> "FakeRepo":
        return self

    def __exit__(self, *_) -> None:
        pass


class FakeFolder:
    use_cache = True
    hash_info = SimpleNamespace(value="0.dir", isdir=True)

    def __str__(self) -> str:
        return "data"


def test_time_for_many_missing_objects_is_not_their_square(tmp_path, monkeypatch):
    objects = [str(number) for number in range(40_000)]
    monkeypatch.setattr(remote, "Repo", lambda: FakeRepo(tmp_path, objects, objects[20_000:]))
    before = time.process_time()
    texts = [finding.text for finding in remote.findings(read=False)]
    assert time.process_time() - before < 4  # each compared with all missing ones: 20 s
    assert texts == ["remote 'storage', /remote: answers, and holds 20000 objects", "remote: data is not there"]


def test_remote_that_is_a_folder(workspace):
    for command in (
        "dvc init -q",
        "dvc remote add -q -d storage remote",
        "dvc add -q data",
        "dvc push -q",
    ):
        subprocess.run(command.split(), check=True)
    assert "ok: remote: the 2 objects that dvc.lock and *.dvc name are all there" in as_text(
        remote.findings(read=False)
    )
    objects = sorted(path for path in Path("remote").rglob("*") if path.is_file())
    objects[0].unlink()
    assert "is not there -> dvc push" in as_text(remote.findings(read=False))


def test_status_is_not_looked_for_in_a_port():
    error = OSError('Could not connect to the endpoint URL: "http://127.0.0.1:40403/kids"')
    assert remote.cure_for(error, "storage").startswith("the server does not answer")
    assert remote.cure_for(OSError("Not Found (404)"), "storage").startswith("the bucket is missing")
    assert remote.cure_for(OSError("other"), "storage") == ""
