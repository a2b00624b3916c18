"""Values of an image that a training keeps in memory until its gradients are computed."""

import math
from collections.abc import Collection

import keras

from regbench.networks.multiply_adds import applications


def kept_values(network: keras.Model, frozen: Collection[str] = ()) -> int:
    """Return how many values of an image backpropagation keeps, at least.

    These are the inputs of layers whose weights are trained, and, where no layer is frozen, the
    outputs of activations; each once. What else is kept depends on TensorFlow.

    Args:
        network: Sequential or functional, with models in it or not.
        frozen: Names of layers that are not trained.
    """
    kept: dict[int, int] = {}
    for layer, given, made in applications(network):
        if getattr(layer, "trainable_weights", []) and layer.name not in frozen:
            kept[id(given)] = _values(given.shape)
        elif not frozen and isinstance(layer, keras.layers.Activation | keras.layers.ReLU):
            kept[id(made)] = _values(made.shape)
    return sum(kept.values())


def _values(shape: tuple[int | None, ...]) -> int:
    """Return the number of values of one image; a side of unknown length counts as 1."""
    return math.prod(side or 1 for side in shape[1:])
