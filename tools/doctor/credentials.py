"""Find secrets in files that git tracks, and so in every clone."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.doctor import Finding, git

LARGEST_FILE = 1_000_000  # bytes; larger files are not searched
PATTERNS = {
    "an AWS key id": re.compile(rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an AWS secret key": re.compile(rb"(?i)(aws_)?secret_access_key['\"]?\s*[=:]\s*['\"]?[A-Za-z0-9/+=_-]{8,}"),
    "an access key of a remote": re.compile(rb"(?i)^\s*(access_key_id|session_token)\s*=\s*\S+", re.MULTILINE),
    "a token of the model hub": re.compile(rb"\bhf_[A-Za-z0-9]{30,}\b"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
CURE = (
    "remove it (dvc remote modify --local ... writes to .dvc/config.local, which git ignores), and revoke it: it stays "
    "in git's history"
)


def findings() -> Iterator[Finding]:
    """Yield each file with something that looks like a secret, without showing it."""
    is_clean = True
    for name in git.tracked_files():
        for kind in _secrets(Path(name)):
            is_clean = False
            yield Finding("problem", f"{name}, which git tracks, holds {kind}", CURE)
    if is_clean:
        yield Finding("ok", "files that git tracks: nothing in them looks like a secret")


def _secrets(path: Path) -> list[str]:
    """Return the kinds of secrets in a file."""
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        return []
    content = path.read_bytes()
    return [kind for kind, pattern in PATTERNS.items() if pattern.search(content)]
