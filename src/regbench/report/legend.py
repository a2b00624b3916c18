"""What the network and the regularizers of a study are, in a sentence each, from their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regbench.networks.registry import NETWORKS
from regbench.regularizers.registry import REGULARIZERS


@dataclass(frozen=True)
class Explained:
    """A regularizer or network as a reader is told of it."""

    title: str
    meaning: str
    source: str


def regularizers_used(settings: Mapping[str, Any]) -> list[Explained]:
    """Return the regularizers that any technique of a study has.

    Args:
        settings: The study's, plain values; may lack what a report is made without.
    """
    techniques: Mapping[str, Mapping[str, Any]] = settings.get("techniques", {})
    explained = []
    for key, kind in REGULARIZERS.items():
        names = [name for name, entries in techniques.items() if entries.get(key)]
        if names:
            places = " and ".join(kind.acts())
            meaning = f"{kind.effect} (acts on: {places}); in {', '.join(names)}"
            explained.append(Explained(kind.title, meaning, kind.source))
    return explained


def network_used(settings: Mapping[str, Any]) -> Explained | None:
    """Return the network of a study; None if the settings do not say which.

    Args:
        settings: The study's, plain values; may lack what a report is made without.
    """
    name = settings.get("protocol", {}).get("network")
    entry = settings.get("networks", {}).get(name, {})
    kind = NETWORKS.get(entry.get("kind", ""))
    if kind is None:
        return None
    values = [f"{key.replace('_', ' ')} {value}" for key, value in entry.items() if key != "kind"]
    return Explained(kind.title, f"{name}: {'; '.join(values)}", kind.source)
