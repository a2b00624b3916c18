"""Nested settings: mappings and lists, as files and ``--params`` have them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf


def drop_replaced(values: Any, by: Any) -> None:
    """Drop mappings that lists are to replace, and lists that mappings are: OmegaConf refuses to.

    ``protocol.seeds`` may be either.

    Args:
        values: A mapping, which is changed.
        by: The mapping that is going to be merged into it.
    """
    for key in by:
        if key not in values:
            continue
        if isinstance(values, DictConfig) and OmegaConf.is_interpolation(values, key):
            continue
        old, new = values[key], by[key]
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            drop_replaced(old, new)
        elif (isinstance(old, Mapping) and _is_list(new)) or (
            _is_list(old) and isinstance(new, Mapping)
        ):
            del values[key]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | ListConfig)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values as ``--params`` takes them: keys joined by dots."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield all nested values as text."""
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        yield str(parts)
        return
    for part in parts:
        yield from texts(part)


def depth(content: Any, path: tuple[str, ...]) -> int:
    """Return the number of a path's keys that exist in ``content``."""
    for number, key in enumerate(path):
        if not isinstance(content, dict) or key not in content:
            return number
        content = content[key]
    return len(path)
