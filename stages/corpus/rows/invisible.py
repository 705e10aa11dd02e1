"""Characters that nobody sees, as web pages, spreadsheets and word processors leave them between letters."""

from stages.records.error_unit import WITHOUT_SPACES, ZERO_WIDTH_SPACE

# Soft hyphen, byte-order mark, joiner of words, and marks of the direction of writing. Not the joiners U+200C and
# U+200D: words of Persian and Hindi are spelled with them.
CODES = (0xAD, 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A), 0xFEFF)
NOTHING = dict.fromkeys(CODES)


def removed(text: str, language: str = "en") -> str:
    """The text without invisible characters.

    The zero-width space stays in languages without spaces, which write it between words.

    Parameters
    ----------
    language : Whisper's code of it
    """
    if text.isascii():
        return text
    if language not in WITHOUT_SPACES:
        text = text.replace(ZERO_WIDTH_SPACE, "")
    return text.translate(NOTHING)
