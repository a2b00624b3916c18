"""The legend of a study: its network and its regularizers, in a sentence each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regbench.networks.registry import NETWORKS
from regbench.regularizers.registry import REGULARIZERS


@dataclass(frozen=True)
class LegendEntry:
    """A regularizer or network in words."""

    title: str
    meaning: str
    source: str  # the publication that it is from


def regularizers_used(settings: Mapping[str, Any]) -> list[LegendEntry]:
    """Return an entry per regularizer that any technique of a study uses.

    Args:
        settings: The study's settings, plain values; without ``techniques`` there are no entries.
    """
    techniques: Mapping[str, Mapping[str, Any]] = settings.get("techniques", {})
    entries = []
    for key, kind in REGULARIZERS.items():
        names = [name for name, entries in techniques.items() if entries.get(key)]
        if names:
            places = " and ".join(kind.acts())
            meaning = f"{kind.effect} (acts on: {places}); in {', '.join(names)}"
            entries.append(LegendEntry(kind.title, meaning, kind.source))
    return entries


def network_used(settings: Mapping[str, Any]) -> LegendEntry | None:
    """Return the entry of a study's network; None if the settings lack it.

    Args:
        settings: The study's settings, plain values.
    """
    name = settings.get("protocol", {}).get("network")
    entry = settings.get("networks", {}).get(name, {})
    kind = NETWORKS.get(entry.get("kind", ""))
    if kind is None:
        return None
    values = [f"{key.replace('_', ' ')} {value}" for key, value in entry.items() if key != "kind"]
    return LegendEntry(kind.title, f"{name}: {'; '.join(values)}", kind.source)
