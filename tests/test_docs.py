"""The documentation: its links, anchors, modules and paths exist, and README.md stays short."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.folders import ORDER

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "bench/README.md", "corpora/README.md", "sample/README.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
LONGEST_README = 1300  # words
OTHERS = ("pytest", "venv", "pip")  # modules that are not the project's
# Paths that begin so are the project's, and in git; what the pipeline makes is not looked for.
CODE = ("stages/", "tools/", "tests/", "bench/", "corpora/", "experiments/", "profiles/", "docs/", ".github/")
MADE = ("experiments/plots/",)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """The targets of links and pictures that do not leave the project."""
    found = re.findall(r"\]\(([^)\s]+)\)", without_blocks(text))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings: letters, digits, - and _ in lower case, spaces as -."""
    slugs: list[str] = []
    for title in re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        slugs.append(f"{slug}-{count}" if (count := slugs.count(slug)) else slug)
    return set(slugs)


def console_modules(text: str) -> set[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"python3? -m ([\w.]+)", "\n".join(blocks))) - set(OTHERS)


def named_paths(text: str) -> set[str]:
    """The project's paths in backticks, without options and what is to be filled in."""
    spans = re.findall(r"`([^`\n]+)`", without_blocks(text))
    return {span for span in spans if span.startswith(CODE) and not re.search(r"[<>\s]", span)}


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    broken = []
    for target in links(text_of(page)):
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_modules_exist(page):
    assert {name for name in console_modules(text_of(page)) if not is_module(name)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    paths = {path for path in named_paths(text_of(page)) if not path.startswith(MADE)}
    assert {path for path in paths if not any(ROOT.glob(path.rstrip("/")))} == set()


def test_readme_is_short():
    assert len(text_of("README.md").split()) <= LONGEST_README


def test_pages_can_be_found_from_the_readme():
    linked = {target.partition("#")[0] for target in links(text_of("README.md"))}
    assert set(PAGES) - {"README.md"} <= linked


def test_table_of_folders_is_that_of_the_imports():
    listed = re.findall(r"^\| `stages/([\w/]+)` \|", text_of("docs/development.md"), re.MULTILINE)
    assert [name.replace("/", ".") for name in listed if "." not in name] == list(ORDER[:-1])


def test_drawing_names_the_stages():
    drawing = ET.parse(ROOT / "docs" / "pipeline.svg")  # noqa: S314 (our own)
    drawn = {text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")}
    stages = "preprocess fetch_base label train_lora train_selective evaluate report"
    assert {*stages.split(), "transcribe@base", "transcribe@lora", "transcribe@selective"} <= drawn


def test_what_is_missing_is_seen():
    page = (
        "# One\n## Two `x.y`: 3\n## One\n[a](#two-xy-3) [b](c.md#d) [e](https://f)\n```console\n$ python -m g.h\n```\n"
    )
    assert links(page) == ["#two-xy-3", "c.md#d"]
    assert anchors(page) == {"one", "two-xy-3", "one-1"}
    assert console_modules(page) == {"g.h"}
    assert not is_module("g.h")
    assert named_paths("`stages/x.py` `stages/<name>.py` `tests/test_x.py -k y` `models/base`") == {"stages/x.py"}
