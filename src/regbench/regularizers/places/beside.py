"""What else a study has beside a regularizer, to see whether they mean something together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Beside:
    """The protocol's settings that a regularizer may clash with, and its technique's others.

    Attributes:
        optimizer: The name, such as ``adam``.
        weight_decay: Of the optimizer; 0 if it has none.
        schedule: The name, such as ``cosine``.
        epochs: Of a training.
        others: The technique's other regularizers by key: instances of ``Regularizer``.
    """

    optimizer: str
    weight_decay: float
    schedule: str
    epochs: int
    others: Mapping[str, Any] = field(default_factory=dict)
