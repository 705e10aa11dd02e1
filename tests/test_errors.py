"""How stages and tools end when something is wrong that the user can correct, or when the user interrupts them."""

import ast
from pathlib import Path

import pytest

from stages.common.errors import exit_on_user_error

ROOT = Path(__file__).parent.parent
SCRIPTS = [
    path
    for path in [*(ROOT / "stages").glob("*.py"), *(ROOT / "tools").rglob("*.py"), *(ROOT / "corpora").glob("*.py")]
    if "\ndef main(" in path.read_text()
]


def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(capsys):
    @exit_on_user_error
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 130
    assert capsys.readouterr().err == "interrupted; run the same command to start again\n"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_stage_and_tool_ends_so(path):
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    (main,) = [function for function in functions if function.name == "main"]
    assert "exit_on_user_error" in map(ast.unparse, main.decorator_list)
