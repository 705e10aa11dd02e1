"""Secrets in files that git tracks, and so in everybody's clone."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.doctor import Finding, git

LARGEST = 1_000_000  # bytes of a file that is searched
PATTERNS = {
    "an AWS key id": re.compile(rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an AWS secret key": re.compile(rb"(?i)(aws_)?secret_access_key['\"]?\s*[=:]\s*['\"]?[A-Za-z0-9/+=_-]{8,}"),
    "an access key of a remote": re.compile(rb"(?i)^\s*(access_key_id|session_token)\s*=\s*\S+", re.MULTILINE),
    "a token of the model hub": re.compile(rb"\bhf_[A-Za-z0-9]{30,}\b"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
CURE = (
    "take it out (dvc remote modify --local ... writes to .dvc/config.local), and have it made invalid: git's history "
    "keeps it"
)


def findings() -> Iterator[Finding]:
    """What looks like a secret, without showing it."""
    found = False
    for name in git.tracked():
        for kind in _secrets(Path(name)):
            found = True
            yield Finding("problem", f"{name}, which git tracks, holds {kind}", CURE)
    if not found:
        yield Finding("ok", "files that git tracks: nothing in them looks like a secret")


def _secrets(path: Path) -> list[str]:
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    content = path.read_bytes()
    return [kind for kind, pattern in PATTERNS.items() if pattern.search(content)]
