"""Which regularizers cannot be in one technique."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.ensemble import Ensemble

# What one regularizer of a technique may do at the most, and whether a kind of them does it.
_ONE_OF: dict[str, Callable[[type[Regularizer]], bool]] = {
    "average the weights": lambda kind: kind.averages_weights,
    "normalize the activations": lambda kind: kind.normalizes,
    "compute the kernels anew": lambda kind: kind.does("reparametrize"),
    "train several networks": lambda kind: issubclass(kind, Ensemble),
}


def several_of_one(regularizers: Iterable[type[Regularizer]]) -> list[str]:
    """Return a sentence for everything that several regularizers do, and one is the most."""
    kinds, found = list(regularizers), []
    for what, is_one in _ONE_OF.items():
        several = [kind.key() for kind in kinds if is_one(kind)]
        if len(several) > 1:
            found.append(f"{' and '.join(several)} each {what}: a technique can have one of them")
    return found


def clashes(regularizers: Iterable[Regularizer], beside: Beside) -> dict[str, str]:
    """Return why regularizers cannot be used beside the others or the protocol, by their key.

    Args:
        regularizers: Of one technique.
        beside: The protocol's settings.
    """
    made: Mapping[str, Regularizer] = {one.key(): one for one in regularizers}
    found = {}
    for key, regularizer in made.items():
        others = {other: made[other] for other in made if other != key}
        if clash := regularizer.clash(replace(beside, others=others)):
            found[key] = clash
    return found
