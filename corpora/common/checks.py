"""Check what a corpus holds, and say what is missing."""

import io
from collections.abc import Iterable

import soundfile

from stages.records.units import Seconds

NAMED = 3  # how many missing things a message names
WAV_HEADER_BYTES = 44


def read_table(content: bytes) -> dict[str, str]:
    """A Kaldi table, as {id: the rest of the line}. An id without anything else has the value ""."""
    table = {}
    for line in content.decode("utf-8-sig").splitlines():
        id, _, rest = line.strip().replace("\t", " ").partition(" ")
        if id:
            table[id] = rest.strip()
    return table


def wav_seconds(content: bytes) -> Seconds:
    """How long a WAV file plays; 0 where it holds no sound, is shorter than its header says, or is no WAV file."""
    stated_bytes = int.from_bytes(content[4:8], "little") + 8
    if len(content) <= WAV_HEADER_BYTES or content[:4] != b"RIFF" or len(content) < stated_bytes:
        return 0.0
    try:
        return soundfile.info(io.BytesIO(content)).duration
    except soundfile.LibsndfileError:
        return 0.0


def some(names: Iterable[str]) -> str:
    """The first few names in order, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
