"""Discovery of regularizers, networks and figures: each is a file in its package's folder."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import TypeVar

Base = TypeVar("Base")
_NO_DECLARATIONS = ("base", "registry")  # the contract, and what collects its subclasses


def modules_of(package: str) -> dict[str, ModuleType]:
    """Return a package's modules by name, in alphabetical order; subpackages are left out.

    Args:
        package: Full name, such as ``regbench.regularizers``. Every module in it is imported.
    """
    folder = importlib.import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(folder) if not module.ispkg)
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


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
        TypeError: A module declares no such class or several, or one that lacks an attribute.
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
            raise TypeError(
                f"{module.__name__}: one {base.__name__} in a file, not {len(declared)}"
            )
        (subclass,) = declared
        missing = [attribute for attribute in required if not hasattr(subclass, attribute)]
        if missing:
            raise TypeError(f"{module.__name__}: {subclass.__name__} lacks {', '.join(missing)}")
        classes[name] = subclass
    return classes
