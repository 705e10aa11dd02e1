"""A small HTTP server that speaks the part of the Hugging Face hub's API that the client uses to fetch a model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

from tests.conftest import HUB_PORT

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
            data = file.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
            if file.name == self.damage:
                data = bytes([data[0] ^ 1]) + data[1:]
            return self._send(data, headers, send_body)
        return self._fail("RepoNotFound")

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def _model(self) -> dict:
        blobs = "blobs" in parse_qs(urlparse(self.path).query)
        siblings = [{"rfilename": path.name} | (self._blob(path) if blobs else {}) for path in self._files()]
        return {"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings, "tags": []}

    def _tree(self) -> list[dict]:
        return [{"type": "file", "path": path.name, "oid": "0" * 40} | self._blob(path) for path in self._files()]

    @staticmethod
    def _blob(path: Path) -> dict:
        data = path.read_bytes()
        blob = {"size": len(data), "blobId": "0" * 40}
        if path.suffix in (".safetensors", ".bin"):
            digest = hashlib.sha256(data).hexdigest()
            blob["lfs"] = {"sha256": digest, "oid": digest, "size": len(data), "pointerSize": 130}
        return blob

    def _send(self, data: bytes, headers: dict[str, str], send_body: bool) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if send_body:
            self.wfile.write(data)

    def _fail(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args) -> None:
        """Keep the test output clean."""


@contextmanager
def serving(folder: Path, name: str, damage: str | None = None) -> Iterator[list[str]]:
    """Serve a folder as model `name`; yields the paths requested so far. `damage`: a file sent with one bit flipped."""
    requested: list[str] = []
    members = {"folder": folder, "name": name, "damage": damage, "requested": requested}
    server = ThreadingHTTPServer(("127.0.0.1", HUB_PORT), type("Handler", (_Handler,), members))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield requested
    finally:
        server.shutdown()
        server.server_close()
