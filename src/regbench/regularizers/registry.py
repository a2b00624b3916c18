"""All regularizers, discovered in this package."""

from regbench.registry import subclasses_in
from regbench.regularizers.base import Regularizer

REGULARIZERS: dict[str, type[Regularizer]] = subclasses_in(
    "regbench.regularizers",
    Regularizer,
    required=("title", "effect", "source"),
)
