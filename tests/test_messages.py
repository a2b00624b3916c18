"""Messages name commands that can be pasted: as the README runs them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src/regbench"
NOT_PASTABLE = re.compile(r"(?<!uv run )\bkedro (run|registry|catalog|viz)\b")
# Where the words are no advice: a pattern that finds commands in a text.
NO_ADVICE = {"report/line_breaks.py"}


def texts(module: ast.Module) -> Iterator[str]:
    """Yield the texts of a module but docstrings; what an f-string fills in is left out."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        ast.get_docstring(n, clean=False) for n in ast.walk(module) if isinstance(n, holders)
    }
    for node in ast.walk(module):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node.value not in docstrings:
            yield node.value


def test_every_command_in_a_message_begins_as_in_the_readme() -> None:
    found = {
        f"{path.relative_to(SOURCE)}: {text}"
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).as_posix() not in NO_ADVICE
        for text in texts(ast.parse(path.read_text("utf-8")))
        if NOT_PASTABLE.search(text)
    }
    assert not found, "regbench.errors.KEDRO_RUN is the beginning"


def test_the_check_sees_what_it_looks_for() -> None:
    module = ast.parse('def f():\n    """kedro run"""\n    raise E(f"{a}; kedro run --env=b")')
    assert [text for text in texts(module) if NOT_PASTABLE.search(text)] == ["; kedro run --env=b"]
