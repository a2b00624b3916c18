"""Digests of this package's code: a change in it makes results stale.

What counts is found by following imports from the functions that make a result, without
importing anything: in the syntax trees, within functions too.
"""

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from regbench.study.digests import digest, hexadecimal, new_hash

LIBRARIES = ("keras", "numpy", "tensorflow")
_LIBRARIES_OF_REPORT = (*LIBRARIES, "jinja2", "matplotlib", "pandas", "pillow", "scipy")

# Modules and packages that cannot change a result, and why.
NOT_FOLLOWED = {
    "regbench.errors": "what is said of a fault",
    "regbench.redaction": "what is left out of messages",
    "regbench.fields": "how settings are checked: their values are in the fingerprints",
    "regbench.runs": "how a run is carried out",
    "regbench.study": "the settings: their values are in the fingerprints",
    "regbench.storage.addresses": "where files are",
    "regbench.storage.atomic": "files are written as they are",
    "regbench.storage.cache": "where copies of files are",
    "regbench.storage.remote": "files are copied as they are",
    "regbench.storage.stored_file": "files are read as they are",
    "regbench.training.events": "what is said of the progress",
}


class Statement(NamedTuple):
    """A statement at the top level of a module."""

    code: str  # its digest
    binds: frozenset[str]  # the names that it gives something to
    names: frozenset[str]  # the names in it
    imports: frozenset[str]  # what it imports, in full: package.module or package.module.name


@cache
def digest_of_package() -> str:
    """Identify all files of this package, and the libraries that make a report.

    Every change counts, of a comment too: a report is made again in seconds.
    """
    made = new_hash()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            made.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest([hexadecimal(made), *_versions(_LIBRARIES_OF_REPORT)])


@cache
def digest_of_code(*roots: str) -> str:
    """Return the digest of all code that a result depends on, and of the libraries under it.

    Comments, docstrings, layout and imports for type checkers do not count.

    Args:
        roots: What makes the result: ``package.module:function``, ``package.module``, or
            ``package`` for all modules in it, such as those that are found by their folder.

    Raises:
        ModuleNotFoundError: A root is no module.
        AttributeError: A root's module has no such function.
    """
    found = reached(*roots)
    code = [[statement.code for statement in found[module]] for module in sorted(found)]
    return digest([code, _versions(LIBRARIES)])


def reached(*roots: str) -> dict[str, list[Statement]]:
    """Return the statements that a result depends on, by module.

    Of the module of a function, those that the function needs; of modules that they import, and
    so on, all. The packages' own files (``__init__``) are empty, or list a pipeline.

    Args:
        roots: As of ``digest_of_code``.
    """
    packages = {"regbench", *(root.partition(".")[0] for root in roots)}
    taken: dict[str, dict[Statement, None]] = {}  # in order
    waiting: list[tuple[str, Iterable[Statement]]] = []
    for root in roots:
        name, _, function = root.partition(":")
        if function:
            waiting.append((name, _needed(function, name)))
        else:
            waiting += [(module, statements_of(module)) for module in _modules(name)]
    whole = {module for module, statements in waiting if statements == statements_of(module)}
    while waiting:
        module, statements = waiting.pop()
        of_module = taken.setdefault(module, {})
        new = [statement for statement in statements if statement not in of_module]
        of_module.update(dict.fromkeys(new))
        for imported in {name for statement in new for name in statement.imports}:
            other = _module(imported) if imported.partition(".")[0] in packages else None
            if other and other not in whole and is_followed(other):
                whole.add(other)
                waiting.append((other, statements_of(other)))
    return {
        module: [statement for statement in statements_of(module) if statement in of_module]
        for module, of_module in taken.items()
    }


def is_followed(module: str) -> bool:
    """Return whether a module of this name can change a result."""
    return not any(f"{module}.".startswith(f"{name}.") for name in NOT_FOLLOWED)


@cache
def statements_of(module: str) -> tuple[Statement, ...]:
    """Return a module's statements in order; its source is read and parsed once.

    Raises:
        ModuleNotFoundError: There is no such module.
    """
    tree = ast.parse(_source(module))
    return tuple(_statement(node, module) for node in _statements(tree.body))


def _needed(function: str, module: str) -> list[Statement]:
    """Return a function's statement, and those of its module that it needs."""
    statements = statements_of(module)
    needed: dict[Statement, None] = {}
    names = [function]
    seen = {function}
    while names:
        name = names.pop()
        for statement in statements:
            if name in statement.binds and statement not in needed:
                needed[statement] = None
                names += statement.names - seen
                seen |= statement.names
    if not needed:
        raise AttributeError(f"{module} has no {function}")
    return list(needed)


def _modules(name: str) -> list[str]:
    """Return the modules that a root stands for: itself, or all in a package."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(name)
    if path.name != "__init__.py":
        return [name]
    below = (file.relative_to(path.parent).with_suffix("") for file in path.parent.rglob("*.py"))
    return sorted(".".join([name, *file.parts]).removesuffix(".__init__") for file in below)


def _module(imported: str) -> str | None:
    """Return the module of ``package.module`` or ``package.module.name``."""
    if _path(imported):
        return imported
    module = imported.rpartition(".")[0]
    return module if module and _path(module) else None


@cache
def _path(module: str) -> Path | None:
    """Find a module's file without importing the packages that it is in."""
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.origin and not below else None
    place = Path(spec.submodule_search_locations[0], *below)
    files = (place.parent / f"{place.name}.py", place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _source(module: str) -> str:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return path.read_text(encoding="utf-8")


def _versions(libraries: Iterable[str]) -> list[str]:
    return [f"{name} {version(name)}" for name in libraries]


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Leave docstrings and what only type checkers see out; give every import its own statement."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if not isinstance(node.value.value, str):
                yield node
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _statements(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (ast.Import([alias]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (ast.ImportFrom(node.module, [alias], node.level) for alias in node.names)
        else:
            yield node


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _statement(node: ast.stmt, module: str) -> Statement:
    written = _Written(module)
    written.add(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        written.binds = {node.name}
    code = hexadecimal(new_hash("".join(written.text).encode("utf-8", "surrogatepass")))
    return Statement(
        code, frozenset(written.binds), frozenset(written.names), frozenset(written.imports)
    )


class _Written:
    """A syntax tree as text, the same in every version of Python, and the names in it."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.text: list[str] = []
        self.binds: set[str] = set()
        self.names: set[str] = set()
        self.imports: set[str] = set()

    def add(self, node: Any) -> None:
        """Write a tree: each node's type, and those of its fields that hold something."""
        if isinstance(node, list):
            parts = _statements(node) if isinstance(node[0], ast.stmt) else node
            self.text.append("[")
            for part in parts:
                self.add(part)
            self.text.append("]")
        elif isinstance(node, ast.AST):
            self._note(node)
            self.text.append(f"{type(node).__name__}(")
            for name in node._fields:
                value = getattr(node, name, None)
                if value is None or value == [] or name == "ctx":  # the place says the context
                    continue
                if isinstance(node, ast.JoinedStr):  # Python 3.12 puts empty texts between
                    value = [part for part in node.values if getattr(part, "value", None) != ""]
                self.text.append(f"{name}=")
                self.add(value)
            self.text.append(")")
        else:
            self.text.append(f"{node!r},")

    def _note(self, node: ast.AST) -> None:
        """Keep what a node names, gives a name to, or imports."""
        if isinstance(node, ast.Name):
            self.names.add(node.id)
            if isinstance(node.ctx, ast.Store):
                self.binds.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.binds.add(node.name)
        elif isinstance(node, ast.Import):
            self.imports |= {alias.name for alias in node.names}
            self.binds |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            place = node.module or ""
            if node.level:
                up = node.level - self._is_package()
                package = self._module.rsplit(".", up)[0] if up else self._module
                place = f"{package}.{place}".rstrip(".")
            self.imports |= {f"{place}.{alias.name}" for alias in node.names}
            self.binds |= {alias.asname or alias.name for alias in node.names}

    def _is_package(self) -> bool:
        path = _path(self._module)
        return path is not None and path.name == "__init__.py"
