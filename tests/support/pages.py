"""The commands and sections of documentation pages."""

import re


def commands(page: str) -> list[str]:
    """The lines after a prompt in the console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\$ (.*)$", "\n".join(blocks), re.MULTILINE)


def section(page: str, title: str) -> str:
    """The text under a heading of the second level."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)[1]
