"""Discovery of regularizers, networks and figures: each is a file in its package's folder."""

import importlib
import pkgutil
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from regbench.errors import SettingsError

Base = TypeVar("Base")
_NO_DECLARATIONS = ("base", "registry")  # the contract, and what collects its subclasses


class DeclarationError(SettingsError, TypeError):
    """A file that declares a regularizer, network or figure is faulty."""


def modules_of(package: str) -> dict[str, ModuleType]:
    """Return a package's modules by name, in alphabetical order; subpackages are left out.

    Args:
        package: Full name, such as ``regbench.regularizers``. Every module in it is imported.

    Raises:
        DeclarationError: A module cannot be imported; the message names file, line and reason.
    """
    folder = list(importlib.import_module(package).__path__)
    names = sorted(module.name for module in pkgutil.iter_modules(folder) if not module.ispkg)
    modules = {}
    for name in names:
        try:
            modules[name] = importlib.import_module(f"{package}.{name}")
        except DeclarationError:  # of a package that this one imports
            raise
        except Exception as error:  # whatever the file does
            file = Path(folder[0], f"{name}.py")
            raise DeclarationError(f"{_place(error, file)}: {_fault(error)}") from error
    return modules


def _place(error: Exception, file: Path) -> str:
    """Return a file and the line in it at which importing it failed, if there is one."""
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == file]
    return f"{file}, line {lines[-1]}" if lines and lines[-1] else str(file)


def _fault(error: Exception) -> str:
    words = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


@cache
def subclasses_in(
    package: str, base: type[Base], required: tuple[str, ...] = ()
) -> dict[str, type[Base]]:
    """Return the subclass of ``base`` that each module of a package declares, by module name.

    Args:
        package: Full name. Its modules ``base`` and ``registry`` are left out.
        base: The abstract class, such as ``Regularizer``.
        required: Class attributes that every subclass must set.

    Raises:
        DeclarationError: A module cannot be imported, or declares no such class or several, or
            one that lacks an attribute.
    """
    classes = {}
    for name, module in modules_of(package).items():
        if name in _NO_DECLARATIONS:
            continue
        declared = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, base)
            and value is not base
            and value.__module__ == module.__name__
        ]
        if len(declared) != 1:
            raise DeclarationError(
                f"{module.__name__}: one {base.__name__} in a file, not {len(declared)}"
            )
        (subclass,) = declared
        missing = [attribute for attribute in required if not hasattr(subclass, attribute)]
        if missing:
            raise DeclarationError(
                f"{module.__name__}: {subclass.__name__} lacks {', '.join(missing)}"
            )
        classes[name] = subclass
    return classes
