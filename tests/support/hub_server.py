"""A small HTTP server that speaks the part of the Hugging Face hub's API that the client uses for a model.

`serving` lets it fetch one, `receiving` upload one: create_repo, preupload, weights by LFS, commit.
"""

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import yaml

HUB_PORT = urlparse(os.environ["HF_ENDPOINT"]).port  # set by conftest.py
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of-a-test"


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    name: str
    damage: str | None
    requested: list[str]

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def _answer(self, send_body: bool) -> None:
        path = urlparse(self.path).path
        self.requested.append(path)
        if path.startswith(f"/api/models/{self.name}/"):
            kind, revision = path.removeprefix(f"/api/models/{self.name}/").split("/")[:2]
            if revision not in (COMMIT, "main"):
                return self._fail("RevisionNotFound")
            listing = {"revision": self._model, "tree": self._tree}[kind]()
            return self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"}, send_body)
        if path == f"/api/models/{self.name}":
            return self._send(json.dumps(self._model()).encode(), {"Content-Type": "application/json"}, send_body)
        if path.startswith(f"/{self.name}/resolve/{COMMIT}/"):
            file = self.folder / path.split("/resolve/", 1)[1].split("/", 1)[1]
            if not file.is_file():
                return self._fail("EntryNotFound")
            data = file.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
            if file.name == self.damage:
                data = bytes([data[0] ^ 1]) + data[1:]
            return self._send(data, headers, send_body)
        return self._fail("RepoNotFound")

    def _files(self) -> dict[str, Path]:
        return {
            path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*")) if path.is_file()
        }

    def _model(self) -> dict:
        blobs = "blobs" in parse_qs(urlparse(self.path).query)
        siblings = [{"rfilename": name} | (self._blob(path) if blobs else {}) for name, path in self._files().items()]
        return {"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings, "tags": []}

    def _tree(self) -> list[dict]:
        files = self._files().items()
        return [{"type": "file", "path": name, "oid": "0" * 40} | self._blob(path) for name, path in files]

    @staticmethod
    def _blob(path: Path) -> dict:
        data = path.read_bytes()
        blob = {"size": len(data), "blobId": "0" * 40}
        if path.suffix in (".safetensors", ".bin"):
            digest = hashlib.sha256(data).hexdigest()
            blob["lfs"] = {"sha256": digest, "oid": digest, "size": len(data), "pointerSize": 130}
        return blob

    def _send(self, data: bytes, headers: dict[str, str], send_body: bool, status: int = 200) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if send_body:
            self.wfile.write(data)

    def _fail(self, code: str, status: int = 404) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args) -> None:
        """Keep the test output clean."""


@dataclass
class Received:
    """What an upload has left: the repository's visibility, and how its commits were called."""

    private: bool | None = None  # None: there is no repository
    commits: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)  # LFS: SHA-256 -> content


class _Receiver(_Handler):
    """A hub on which `name` may be made and written to by who has TOKEN; its files lie in `folder`."""

    received: Received

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        if not self._allowed():
            return self._fail("", 401)
        if path == "/api/whoami-v2":
            return self._json({"type": "user", "name": self.name.split("/")[0], "orgs": []})
        if self.received.private is None:
            return self._fail("RepoNotFound")
        return super().do_GET()

    def _model(self) -> dict:
        return super()._model() | {"private": self.received.private}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlparse(self.path).path
        self.requested.append(path)
        answers = {
            "/api/repos/create": self._create,
            "/api/validate-yaml": self._validate,
            f"/api/models/{self.name}/preupload/main": self._preupload,
            f"/{self.name}.git/info/lfs/objects/batch": self._lfs_batch,
            f"/api/models/{self.name}/commit/main": self._commit,
        }
        if not self._allowed():
            return self._fail("", 401)
        if path not in answers:
            return self._fail("RepoNotFound")
        return answers[path](body)

    def do_PUT(self) -> None:
        """An LFS object; the real hub's address for it is signed, so there is no token in the request."""
        self.received.objects[self.path.rpartition("/")[2]] = self.rfile.read(int(self.headers["Content-Length"]))
        self._json({})

    def _allowed(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {TOKEN}"

    def _json(self, content: dict, status: int = 200) -> None:
        self._send(json.dumps(content).encode(), {"Content-Type": "application/json"}, send_body=True, status=status)

    def _create(self, body: bytes) -> None:
        asked = json.loads(body)
        if f"{asked['organization']}/{asked['name']}" != self.name:
            return self._fail("", 403)
        if self.received.private is not None:
            return self._json({"url": f"http://127.0.0.1:{HUB_PORT}/{self.name}"}, 409)
        self.received.private = asked.get("visibility") == "private" or asked.get("private", False)
        return self._json({"url": f"http://127.0.0.1:{HUB_PORT}/{self.name}"})

    def _validate(self, body: bytes) -> None:
        """Of the hub's many rules the one about licenses."""
        front_matter = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        wrong = front_matter.get("license") not in (None, "mit", "cc-by-nc-4.0", "other")
        self._json({"errors": [{"message": '"license" must be one of ...'}] if wrong else []}, 400 if wrong else 200)

    def _preupload(self, body: bytes) -> None:
        asked = json.loads(body)["files"]
        modes = {row["path"]: "lfs" if row["path"].endswith((".safetensors", ".bin")) else "regular" for row in asked}
        self._json({"files": [{"path": k, "uploadMode": v, "shouldIgnore": False} for k, v in modes.items()]})

    def _lfs_batch(self, body: bytes) -> None:
        address = f"http://127.0.0.1:{HUB_PORT}/lfs"
        objects = [
            {**row, "actions": {"upload": {"href": f"{address}/{row['oid']}"}}} for row in json.loads(body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, body: bytes) -> None:
        for line in body.splitlines():
            row = json.loads(line)
            kind, value = row["key"], row["value"]
            if kind == "header":
                self.received.commits.append(value["summary"])
            elif kind == "deletedFile":
                (self.folder / value["path"]).unlink()
            else:
                path = self.folder / value["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                lfs = kind == "lfsFile"
                path.write_bytes(self.received.objects[value["oid"]] if lfs else base64.b64decode(value["content"]))
        self._json({"commitUrl": f"http://127.0.0.1:{HUB_PORT}/{self.name}/commit/{COMMIT}", "commitOid": COMMIT})


@contextmanager
def serving(folder: Path, name: str, damage: str | None = None) -> Iterator[list[str]]:
    """Serve a folder as model `name`; yields the paths requested so far. `damage`: a file sent with one bit flipped."""
    requested: list[str] = []
    members = {"folder": folder, "name": name, "damage": damage, "requested": requested}
    with _running(type("Handler", (_Handler,), members)):
        yield requested


@contextmanager
def receiving(folder: Path, name: str, private: bool | None = None) -> Iterator[Received]:
    """A hub to which model `name` may be uploaded, into a folder. `private`: of a repository that is there before."""
    received = Received(private)
    members = {"folder": folder, "name": name, "damage": None, "requested": [], "received": received}
    with _running(type("Receiver", (_Receiver,), members)):
        yield received


@contextmanager
def _running(handler: type[_Handler]) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", HUB_PORT), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
