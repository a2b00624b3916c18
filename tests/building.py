"""Networks as a training builds them, for tests."""

from typing import Any

import keras

from regbench.networks.base import Network, Plan
from regbench.study.technique import Technique


def build_network(
    image_shape: tuple[int, int, int],
    classes: int,
    network: Network,
    technique: Technique,
    seed: int,
    normalization: dict[str, list[float]],
    **prepared: Any,
) -> keras.Model:
    """Return an untrained network with the layers of a technique."""
    regularizers = technique.regularizers(prepared)
    return network.built(Plan(image_shape, classes, seed, normalization, regularizers))
