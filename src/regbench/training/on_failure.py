"""Fallbacks: functions that the runner calls in place of a node's function that failed."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "on_failure"


def on_failure_of(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Return a decorator that makes a function the fallback of a node's function.

    The fallback is called if the node's function raises or its process is killed. It takes the
    reason, then the node's inputs, and returns what the node would return.
    """

    def declare(replacement: Function) -> Function:
        setattr(function, _ATTRIBUTE, replacement)
        return replacement

    return declare


def on_failure(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the fallback of a node's function; None if a failure ends the run."""
    replacement: Callable[..., Any] | None = getattr(function, _ATTRIBUTE, None)
    return replacement
