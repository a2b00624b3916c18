"""The arms of a study: what it trains with every seed.

In a study of one network an arm is a technique, and has its name. In a study of several it is a
technique on a network, such as ``dropout.mlp``. The name is that of its pipeline, of its namespace
and, with ``_results``, of its results; ``technique`` in tables of trainings is the arm's name, too.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")

# Of a technique, and of a network where there are several: it is also a folder and a namespace.
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
NAME_RULE = "a name is at most 60 small letters, digits and underscores, a letter first"


class Arm(NamedTuple):
    """A technique, and the network that it trains: '' in a study of one network."""

    technique: str
    network: str = ""

    @property
    def name(self) -> str:
        """The name, such as ``dropout`` or ``dropout.mlp``."""
        return f"{self.technique}.{self.network}" if self.network else self.technique

    @property
    def folder(self) -> str:
        """The folder of its trainings below a layer, such as ``dropout`` or ``mlp/dropout``."""
        return f"{self.network}/{self.technique}" if self.network else self.technique


def arm_named(name: str) -> Arm:
    """Return the arm of a name; no technique or network has a dot in its own."""
    technique, _, network = name.partition(".")
    return Arm(technique, network)


def on_same_network(name: str, technique: str) -> str:
    """Return the name of another technique's arm on the network of an arm."""
    return Arm(technique, arm_named(name).network).name


def networks_in(names: Iterable[str]) -> list[str]:
    """Return the networks that arms of a study train, in their order; [''] for one network."""
    return list(dict.fromkeys(arm_named(name).network for name in names))


def by_network(values: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
    """Return values by network, then by technique.

    Args:
        values: By the name of the arm. Those of a study of one network are under ''.
    """
    found: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        arm = arm_named(name)
        found.setdefault(arm.network, {})[arm.technique] = value
    return found
