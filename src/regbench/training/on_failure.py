"""What the runner calls in the place of a node's function that failed."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "on_failure"


def on_failure_of(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare what is called where a node's function raised, or its process was killed.

    It gets the reason before the node's own inputs, and returns what the node would have.
    """

    def declare(replacement: Function) -> Function:
        setattr(function, _ATTRIBUTE, replacement)
        return replacement

    return declare


def on_failure(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return what is called where a node's function failed; None if a failure ends the run."""
    replacement: Callable[..., Any] | None = getattr(function, _ATTRIBUTE, None)
    return replacement
