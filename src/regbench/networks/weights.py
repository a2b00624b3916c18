"""The weights of any Keras network by name, and its trained kernels."""

import keras
import numpy as np


def trained_kernels(network: keras.Model) -> list[np.ndarray]:
    """The weight matrices that training changes, without biases and batch-norm scales."""
    return [
        layer.kernel.numpy()
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense) and layer.trainable
    ]


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """All weights of a network by layer and name, those that training leaves alone included."""
    return {name: weight.numpy() for name, weight in _weights_by_name(network).items()}


def set_weights(network: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Give a network weights that ``weights_of`` returned of one built the same way."""
    network.set_weights([weights[name] for name in _weights_by_name(network)])


def _weights_by_name(network: keras.Model) -> dict[str, keras.Variable]:
    """In the order of ``network.weights``; a loaded network's own paths have other prefixes."""
    return {
        f"{layer.name}.{weight.name}": weight
        for layer in network.layers
        for weight in layer.weights
    }
