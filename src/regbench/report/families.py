"""The family of each technique: that of its regularizers."""

from collections.abc import Mapping
from typing import Any

from regbench.regularizers.base import FAMILIES
from regbench.regularizers.registry import REGULARIZERS

COMBINATIONS = "Combinations"


def families_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the title of each technique's family; a technique of several is a combination.

    Args:
        settings: The study's settings, plain values; without ``techniques`` there are none.
    """
    techniques: Mapping[str, Mapping[str, Any]] = settings.get("techniques", {})
    found = {}
    for name, entries in techniques.items():
        titles = {FAMILIES[kind.family()] for key, kind in REGULARIZERS.items() if entries.get(key)}
        if titles:
            found[name] = titles.pop() if len(titles) == 1 else COMBINATIONS
    return found
