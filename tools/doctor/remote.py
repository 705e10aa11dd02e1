"""Whether the remote can be reached, and holds whole what dvc.lock and *.dvc name.

DVC takes the list of a folder (its .dir object) for proof that everything in it is there, so it calls a remote up to
date that has lost an object (https://github.com/treeverse/dvc/issues/10977). Here every object is looked for.
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

AUTHORS = "s3://asr-finetuning-data-2025/"
CHECKSUMS = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
MD5 = re.compile(r"[0-9a-f]{32}")
BLOCK = 2**20  # bytes
# What the libraries behind a remote say, and what to do about it.
CURES = {
    r"locate credentials|NoCredentials": (
        "there are no credentials: dvc remote modify --local {name} profile YOUR-AWS-PROFILE, or environment variables"
    ),
    r"config profile|ProfileNotFound": "there is no such AWS profile; those there are: aws configure list-profiles",
    r"403|Forbidden|AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|Permission": (
        "the key or the secret is wrong, or may not read this bucket; ask whoever gave it to you"
    ),
    r"NoSuchBucket|bucket does not exist|404": (
        "the bucket is missing: make it, or correct the name: dvc remote modify {name} url s3://YOUR-BUCKET/PREFIX"
    ),
    r"connect|Connect|timed out|resolve": (
        "the server does not answer: check the network, and endpointurl of the remote in .dvc/config"
    ),
}


class Wanted(NamedTuple):
    """An object that the remote should hold."""

    oid: str  # MD5 of its content, with ".dir" if it is the list of a folder
    output: str  # that it belongs to
    listed: bool  # in a list that the remote has


def findings(read: bool) -> Iterator[Finding]:
    """Reachability, settings and integrity of the default remote.

    Parameters
    ----------
    read : read every object to the end, too
    """
    try:
        repo = Repo()
    except NotDvcRepoError:
        yield Finding("problem", "this folder is not a DVC repository", "run from a clone of the project")
        return
    with repo:
        name = repo.config["core"].get("remote")
        if not name or name not in repo.config["remote"]:
            cure = "dvc remote add -d storage s3://YOUR-BUCKET/PREFIX"
            yield Finding("warning", "there is no default remote: dvc push and dvc pull have nowhere to go", cure)
            return
        settings = repo.config["remote"][name]
        if settings["url"].startswith(AUTHORS):
            cure = f"dvc remote modify {name} url s3://YOUR-BUCKET/PREFIX"
            yield Finding("warning", f"remote {name!r} is still the authors' bucket; it was not asked", cure)
            return
        yield from _settings(name, settings)
        yield from _objects(repo, name, settings["url"], read)


def _settings(name: str, settings: dict) -> Iterator[Finding]:
    if not settings.get("verify"):
        text = f"remote {name!r}: a corrupted object would be taken as it is"
        yield Finding("warning", text, f"dvc remote modify {name} verify true")
    if settings.get("endpointurl") and not all(variable in os.environ for variable in CHECKSUMS):
        text = "large objects may fail on servers other than Amazon's ('Expected checksum ... did not match')"
        yield Finding("warning", text, "export " + " ".join(f"{variable}=when_required" for variable in CHECKSUMS))


def _objects(repo: Repo, name: str, url: str, read: bool) -> Iterator[Finding]:
    try:
        store = repo.cloud.get_remote_odb(name)
        held = _list(store)
        wanted = _wanted(repo, store, held)
    except (ConfigError, DvcException) as error:
        yield Finding("problem", f"remote {name!r} cannot be used: {error}", "see dvc remote list, and .dvc/config")
        return
    except Exception as error:  # every remote's library has errors of its own; whichever it is, it is the finding
        yield Finding("problem", f"remote {name!r}, {url}: {first_lines(error)}", _cure(error, name))
        return
    yield Finding("ok", f"remote {name!r}, {url}: answers, and holds {len(held)} objects")
    missing, there = [], []
    for one in wanted:
        (there if store.oid_to_path(one.oid) in held else missing).append(one)
    yield from _missing(repo, store, url, missing)
    corrupt = [one for one in tqdm(there, unit="object", disable=not read) if _is_corrupt(store, held, one.oid, read)]
    for one in corrupt:
        text = f"remote: object {one.oid} of {one.output} is corrupted"
        yield Finding("problem", text, f"remove it ({_remove(store, url, [one.oid])}), then: {_again(repo, [one])}")
    if not missing and not corrupt:
        how = "read whole" if read else "all there"
        yield Finding("ok", f"remote: the {len(wanted)} objects that dvc.lock and *.dvc name are {how}")


def _list(store) -> dict[str, dict]:
    """Every object of the remote by its path; raises what the remote's library raises when it cannot be reached."""
    files = store.fs.fs
    if hasattr(files, "call_s3"):  # listing swallows a missing bucket
        bucket, _, prefix = store.path.partition("/")
        files.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    files.invalidate_cache()
    return files.find(store.path, detail=True)


def _wanted(repo: Repo, store, held: dict[str, dict]) -> list[Wanted]:
    wanted = []
    for out in repo.index.outs:
        if not (out.use_cache and out.hash_info):
            continue
        oid, path = out.hash_info.value, store.oid_to_path(out.hash_info.value)
        wanted.append(Wanted(oid, str(out), listed=False))
        if out.hash_info.isdir:
            content = _list_of_folder(repo, store, oid, path in held)
            wanted += [Wanted(entry["md5"], str(out), listed=path in held) for entry in content]
    return list(dict.fromkeys(wanted))


def _list_of_folder(repo: Repo, store, oid: str, is_held: bool) -> list[dict]:
    cache = repo.cache.local
    if cache.exists(oid):
        with open(cache.oid_to_path(oid), encoding="utf-8") as file:
            return json.load(file)
    return json.loads(store.fs.fs.cat_file(store.oid_to_path(oid))) if is_held else []


def _missing(repo: Repo, store, url: str, missing: list[Wanted]) -> Iterator[Finding]:
    lost_of = defaultdict(list)
    for one in missing:
        lost_of[one.output].append(one)
    for output, lost in lost_of.items():
        if any(one.listed for one in lost):
            lists = [out.hash_info.value for out in repo.index.outs if str(out) == output]
            text = f"remote: {len(lost)} objects of {output} are lost, and DVC does not notice"
            cure = (
                f"remove the list that says they are there ({_remove(store, url, lists)}), then: {_again(repo, lost)}"
            )
            yield Finding("problem", text, cure)
        else:
            yield Finding("warning", f"remote: {output} is not there", _again(repo, lost))


def _again(repo: Repo, objects: list[Wanted]) -> str:
    if all(repo.cache.local.exists(one.oid) for one in objects):
        return "dvc push"
    return "dvc push on a machine that has it (this one has not), or dvc repro, which makes what is made"


def _remove(store, url: str, oids: list[str]) -> str:
    paths = [store.oid_to_path(oid) for oid in oids]
    return "; ".join(f"aws s3 rm s3://{path}" if url.startswith("s3://") else f"rm {path}" for path in paths)


def _is_corrupt(store, held: dict[str, dict], oid: str, read: bool) -> bool:
    path, digest = store.oid_to_path(oid), oid.removesuffix(".dir")
    if read:
        return _md5(store, path) != digest
    # Of what was uploaded in one piece, S3 says the MD5.
    tag = str(held[path].get("ETag", "")).strip('"')
    return bool(MD5.fullmatch(tag)) and tag != digest


def _md5(store, path: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with store.fs.fs.open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _cure(error: Exception, name: str) -> str:
    whole = f"{type(error).__name__} {error}"
    return next((cure.format(name=name) for pattern, cure in CURES.items() if re.search(pattern, whole)), "")
