"""Check that the remote can be reached, and that every object that dvc.lock and *.dvc name is there and not corrupted.

If the list of a folder (a .dir object) is on the remote, DVC assumes that everything in the list is there, too. So it
reports a remote as up to date that has lost an object (https://github.com/treeverse/dvc/issues/10977). Here every
object is looked for.
"""

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from dvc.config import ConfigError
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo
from tqdm import tqdm

from stages.common.errors import first_lines
from tools.doctor import Finding

AUTHORS_BUCKET = "s3://asr-finetuning-data-2025/"
CHECKSUMS = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
MD5 = re.compile(r"[0-9a-f]{32}")
BLOCK = 2**20  # bytes
# Patterns of the errors that the libraries behind a remote raise, and what to do about each.
CURES = {
    r"locate credentials|NoCredentials": (
        "there are no credentials: dvc remote modify --local {name} profile YOUR-AWS-PROFILE, or environment variables"
    ),
    r"config profile|ProfileNotFound": "there is no such AWS profile; aws configure list-profiles lists them",
    r"\b403\b|Forbidden|AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|Permission": (
        "the key or the secret is wrong, or may not read this bucket; ask the person who gave it to you"
    ),
    r"NoSuchBucket|bucket does not exist|\b404\b": (
        "the bucket is missing: make it, or correct the name: dvc remote modify {name} url s3://YOUR-BUCKET/PREFIX"
    ),
    r"connect|Connect|timed out|resolve": (
        "the server does not answer: check the network, and endpointurl of the remote in .dvc/config"
    ),
}


class Wanted(NamedTuple):
    """An object that the remote should have."""

    oid: str  # MD5 of its content, with ".dir" if it is the list of a folder
    output: str  # the output of a stage, or the tracked folder, that it belongs to
    listed: bool  # the remote has a list that names it


def findings(read: bool) -> Iterator[Finding]:
    """Yield whether the default remote can be reached, is set up well, and is complete.

    Parameters
    ----------
    read : also download every object and check its hash
    """
    # dvc.repo is not a documented interface. But no command of dvc lists the objects of a remote or what should be
    # there, or opens a remote with the credentials of .dvc/config. tests/test_remote_faults.py runs all of this with
    # the installed dvc against an S3 server.
    try:
        repo = Repo()
    except NotDvcRepoError:
        yield Finding("problem", "this folder is not a DVC repository", "run from a clone of the project")
        return
    with repo:
        name = repo.config["core"].get("remote")
        if not name or name not in repo.config["remote"]:
            cure = "dvc remote add -d storage s3://YOUR-BUCKET/PREFIX"
            yield Finding("warning", "there is no default remote, so dvc push and dvc pull fail", cure)
            return
        settings = repo.config["remote"][name]
        if settings["url"].startswith(AUTHORS_BUCKET):
            cure = f"dvc remote modify {name} url s3://YOUR-BUCKET/PREFIX"
            yield Finding("warning", f"remote {name!r} is still the authors' bucket; it was not checked", cure)
            return
        yield from _settings(name, settings)
        yield from _objects(repo, name, settings["url"], read)


def _settings(name: str, settings: dict) -> Iterator[Finding]:
    """Yield settings that let corrupted objects through or break transfers."""
    if not settings.get("verify"):
        text = f"remote {name!r}: a corrupted object would be used without an error"
        yield Finding("warning", text, f"dvc remote modify {name} verify true")
    if settings.get("endpointurl") and not all(variable in os.environ for variable in CHECKSUMS):
        text = "large objects may fail on servers other than Amazon's ('Expected checksum ... did not match')"
        yield Finding("warning", text, f"export {CHECKSUMS[0]}=when_required {CHECKSUMS[1]}=when_required")


def _objects(repo: Repo, name: str, url: str, read: bool) -> Iterator[Finding]:
    """Yield whether the remote answers, and which objects are missing or corrupted."""
    try:
        store = repo.cloud.get_remote_odb(name)
        present = _list(store)
        wanted = _wanted(repo, store, present)
    except (ConfigError, DvcException) as error:
        yield Finding("problem", f"remote {name!r} cannot be used: {error}", "see dvc remote list, and .dvc/config")
        return
    except Exception as error:  # each remote's library has its own errors; all of them are reported
        yield Finding("problem", f"remote {name!r}, {url}: {first_lines(error)}", cure_for(error, name))
        return
    yield Finding("ok", f"remote {name!r}, {url}: answers, and holds {len(present)} objects")
    missing, corrupt = [], []
    for entry in tqdm(wanted, unit="object", disable=not read):
        if store.oid_to_path(entry.oid) not in present:
            missing.append(entry)
        elif _is_corrupt(store, present, entry.oid, read):
            corrupt.append(entry)
    yield from _missing(repo, store, url, missing)
    for entry in corrupt:
        text = f"remote: object {entry.oid} of {entry.output} is corrupted"
        cure = f"remove it ({_remove(store, url, [entry.oid])}), then: {_push_again(repo, [entry])}"
        yield Finding("problem", text, cure)
    if not missing and not corrupt:
        how = "read whole" if read else "all there"
        yield Finding("ok", f"remote: the {len(wanted)} objects that dvc.lock and *.dvc name are {how}")


def _list(store) -> dict[str, dict]:
    """Return what the remote tells of every object, by its path; errors of the remote's library are not caught."""
    files = store.fs.fs
    if hasattr(files, "call_s3"):  # listing ignores that a bucket is missing; this call does not
        bucket, _, prefix = store.path.partition("/")
        files.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    files.invalidate_cache()
    objects = files.find(store.path, detail=True)
    if isinstance(objects, dict):
        return objects
    return {path: {} for path in objects}  # DVC lists a folder by paths alone, whatever is asked for


def _wanted(repo: Repo, store, present: dict[str, dict]) -> list[Wanted]:
    """Return the objects of all outputs that DVC keeps, each once."""
    wanted = []
    for out in repo.index.outs:
        if not (out.use_cache and out.hash_info):
            continue
        oid = out.hash_info.value
        wanted.append(Wanted(oid, str(out), listed=False))
        if out.hash_info.isdir:
            is_present = store.oid_to_path(oid) in present
            for entry in _entries_of_folder(repo, store, oid, is_present):
                wanted.append(Wanted(entry["md5"], str(out), listed=is_present))
    return list(dict.fromkeys(wanted))


def _entries_of_folder(repo: Repo, store, oid: str, is_present: bool) -> list[dict]:
    """Return the entries of a folder's list, from the cache or else the remote; [] if it is in neither."""
    cache = repo.cache.local
    if cache.exists(oid):
        with open(cache.oid_to_path(oid), encoding="utf-8") as file:
            return json.load(file)
    return json.loads(store.fs.fs.cat_file(store.oid_to_path(oid))) if is_present else []


def _missing(repo: Repo, store, url: str, missing: list[Wanted]) -> Iterator[Finding]:
    """Yield one finding per output with missing objects."""
    missing_of = defaultdict(list)
    for entry in missing:
        missing_of[entry.output].append(entry)
    for output, entries in missing_of.items():
        if any(entry.listed for entry in entries):
            lists = [out.hash_info.value for out in repo.index.outs if str(out) == output]
            text = f"remote: {len(entries)} objects of {output} are lost, and DVC does not notice"
            cure = f"remove the folder's list ({_remove(store, url, lists)}), then: {_push_again(repo, entries)}"
            yield Finding("problem", text, cure)
        else:
            yield Finding("warning", f"remote: {output} is not there", _push_again(repo, entries))


def _push_again(repo: Repo, entries: list[Wanted]) -> str:
    """Return how to get objects onto the remote."""
    if all(repo.cache.local.exists(entry.oid) for entry in entries):
        return "dvc push"
    return "dvc push on a machine that has it (this one does not), or, for outputs of stages, dvc repro and dvc push"


def _remove(store, url: str, oids: list[str]) -> str:
    """Return the commands that delete objects from the remote."""
    command = "aws s3 rm s3://" if url.startswith("s3://") else "rm "
    return "; ".join(command + store.oid_to_path(oid) for oid in oids)


def _is_corrupt(store, present: dict[str, dict], oid: str, read: bool) -> bool:
    """Whether an object's content differs from its hash, as far as that is known without `read`."""
    path, digest = store.oid_to_path(oid), oid.removesuffix(".dir")
    if read:
        return _md5(store, path) != digest
    # The ETag of S3 is the MD5 of an object that was uploaded in one piece.
    tag = str(present[path].get("ETag", "")).strip('"')
    return bool(MD5.fullmatch(tag)) and tag != digest


def _md5(store, path: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with store.fs.fs.open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def cure_for(error: Exception, name: str) -> str:
    """Return what to do about an error of the remote's library; "" if it is not known."""
    message = f"{type(error).__name__} {error}"
    for pattern, cure in CURES.items():
        if re.search(pattern, message):
            return cure.format(name=name)
    return ""
