"""Scripts that no test runs to the end use only names that the project has."""

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("stages", "tools", "corpora", "experiments", "bench", "sample")
FILES = []
for folder in FOLDERS:
    FILES += sorted((ROOT / folder).rglob("*.py"))


def project_modules(tree: ast.AST) -> dict[str, ModuleType]:
    """The modules of the project that a file imports with `from ... import ...`, by the name used in the file."""
    modules = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith((*FOLDERS, "tests")):
            continue
        package = importlib.import_module(node.module)
        for alias in node.names:
            if not hasattr(package, alias.name):
                importlib.import_module(f"{node.module}.{alias.name}")  # fails if there is no such name
            value = getattr(package, alias.name)
            if isinstance(value, ModuleType):
                modules[alias.asname or alias.name] = value
    return modules


def missing_names(text: str) -> list[str]:
    """What a file reads from modules of the project that do not have it."""
    tree = ast.parse(text)
    modules = project_modules(tree)
    missing = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module and not hasattr(module, node.attr):
                missing.append(f"{node.value.id}.{node.attr}")
    return missing


@pytest.mark.slow  # some of the imported libraries start a process
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_have_the_names_that_are_used(path):
    try:
        assert missing_names(path.read_text(encoding="utf-8")) == []
    except ModuleNotFoundError as error:
        if error.name.startswith(FOLDERS):
            raise
        pytest.skip(f"{error.name} is not installed")


def test_missing_names_are_seen():
    assert missing_names("from stages.records import paths\npaths.DATA\npaths.NOWHERE") == ["paths.NOWHERE"]
    with pytest.raises(ModuleNotFoundError):
        missing_names("from stages.records import nothing")
