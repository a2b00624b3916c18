"""All kinds of networks, discovered in the package ``kinds``."""

from collections.abc import Mapping
from typing import Any

from regbench.networks.base import Network
from regbench.registry import subclasses_in

NETWORKS: dict[str, type[Network]] = subclasses_in(
    "regbench.networks.kinds",
    Network,
    required=("title", "source"),
)


def network_of(entry: Mapping[str, Any]) -> Network:
    """Return the network that an entry of ``conf`` describes.

    Args:
        entry: ``kind``, one of ``NETWORKS``, and the settings of this kind.

    Raises:
        pydantic.ValidationError: A setting is unknown, missing or out of range.
    """
    settings = {key: value for key, value in entry.items() if key != "kind"}
    return NETWORKS[entry["kind"]].model_validate(settings)
