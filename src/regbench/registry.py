"""Declarations that are found by themselves: one file each for a regularizer, network or figure."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import TypeVar

Base = TypeVar("Base")


def modules_of(package: str) -> dict[str, ModuleType]:
    """Return the modules of a package by their names in it, in alphabetical order.

    Args:
        package: Its full name, such as ``regbench.regularizers``. Every module in it is imported.
    """
    folder = importlib.import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(folder) if not module.ispkg)
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


@cache
def subclasses_in(package: str, base: type[Base]) -> dict[str, type[Base]]:
    """Return the class that each module of a package declares, by the module's name.

    Args:
        package: Its full name. Modules without a subclass of ``base`` are passed over.
        base: The contract that the classes fulfil.

    Raises:
        TypeError: A module declares more than one.
    """
    found = {}
    for name, module in modules_of(package).items():
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, base)
            and value is not base
            and value.__module__ == module.__name__
        ]
        if len(own) > 1:
            raise TypeError(f"{module.__name__}: one {base.__name__} in a file, not {len(own)}")
        if own:
            found[name] = own[0]
    return found
