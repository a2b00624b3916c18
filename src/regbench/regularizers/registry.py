"""All regularizers, discovered in this package."""

from regbench.registry import subclasses_in
from regbench.regularizers.base import Regularizer

REGULARIZERS: dict[str, type[Regularizer]] = subclasses_in(
    "regbench.regularizers",
    Regularizer,
    required=("title", "effect", "source"),
)

for _kind in REGULARIZERS.values():
    if not _kind.acts():  # a method's name is mistaken: it would train the baseline, unnoticed
        raise TypeError(f"{_kind.__module__}: {_kind.__name__} acts at no place")
