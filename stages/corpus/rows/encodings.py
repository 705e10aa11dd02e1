"""Reading annotation files as people save them: encodings, byte-order marks, line ends."""

import re
from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows.files import nfc
from stages.corpus.rows.utterance import SplitContents
from stages.corpus.rows.whole_files import read_bytes

BINARY = re.compile("[\0-\x08\x0e-\x14\x16-\x1f]")  # 0x15 encloses the times of CHAT
COMPARED = 2000  # bytes, even
SHARE_OF_ZEROS = 0.5  # of the halves of characters
# Whisper's codes of the languages that Windows-1252 was made for. A file in another language that is not UTF-8 is in
# another encoding, such as GBK, Shift-JIS, Windows-1251 or Windows-1250, and would be read as other letters.
OF_WINDOWS_1252 = frozenset(
    "af br ca cy da de en es eu fi fo fr gl ht id is it jw la lb ln mg ms nl nn no oc pt sn so su sv sw tl".split()
)


def read_text(path: Path, place: str, reading: SplitContents) -> str:
    """The text of a UTF-8, UTF-16 or Windows-1252 file: NFC, newlines as \\n, without byte-order marks, plain spaces.

    `place` is the path as messages show it.

    Raises
    ------
    UserError
        The file is a Git LFS pointer or cannot be opened, or its encoding is unknown, see `decoded`.
    """
    return decoded(read_bytes(path, place), place, reading)


def decoded(data: bytes, place: str, reading: SplitContents) -> str:
    """The text of a file's content, as read_text returns it.

    Raises
    ------
    UserError
        It is neither UTF-8 nor UTF-16, and Windows-1252 was not made for the corpus's language.
    """
    encoding = encoding_of(data)
    if encoding == "cp1252":
        if reading.language not in OF_WINDOWS_1252 and b"\0" not in data:  # else it is no text at all
            first = _first_wrong_byte(data)
            raise UserError(
                f"data/{place} is not UTF-8 (see byte {first}), and its encoding is not known (language:"
                f" {reading.language}); save it as UTF-8, for example: iconv -f ITS-ENCODING -t UTF-8 IN > OUT. If it"
                " is no text to be read, remove it"
            )
        reading.warn("text that is not UTF-8, read as Windows-1252", place)
    text = data.decode(encoding, errors="replace").replace("\ufeff", "")  # also of files that were joined
    return nfc(text).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")


def encoding_of(data: bytes) -> str:
    """utf-8, utf-16-le, utf-16-be or, for anything else, cp1252; a byte-order mark is the text's first character."""
    if data.startswith(b"\xff\xfe"):
        encoding = "utf-16-le"
    elif data.startswith(b"\xfe\xff"):
        encoding = "utf-16-be"
    else:
        encoding = _utf16_without_mark(data) or "utf-8"
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return "cp1252"
    return encoding


def _first_wrong_byte(data: bytes) -> int:
    """The place of the first byte that is not UTF-8, counted from 0."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def _utf16_without_mark(data: bytes) -> str | None:
    """The byte order of UTF-16 without a byte-order mark: of most characters, one half is zero. None for other text.

    Characters that no text has, such as 1, are binary data.
    """
    head = data[:COMPARED]
    zeros = head[0::2].count(0), head[1::2].count(0)
    if len(data) % 2 or max(zeros) < SHARE_OF_ZEROS * len(head) / 2 or min(zeros) > 0:
        return None
    encoding = "utf-16-be" if zeros[0] else "utf-16-le"
    return None if BINARY.search(head.decode(encoding, errors="replace")) else encoding
