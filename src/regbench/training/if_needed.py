"""Functions of nodes that end at once where a look found their training not to be needed."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "ends_at_once"


def ends_at_once_if(condition: Callable[..., bool]) -> Callable[[Function], Function]:
    """Return a decorator: the runner then starts no process for a function that ends at once.

    Args:
        condition: Whether the function ends at once; its arguments are inputs of the node, by the
            names that the function has for them.
    """

    def declare(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, condition)
        return function

    return declare


def condition_of(function: Callable[..., Any]) -> Callable[..., bool] | None:
    """Return when a node's function ends at once; None if it never does."""
    condition: Callable[..., bool] | None = getattr(function, _ATTRIBUTE, None)
    return condition


def ends_at_once(function: Callable[..., Any], inputs: Any, load: Callable[[str], Any]) -> bool:
    """Return whether a node's function ends at once.

    Args:
        function: The node's.
        inputs: The node's datasets, by the names that the function has for them.
        load: Returns what is in a dataset.
    """
    condition = condition_of(function)
    if condition is None:
        return False
    names: Mapping[str, str] = inputs
    return condition(**{name: load(names[name]) for name in signature(condition).parameters})
