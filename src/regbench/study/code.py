"""Digests of this package's code: a change in it makes results stale."""

import ast
import importlib.util
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from regbench.study.digests import digest, new_hash, short_name

LIBRARIES = ("keras", "numpy", "tensorflow")
_LIBRARIES_OF_REPORT = (*LIBRARIES, "jinja2", "matplotlib", "pandas", "pillow", "scipy")


@cache
def of_package() -> str:
    """Identify all files of this package, and the libraries that make a report.

    Every change counts, of a comment too: a report is made again in seconds.
    """
    made = new_hash()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            made.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest([short_name(made), *(f"{name} {version(name)}" for name in _LIBRARIES_OF_REPORT)])


@cache
def of_code(modules: tuple[str, ...]) -> str:
    """Identify modules of this package, and the libraries under them.

    Comments, docstrings and layout do not count.
    """
    libraries = [f"{name} {version(name)}" for name in LIBRARIES]
    return digest([_code(_source(f"regbench.{name}")) for name in modules] + libraries)


@cache
def _code(source: str) -> Any:
    """A module's syntax tree as plain values."""
    return _plain(ast.parse(source))


def _plain(node: Any) -> Any:
    """A syntax tree without docstrings as plain values, the same in every version of Python."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    given = {}
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
            value = value[1:]
        if value is not None and value != []:
            given[name] = _plain(value)
    return [type(node).__name__, given]


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin).read_text(encoding="utf-8")


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
