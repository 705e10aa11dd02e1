"""The rules of the tests themselves: what they may import, and what of the project they may use."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEST_FILES = sorted((ROOT / "tests").glob("**/*.py"))
BENCHES = sorted((ROOT / "bench").glob("*.py"))
OURS = ("stages", "tools", "experiments")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_names(tree: ast.AST) -> dict[str, str]:
    """What a file calls each thing that it imports, and that thing's full name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(text: str) -> list[str]:
    """The private names that a file imports, reads of anything but `self`, or replaces; those of libraries apart."""
    tree = ast.parse(text)
    names = imported_names(tree)
    libraries = {name for name, full in names.items() if full.split(".")[0] not in (*OURS, "tests")}
    private = [full for name, full in names.items() if name not in libraries and is_private(full.split(".")[-1])]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if first_name(node) not in {*libraries, "self", "super"}:
                private.append(ast.unparse(node))
        elif isinstance(node, ast.Call):
            private += replaced_private_names(node, libraries)
    return private


def first_name(node: ast.AST) -> str | None:
    """`a` of `a.b().c`."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else None


def replaced_private_names(call: ast.Call, libraries: set[str]) -> list[str]:
    """The private name that `setattr(module, "_name", ...)` or `setattr("module._name", ...)` replaces, if it does."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "setattr"):
        return []
    texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    texts = [text for text in texts[:1] if isinstance(text, str) and is_private(text.split(".")[-1])]
    is_of_library = bool(call.args) and first_name(call.args[0]) in libraries
    return [] if is_of_library else texts


@pytest.mark.parametrize("path", [*TEST_FILES, *BENCHES], ids=name_of)
def test_no_file_imports_a_test_file(path):
    names = imported_names(ast.parse(path.read_text())).values()
    assert [name for name in names if name.startswith("tests.") and not name.startswith("tests.support.")] == []


@pytest.mark.parametrize("path", TEST_FILES, ids=name_of)
def test_no_test_uses_a_private_name_of_the_project(path):
    assert private_names(path.read_text()) == []


def test_folder_of_tests_holds_only_tests():
    others = {path.name for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")}
    assert others == {"__init__.py", "conftest.py"}
    assert [path.name for path in (ROOT / "tests" / "support").glob("test_*.py")] == []


def test_private_names_are_seen():
    text = """
import stages.a
from stages import b
from stages.b import _c as c
from transformers import D
stages.a._x()
b.y._x.z
b.Y()._x
thing._x
self._x
b.__doc__
D._x
patch.setattr(b, "_z", 1)
patch.setattr("stages.b._y", 1)
patch.setattr(D, "_x", 1)
"""
    assert sorted(private_names(text)) == [
        "_z",
        "b.Y()._x",
        "b.y._x",
        "stages.a._x",
        "stages.b._c",
        "stages.b._y",
        "thing._x",
    ]


def test_commands_end_in_one_line_after_a_users_mistake():
    """And not in a traceback: the decorator of their main sees to that."""
    undecorated = []
    for folder in ("bench", "corpora", "experiments", "stages", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                is_main = isinstance(node, ast.FunctionDef) and node.name == "main"
                if is_main and "exit_on_user_error" not in map(ast.unparse, node.decorator_list):
                    undecorated.append(name_of(path))
    assert undecorated == []
