"""Damaged annotation files. Whatever they contain, the module that reads them may raise only its documented errors."""

import tempfile
from pathlib import Path
from types import ModuleType

from hypothesis import strategies as st

from stages.common.errors import UserError
from stages.corpus.rows.utterance import Refused
from tests.support.corpora import reading


def damaged(content: str) -> st.SearchStrategy[bytes]:
    """The content with a piece cut out and something else put in, or any bytes at all."""
    cuts = st.tuples(st.integers(0, len(content)), st.integers(0, 40), st.text(max_size=10) | st.sampled_from(PIECES))
    mutated = cuts.map(lambda cut: (content[: cut[0]] + cut[2] + content[cut[0] + cut[1] :]).encode("utf-8", "replace"))
    return mutated | st.binary(max_size=300)


PIECES = ("*", "@", "%", "\t", "\n", "\x15", ":", "-->", '"', "<", ">", "&x;", "1e999", "nan", "-1", "\0", "\ufeff")


def read_damaged(format: ModuleType, name: str, content: bytes) -> None:
    """Read it as a file of a session format; errors that are not documented are raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            for session in format.sessions(path, name, reading()):
                list(session.turns)
        except (Refused, UserError):
            pass
