"""The regularizers that act in a step: what is compiled for some serves their equals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regbench.regularizers.base import Regularizer
from regbench.study.digests import hexadecimal, new_hash


@dataclass(frozen=True)
class Acting:
    """The regularizers that act in a step; equal if their settings and bound data are.

    Attributes:
        described: Their keys and settings, and a digest of their data, as JSON.
        regularizers: Themselves.
    """

    described: str
    regularizers: tuple[Regularizer, ...] = field(compare=False)

    @classmethod
    def of(cls, regularizers: Sequence[Regularizer]) -> "Acting":
        """Return them with what they are compared by."""
        described = [
            [type(of).key(), of.model_dump(mode="json"), _described(of.__pydantic_private__)]
            for of in regularizers
        ]
        return cls(json.dumps(described), tuple(regularizers))


def _described(data: Any) -> Any:
    """Return data that a regularizer is bound to as plain values; arrays as their digests."""
    if isinstance(data, Mapping):
        return {str(key): _described(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_described(value) for value in data]
    if isinstance(data, np.ndarray):
        return [data.shape, str(data.dtype), hexadecimal(new_hash(data.tobytes()))]
    return data if data is None or isinstance(data, bool | int | float | str) else repr(data)
