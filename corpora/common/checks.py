"""Read and check the files of a corpus, and list what is missing."""

import io
from collections.abc import Iterable

import soundfile

from stages.records.units import Seconds

NAMED = 3  # number of names that a message lists
WAV_HEADER_BYTES = 44


def read_table(content: bytes) -> dict[str, str]:
    """Return a Kaldi table as {id: the rest of the line}. If a line has only an id, the value is ""."""
    table = {}
    for line in content.decode("utf-8-sig").splitlines():
        id, _, rest = line.strip().replace("\t", " ").partition(" ")
        if id:
            table[id] = rest.strip()
    return table


def wav_seconds(content: bytes) -> Seconds:
    """Return the length of a WAV file; 0 if it has no samples, is shorter than its header says, or is no WAV file."""
    stated_bytes = int.from_bytes(content[4:8], "little") + 8
    if len(content) <= WAV_HEADER_BYTES or content[:4] != b"RIFF" or len(content) < stated_bytes:
        return 0.0
    try:
        return soundfile.info(io.BytesIO(content)).duration
    except soundfile.LibsndfileError:
        return 0.0


def listed(names: Iterable[str]) -> str:
    """List the first names in alphabetical order, and say how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
