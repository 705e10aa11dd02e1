"""The members of a tar: where each is, and the small ones that are read as text. Nothing is unpacked."""

import json
import tarfile
from pathlib import Path

from stages.common.errors import UserError, first_lines
from stages.corpus.rows.embedded import ByteRange
from stages.corpus.rows.encodings import decoded
from stages.corpus.rows.files import nfc
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.whole_files import check_is_whole, damaged

LARGEST_TEXT = 1 << 20  # bytes


def index(path: Path, place: str, reading: SplitContents) -> dict[str, ByteRange]:
    """Where the bytes of each file in a tar are, by its name in NFC; hidden files are passed over.

    Raises
    ------
    UserError
        The tar is damaged, incomplete or compressed.
    """
    check_is_whole(path, place)
    members: dict[str, ByteRange] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # tarfile keeps a list of them all
                name = nfc(member.name.replace("\\", "/").removeprefix("./"))
                if member.isdir() or any(part.startswith(".") and part != ".." for part in name.split("/")):
                    continue
                if not member.isreg() or member.issparse():
                    reading.warn("a link or another special member of a tar, passed over", f"{place}::{name}")
                elif name in members:
                    reading.refuse("", place, None, "duplicate", f"{name} is in the tar twice; the first is read")
                else:
                    members[name] = ByteRange(path, member.offset_data, member.size)
            end = tar.offset
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        if _is_compressed(path):
            raise UserError(f"data/{place} is compressed, so its members cannot be read one by one; unzip it") from None
        raise damaged(place, error) from None
    _check_end(path, place, end, reading)
    return members


def _is_compressed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))


def _check_end(path: Path, place: str, end: int, reading: SplitContents) -> None:
    """Raises UserError where a tar goes on after the last member that tarfile could read."""
    with open(path, "rb") as file:
        file.seek(end)
        block = file.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0"):
        raise damaged(place, ValueError(f"there is no member at byte {end}"))
    if len(block) < tarfile.BLOCKSIZE:
        reading.warn("a tar without the mark at its end; was it copied completely?", place)


def _content(name: str, member: ByteRange) -> bytes:
    if member.size > LARGEST_TEXT:
        raise Refused("broken-row", f"{name} has {member.size} bytes, which is too much for a text")
    return member.read()


def text(name: str, member: ByteRange, place: str, reading: SplitContents) -> str:
    """The text of a member. Raises Refused (not-text) where it is binary."""
    content = decoded(_content(name, member), f"{place}::{name}", reading)
    if "\0" in content:
        raise Refused("not-text", f"{name} holds binary data")
    return content


def json_object(name: str, member: ByteRange) -> dict[str, object]:
    """The object of a JSON member, its keys as those of read_rows. Raises Refused (broken-row) where it is none."""
    try:
        row = json.loads(_content(name, member))
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Refused("broken-row", f"{name} is not JSON: {first_lines(error)}") from None
    if not isinstance(row, dict):
        raise Refused("broken-row", f"{name} is not a JSON object")
    return {nfc(str(key)).strip().lower(): value for key, value in row.items()}
