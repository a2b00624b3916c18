"""Digests of this package's code: a change in it makes results stale.

The code that a result depends on is found by static analysis: imports are followed in the syntax
trees, those inside of functions too, from the functions that make the result. Nothing is imported.
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
    "regbench.errors": "messages of errors",
    "regbench.text": "what may be shown of a text",
    "regbench.fields": "checks of settings: their values are in the fingerprints",
    "regbench.runs": "the order in which nodes run, and where",
    "regbench.study": "the settings: their values are in the fingerprints",
    "regbench.storage.addresses": "where files are",
    "regbench.storage.atomic": "files are written as they are",
    "regbench.storage.cache": "where copies of files are kept",
    "regbench.storage.remote": "files are copied as they are",
    "regbench.storage.stored_file": "files are read as they are",
    "regbench.training.events": "messages about progress",
}

# What a regularizer's file says of it for readers: no part of the code that trains.
_FOR_READERS = frozenset(
    {"title", "effect", "source", "helps", "not_when", "cost", "aliases", "on", "search"}
)


class Statement(NamedTuple):
    """A statement at the top level of a module."""

    code: str  # digest of its syntax tree
    binds: frozenset[str]  # names that it defines
    names: frozenset[str]  # names that it uses
    imports: frozenset[str]  # imported, in full: package.module or package.module.name


@cache
def digest_of_package() -> str:
    """Return the digest of this package's files and of the libraries that a report depends on.

    Every change counts, in a comment too: a report is made again in seconds.
    """
    return digest([digest_of_files(), *_versions(_LIBRARIES_OF_REPORT)])


@cache
def digest_of_files() -> str:
    """Return the digest of this package's files, whatever libraries are installed."""
    hashed = new_hash()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            hashed.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return hexadecimal(hashed)


@cache
def digest_of_code(*roots: str) -> str:
    """Return the digest of the code and library versions that a result depends on.

    Comments, docstrings, layout and imports for type checkers do not count, nor what the file of a
    regularizer says of it for readers: a paper cited better is no reason to train again.

    Args:
        roots: The functions that make the result: ``package.module:function``; or
            ``package.module``, or ``package`` for all modules in it.

    Raises:
        ModuleNotFoundError: There is no such module.
        AttributeError: A module has no such function.
    """
    by_module = reachable_statements(*roots)
    code = [[statement.code for statement in by_module[module]] for module in sorted(by_module)]
    return digest([code, _versions(LIBRARIES)])


def reachable_statements(*roots: str) -> dict[str, list[Statement]]:
    """Return the statements that a result depends on, by module.

    Of a function's module, those that the function uses; of modules that these import, directly
    or indirectly, all, if they are of RegBench, of a root's package, or lie beside either and are
    not installed. ``__init__`` files do not count: they are empty, or list a pipeline.

    Args:
        roots: As of ``digest_of_code``.
    """
    packages = {"regbench", *(root.partition(":")[0].partition(".")[0] for root in roots)}
    folders = {folder for package in packages if (folder := _own_folder(package))}
    reached: dict[str, dict[Statement, None]] = {}  # by module; dict: a set in order
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
        in_module = reached.setdefault(module, {})
        new = [statement for statement in statements if statement not in in_module]
        in_module.update(dict.fromkeys(new))
        for imported in {name for statement in new for name in statement.imports}:
            top = imported.partition(".")[0]
            beside = top in packages or _own_folder(top) in folders
            other = _module(imported) if beside else None
            if other and other not in whole and is_followed(other):
                whole.add(other)
                waiting.append((other, statements_of(other)))
    return {
        module: [statement for statement in statements_of(module) if statement in in_module]
        for module, in_module in reached.items()
    }


def is_followed(module: str) -> bool:
    """Return whether a module can change a result: neither it nor its package is excluded."""
    return not any(f"{module}.".startswith(f"{name}.") for name in NOT_FOLLOWED)


@cache
def statements_of(module: str) -> tuple[Statement, ...]:
    """Return a module's top-level statements in order; its source is parsed once.

    Raises:
        ModuleNotFoundError: There is no such module.
    """
    tree = ast.parse(_source(module))
    return tuple(_statement(node, module) for node in _statements(tree.body))


def _needed(function: str, module: str) -> list[Statement]:
    """Return a function's definition and the statements of its module that it depends on."""
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
    """Return a module's name, or the names of all modules in a package."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(name)
    if path.name != "__init__.py":
        return [name]
    below = (file.relative_to(path.parent).with_suffix("") for file in path.parent.rglob("*.py"))
    return sorted(".".join([name, *file.parts]).removesuffix(".__init__") for file in below)


def _module(imported: str) -> str | None:
    """Return the module of an import ``package.module`` or ``package.module.name``, or None."""
    if _path(imported):
        return imported
    module = imported.rpartition(".")[0]
    return module if module and _path(module) else None


@cache
def _path(module: str) -> Path | None:
    """Return a module's file, or None, without importing the packages that it is in."""
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.origin and not below else None
    place = Path(spec.submodule_search_locations[0], *below)
    files = (place.parent / f"{place.name}.py", place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@cache
def _own_folder(top: str) -> Path | None:
    """Return the folder of a module or package of the user's; None for one that is installed."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # no module can have this name
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    file = places[0] if places else (spec.origin if spec else None)
    if file is None or file in {"built-in", "frozen"}:
        return None
    folder = Path(file).parent
    installed = {"site-packages", "dist-packages", "lib-dynload"}
    standard = Path(ast.__file__).parent
    return None if folder.name in installed or folder == standard else folder


def _source(module: str) -> str:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return path.read_text(encoding="utf-8")


def _versions(libraries: Iterable[str]) -> list[str]:
    return [f"{name} {version(name)}" for name in libraries]


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements without docstrings and ``TYPE_CHECKING`` blocks, one per imported name."""
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
        """Append a tree's text: each node's type and its fields that are not empty."""
        if isinstance(node, list):
            elements = _statements(node) if isinstance(node[0], ast.stmt) else node
            self.text.append("[")
            for element in elements:
                self.add(element)
            self.text.append("]")
        elif isinstance(node, ast.AST):
            self._note(node)
            self.text.append(f"{type(node).__name__}(")
            for name in node._fields:
                value = getattr(node, name, None)
                if (
                    value is None or value == [] or name == "ctx"
                ):  # the context follows from the place
                    continue
                if isinstance(node, ast.JoinedStr):  # Python 3.12 puts empty texts between
                    value = [v for v in node.values if getattr(v, "value", None) != ""]
                if isinstance(node, ast.ClassDef) and name == "body":
                    value = [part for part in value if not self._is_for_readers(part)]
                self.text.append(f"{name}=")
                self.add(value)
            self.text.append(")")
        else:
            self.text.append(f"{node!r},")

    def _is_for_readers(self, node: ast.stmt) -> bool:
        """Return whether a statement of a class only describes a regularizer."""
        if not (isinstance(node, ast.Assign) and self._module.startswith("regbench.regularizers.")):
            return False
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return len(names) == len(node.targets) and names <= _FOR_READERS

    def _note(self, node: ast.AST) -> None:
        """Add the names that a node uses, defines or imports."""
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
